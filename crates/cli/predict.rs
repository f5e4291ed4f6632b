//! `mmtl predict`: new rows through a finished run's preprocessing and weights.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::path::Path;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use mmtl_data::{Cells, DataError, NewRows, Preprocessing, SheetColumn, SheetFormat, SheetWriter};
use mmtl_grid::run::{PartPredictions, RunError};
use mmtl_grid::{Catalogue, FinishedRun, Predicted, Predictor};
use tempfile::NamedTempFile;

use crate::args::Predict;
use crate::draft::RemovedAtSignals;
use crate::engines::engine;
use crate::failure::Failure;
use crate::preparing::{DataProgress, Line};
use crate::repro::{store_of, stored_run};
use crate::workers::{cache_of, results_of};

/// Predicts the rows of files.
pub fn predict(args: &Predict) -> Result<(), Failure> {
    let out = Output::plan(args.out.as_deref())?;
    let run = stored_run(&args.run)?;
    let cache = cache_of(&results_of(&store_of(&run)));
    let run = FinishedRun::open(run, &Catalogue::standard()).map_err(Failure::input)?;
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let engine = engine(&run.trial.configuration.execution, threads).map_err(Failure::input)?;
    if engine.numerics() != run.record.numerics {
        eprintln!(
            "mmtl: this machine computes in another numerics class ({}) than the run's ({}): last digits may differ",
            engine.numerics(),
            run.record.numerics
        );
    }
    let mut bar = DataProgress::new(false);
    let fitted = run.preprocessing(&cache, &mut |progress| bar.show_one(progress));
    bar.end();
    let fitted = fitted.map_err(Failure::input)?;
    let mut predictor = Predictor::open(&run, &fitted, engine.as_ref()).map_err(Failure::input)?;
    out.fill(|sheet| predict_all(&run, &fitted, &mut predictor, args, sheet))
}

fn predict_all(
    run: &FinishedRun,
    fitted: &Preprocessing,
    predictor: &mut Predictor,
    args: &Predict,
    sheet: &mut Sheet,
) -> Result<(), Failure> {
    let any_scene = predictor.takes_any_scene();
    let mut told = Told::new(sheet.is_on_terminal());
    let done = fitted.each(&run.settings.data, &args.files, any_scene, &mut |rows: NewRows| {
        let predictions = predictor.predict(&rows.dataset).map_err(Unpredicted::Failed)?;
        sheet.write(&columns(fitted, Some(&rows), &predictions)).map_err(Unpredicted::Unwritten)?;
        told.tell(rows.first + rows.dataset.len() as u64, rows.share);
        Ok(())
    });
    told.end();
    done.map_err(|error| sheet.failure(error))?;
    if sheet.is_empty() {
        // Of no row there still are columns.
        let none = predictor.predict(&fitted.no_rows()).map_err(Failure::failed)?;
        let written = sheet.write(&columns(fitted, None, &none)).map_err(Unpredicted::Unwritten);
        written.map_err(|error| sheet.failure(error))?;
    }
    Ok(())
}

/// Why rows are left without predictions.
enum Unpredicted {
    Input(DataError),
    Failed(RunError),
    Unwritten(io::Error),
}

impl From<DataError> for Unpredicted {
    fn from(error: DataError) -> Self {
        Self::Input(error)
    }
}

/// The columns of some rows: `row`, counted from 1 over all files, `id` where the rows have one, `scene`, and the
/// predictions of each task.
fn columns<'a>(
    fitted: &Preprocessing,
    rows: Option<&'a NewRows>,
    predictions: &PartPredictions,
) -> Vec<SheetColumn<'a>> {
    let (first, count) = rows.map_or((0, 0), |rows| (rows.first, rows.dataset.len()));
    let mut columns = vec![("row".to_owned(), Cells::Whole((first + 1..=first + count as u64).collect()))];
    if let Some(ids) = rows.and_then(|rows| rows.ids.as_ref()) {
        columns.push(("id".to_owned(), Cells::Texts((0..count).map(|at| ids.get(at)).collect())));
    }
    let scenes = (0..count).map(|at| rows.and_then(|rows| rows.scenes.get(at))).collect();
    columns.push(("scene".to_owned(), Cells::Texts(scenes)));
    for (number, (task, predicted)) in fitted.schema().tasks.iter().zip(&predictions.tasks).enumerate() {
        if let Some(predicted) = predicted {
            columns.extend(Predicted::from(predicted).columns(task, fitted.classes(number)));
        }
    }
    columns
}

