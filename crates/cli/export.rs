//! `mmtl export`: a finished run for other programs.

use std::path::{Path, PathBuf};

use mmtl_data::SheetFormat;
use mmtl_grid::schedule::shows_test;
use mmtl_grid::store::Store;
use mmtl_grid::{Catalogue, Export, FinishedRun};

use crate::args::{Export as Args, Sheet};
use crate::failure::Failure;
use crate::folder;
use crate::preparing::DataProgress;
use crate::repro::{store_of, stored_run};
use crate::say::say;
use crate::workers::{cache_of, results_of};

/// Writes a finished run's weights, split, predictions and vocabularies into a new folder.
pub fn export(args: &Args) -> Result<(), Failure> {
    let run = stored_run(&args.run)?;
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from(format!("export-{}", run.key())));
    folder::must_not_exist(&dir)?;
    let store = store_of(&run);
    let test = shows_test(&Store::open(&store).map_err(Failure::input)?).map_err(Failure::input)?;
    let run = FinishedRun::open(run, &Catalogue::standard()).map_err(Failure::input)?;
    let cache = cache_of(&results_of(&store));
    let mut bar = DataProgress::new(false);
    let dataset = run.dataset(&cache, &mut |progress| bar.show_one(progress));
    let fitted =
        dataset.and_then(|dataset| Ok((dataset, run.preprocessing(&cache, &mut |progress| bar.show_one(progress))?)));
    bar.end();
    let (dataset, fitted) = fitted.map_err(Failure::input)?;
    let export = Export {
        run: &run,
        dataset: &dataset,
        fitted: &fitted,
        test,
        format: match args.format {
            Sheet::Csv => SheetFormat::Csv,
            Sheet::Parquet => SheetFormat::Parquet,
        },
        version: env!("CARGO_PKG_VERSION"),
    };
    let exported = folder::make(&dir, |folder: &Path| export.write(folder).map_err(Failure::input))?;
    say(format_args!(
        "{}: {} tensors in {} of weights, {} rows with predictions{}, in {}",
        run.run.key(),
        exported.tensors,
        if exported.models == 1 { "1 file".to_owned() } else { format!("{} files", exported.models) },
        exported.predictions,
        if test { "" } else { " (of test rows none until the grid is done)" },
        dir.display()
    ))?;
    Ok(())
}
