//! `mmtl repro`: runs a stored trial again, elsewhere, and compares every byte of what it left.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use mmtl_grid::run::{TrialResult, fits, run_trial, stored};
use mmtl_grid::store::{Record, RunFolder, Store, predictions};
use mmtl_grid::{Catalogue, TrialKey};
use mmtl_metrics::Metric;

use crate::args::Repro;
use crate::engines::engine;
use crate::failure::Failure;
use crate::keeping::Weights;
use crate::say::say;
use crate::workers::{cache_of, results_of};

/// Runs a trial again from its `trial.toml` and compares record and predictions.
pub fn repro(args: &Repro) -> Result<(), Failure> {
    let run = stored_run(&args.run)?;
    let record = run.record().map_err(Failure::input)?;
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let cache = cache_of(&results_of(&store_of(&run)));
    let mut weights = Weights::new(args.keep_weights)?;
    let (again, stored_predictions) = execute(&run, &record, threads, &cache, &mut weights)?;
    if again.record.numerics != record.numerics {
        return Err(Failure::failed(format!(
            "this machine computes in another numerics class ({}) than the record's ({}): the same bits are not to be expected",
            again.record.numerics, record.numerics
        )));
    }
    let mut differences = vec![];
    if run.record_bytes(&again.record).map_err(Failure::failed)? != read(&run.file("record.json"))? {
        differences.push("record.json");
    }
    if stored_predictions != read(&run.predictions_file())? {
        differences.push("predictions.parquet");
    }
    if !differences.is_empty() {
        return Err(Failure::failed(format!("{} differs: {}", run.key(), differences.join(", "))));
    }
    weights.keep(&run)?;
    say(format_args!(
        "{}: reproduced bit for bit on {threads} threads: {} scores, predictions and weights ({})",
        run.key(),
        record.cells.len(),
        record.fits.iter().map(|fit| &fit.weights[..16]).collect::<Vec<_>>().join(", ")
    ))?;
    Ok(())
}

/// The folder of the grid that a run belongs to.
pub fn store_of(run: &RunFolder) -> PathBuf {
    run.root().parent().unwrap_or(Path::new(".")).to_owned()
}

/// The run in a folder that was typed.
pub fn stored_run(folder: &Path) -> Result<RunFolder, Failure> {
    fs::metadata(folder).map_err(Failure::reading(folder))?;
    // Not what a link points to: the prepared data lie beside the grid's folder as it is named.
    let folder = std::path::absolute(folder).map_err(Failure::reading(folder))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let key: TrialKey = name.parse().map_err(|error: mmtl_grid::GridError| Failure::input(error))?;
    let store = Store::open(folder.parent().unwrap_or(Path::new("."))).map_err(Failure::input)?;
    Ok(store.run(&key))
}

/// The result of running the trial again, scored by the metrics of its record, and the bytes of its predictions' file.
fn execute(
    run: &RunFolder,
    record: &Record,
    threads: usize,
    cache: &Path,
    weights: &mut Weights,
) -> Result<(TrialResult, Vec<u8>), Failure> {
    let catalogue = Catalogue::standard();
    let trial = run.trial(&catalogue).map_err(Failure::input)?;
    trial.check_key(run.key(), &catalogue).map_err(Failure::input)?;
    let settings = trial.configuration.settings(&catalogue).map_err(Failure::input)?;
    let engine = engine(&trial.configuration.execution, threads).map_err(Failure::input)?;
    let dataset =
        mmtl_data::open(&settings.data, &trial.configuration.seeds, cache, &mut |_| {}).map_err(Failure::input)?;
    if dataset.fingerprint() != trial.fingerprint {
        return Err(Failure::input("the data is not what it was when this trial ran: its fingerprint differs"));
    }
    let architecture = mmtl_zoo::architecture(&trial.configuration.architecture).map_err(Failure::input)?;
    let fits = fits(&trial.configuration, &settings, architecture, &dataset).map_err(Failure::input)?;
    let asked: Vec<Metric> = record.cells.iter().map(|cell| cell.metric).collect();
    let asked = (trial.round, asked.as_slice());
    let result = run_trial(&fits, &dataset, engine.as_ref(), asked, weights).map_err(Failure::failed)?;
    let result = result.ok_or_else(|| Failure::failed("the trial stopped early"))?;
    let folder = tempfile::tempdir().map_err(Failure::failed)?;
    let file = folder.path().join("predictions.parquet");
    predictions::write(&file, &stored(&dataset, &result.predictions)).map_err(Failure::failed)?;
    Ok((result, read(&file)?))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(Failure::reading(path))
}
