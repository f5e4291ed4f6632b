//! `mmtl run --plan`: what a grid would cost.

use mmtl_grid::{Catalogue, Experiment, forecast};
use mmtl_report::{forecast_json, forecast_text};

use crate::args::{Run, TextOrJson};
use crate::engines::{engine, execution};
use crate::failure::Failure;
use crate::preparing::DataProgress;
use crate::say::put;
use crate::workers::{cache_of, options};

/// Opens the data as a run does, and prints the costs.
pub fn print_costs(args: &Run, experiment: &Experiment, catalogue: &Catalogue) -> Result<(), Failure> {
    let options = options(args.how, args.again);
    let execution = execution(&args.executed);
    let engine = engine(&execution, options.threads).map_err(Failure::input)?;
    let mut bar = DataProgress::new(args.plain);
    let (executed, shared_out) = ((&execution, engine.as_ref()), (options.jobs, options.threads));
    let cache = cache_of(&args.results);
    let told = forecast(experiment, catalogue, executed, shared_out, &cache, &mut |progress| bar.show(progress));
    bar.end();
    let told = told.map_err(Failure::input)?;
    match args.costs.format {
        TextOrJson::Text => put(forecast_text(&told))?,
        TextOrJson::Json => put(forecast_json(&told))?,
    }
    Ok(())
}