/// Where predictions go.
enum Output<'a> {
    Stdout,
    File(&'a Path, SheetFormat),
}

/// Predictions on their way.
struct Sheet {
    writer: SheetWriter<To>,
    name: String,
    empty: bool,
    terminal: bool,
}

enum To {
    Stdout(BufWriter<Stdout>),
    /// Gets its name last.
    File(BufWriter<NamedTempFile>),
}

impl Write for To {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(to) => to.write(bytes),
            Self::File(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(to) => to.flush(),
            Self::File(to) => to.flush(),
        }
    }
}

impl<'a> Output<'a> {
    fn plan(out: Option<&'a Path>) -> Result<Self, Failure> {
        let Some(path) = out.filter(|path| *path != Path::new("-")) else { return Ok(Self::Stdout) };
        if path.exists() {
            return Err(Failure::input(format!("`{}` exists, expected the name of a file to make", path.display())));
        }
        let format = SheetFormat::of(path).ok_or_else(|| {
            Failure::input(format!("{} ends in neither .csv nor .parquet, expected one of them", path.display()))
        })?;
        Ok(Self::File(path, format))
    }

    /// Writes what `fill` hands out; a file is whole or not there.
    fn fill(self, fill: impl FnOnce(&mut Sheet) -> Result<(), Failure>) -> Result<(), Failure> {
        let (format, to, name, _removed) = match self {
            Self::Stdout => {
                (SheetFormat::Csv, To::Stdout(BufWriter::new(io::stdout())), "standard output".to_owned(), None)
            }
            Self::File(path, format) => {
                let (draft, name) = (beside(path)?, format!("`{}`", path.display()));
                let removed = RemovedAtSignals::new(draft.path()).map_err(|error| unwritten(&name, &error))?;
                (format, To::File(BufWriter::new(draft)), name, Some(removed))
            }
        };
        let terminal = matches!(self, Self::Stdout) && io::stdout().is_terminal();
        let mut sheet = Sheet { writer: SheetWriter::new(format, to), name, empty: true, terminal };
        fill(&mut sheet)?;
        let Sheet { writer, name, .. } = sheet;
        let unwritten = |error: io::Error| unwritten(&name, &error);
        match (writer.finish().map_err(unwritten)?, self) {
            (To::File(file), Self::File(path, _)) => {
                let file = file.into_inner().map_err(|error| unwritten(error.into_error()))?;
                file.as_file().sync_all().map_err(unwritten)?;
                file.persist_noclobber(path).map(drop).map_err(|error| unwritten(error.error))
            }
            (mut to, _) => to.flush().map_err(unwritten),
        }
    }
}

fn beside(path: &Path) -> Result<NamedTempFile, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".predict-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder).map_err(Failure::writing(path))
}

fn unwritten(name: &str, error: &io::Error) -> Failure {
    Failure::input(format!("cannot write {name}: {error}"))
}

impl Sheet {
    fn write(&mut self, columns: &[SheetColumn]) -> io::Result<()> {
        self.empty = false;
        self.writer.write(columns)
    }

    fn is_empty(&self) -> bool {
        self.empty
    }

    fn is_on_terminal(&self) -> bool {
        self.terminal
    }

    fn failure(&self, error: Unpredicted) -> Failure {
        match error {
            Unpredicted::Input(error) => Failure::input(error),
            Unpredicted::Failed(error) => Failure::failed(error),
            Unpredicted::Unwritten(error) => unwritten(&self.name, &error),
        }
    }
}

/// Says how far it is, unless predictions go to the same terminal.
struct Told {
    line: Option<Line>,
    began: Instant,
}

impl Told {
    fn new(silent: bool) -> Self {
        Self { line: (!silent).then(|| Line::new(false)), began: Instant::now() }
    }

    fn tell(&mut self, rows: u64, share: f64) {
        let elapsed = self.began.elapsed();
        if let Some(line) = &mut self.line {
            line.show(|| told(rows, share, elapsed));
        }
    }

    fn end(&self) {
        self.line.iter().for_each(Line::end);
    }
}

fn told(rows: u64, share: f64, elapsed: Duration) -> String {
    let rate = rows as f64 / elapsed.as_secs_f64().max(1e-3);
    format!("predicting: {rows} rows, {} %; {rate:.0} rows/s", (100.0 * share).floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rows_share_and_rate() {
        assert_eq!(told(500, 0.256, Duration::from_secs(2)), "predicting: 500 rows, 25 %; 250 rows/s");
    }
}
