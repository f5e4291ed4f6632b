//! The fits of a trial: what its architecture trains apart, times the scenes that its protocol keeps apart.

use std::sync::Arc;

use mmtl_data::Dataset;
use mmtl_train::{FitRows, FitSpec, Selection, Training};
use mmtl_zoo::Architecture;

use crate::configuration::{Configuration, TrialSettings};
use crate::run::RunError;
use mmtl_zoo::Protocol;

/// One fit of a trial.
#[derive(Clone, Debug)]
pub struct TrialFit {
    /// Name, unique within the trial: `click`, or `click/Dresses` where scenes are apart.
    pub name: String,
    /// Everything that decides its numbers.
    pub spec: FitSpec,
}

/// The fits of a trial, in the order in which they run.
///
/// # Errors
/// When settings do not fit the data, or do not make a plan.
pub fn fits(
    configuration: &Configuration,
    settings: &TrialSettings,
    architecture: &dyn Architecture,
    dataset: &Dataset,
) -> Result<Vec<TrialFit>, RunError> {
    let schema = dataset.schema();
    let training = Training::new(&settings.train, schema)?;
    let selection = Selection::new(&settings.select, schema)?;
    let mut fits = vec![];
    for of in architecture.fits(schema) {
        let plan = Arc::new(architecture.plan(schema, &of.tasks, &settings.model, &settings.own)?);
        let fit = |name: String, rows: FitRows| TrialFit {
            name,
            spec: FitSpec {
                plan: plan.clone(),
                training: training.clone(),
                selection,
                seeds: configuration.seeds,
                rows,
                looks: vec![],
            },
        };
        match configuration.protocol {
            Protocol::Joint => fits.push(fit(of.name, FitRows::all(dataset))),
            Protocol::PerScene => fits.extend(
                schema
                    .scenes
                    .iter()
                    .enumerate()
                    .map(|(scene, name)| fit(format!("{}/{name}", of.name), FitRows::of_scene(dataset, scene))),
            ),
        }
    }
    Ok(fits)
}
