//! The runs of a grid: an experiment's trials with their keys, decided once and kept in `planned.json`, which the
//! scheduler reads.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use mmtl_data::{DataError, Dataset, Progress};
use mmtl_plan::{Schema, Task};
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::configuration::{Configuration, Execution};
use crate::error::GridError;
use crate::experiment::Experiment;
use crate::key::TrialKey;
use crate::made::Made;
use crate::run::{RunError, fits};
use crate::store::{FormatVersion, Store, StoredTrial, atomic, read_json, to_json};
use crate::trial::{Row, Trial};

const VERSION: FormatVersion = FormatVersion(1);

/// One run of a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Its key.
    pub key: TrialKey,
    /// Its architecture.
    pub architecture: String,
    /// Its protocol.
    pub protocol: String,
    /// Its seed.
    pub seed: u64,
    /// Its rows in tables.
    pub rows: Vec<Row>,
    /// Why it makes no sense and is never run, if so.
    pub not_applicable: Option<String>,
}

/// All runs of a grid, and what their tables are about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// The runs, in the order in which they start.
    pub runs: Vec<Planned>,
    /// The tasks of the data; of all data, where an axis varies it.
    pub tasks: Vec<Task>,
    /// The scenes of the data, likewise.
    pub scenes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GridFile {
    version: FormatVersion,
    grid: Grid,
}

/// An experiment made ready: nothing is written yet but prepared data.
#[derive(Debug)]
pub struct Prepared {
    /// The runs with their tables' subjects.
    pub grid: Grid,
    trials: Vec<StoredTrial>,
    made: Made,
}

/// Opens the data of every trial, decides which trials make sense, and gives each its key.
///
/// # Errors
/// When the data cannot be had, settings do not fit it, or no trial makes sense; data prepared by then is removed.
pub fn prepare(
    experiment: &Experiment,
    catalogue: &Catalogue,
    execution: &Execution,
    cache: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Prepared, GridError> {
    let mut made = Made::below(cache);
    match plan(experiment, catalogue, execution, cache, progress, &mut made) {
        Ok((grid, trials)) => Ok(Prepared { grid, trials, made }),
        Err(error) => {
            made.take_back();
            Err(error)
        }
    }
}

fn plan(
    experiment: &Experiment,
    catalogue: &Catalogue,
    execution: &Execution,
    cache: &Path,
    progress: &mut dyn FnMut(Progress),
    made: &mut Made,
) -> Result<(Grid, Vec<StoredTrial>), GridError> {
    let mut trials = experiment.trials(catalogue, execution);
    let datasets = open_all(experiment, catalogue, &trials, cache, progress, made)?;
    let dataset = |configuration: &Configuration| &datasets[&configuration.data_identity()];
    experiment.decide(&mut trials, |configuration| {
        let architecture = mmtl_zoo::architecture(&configuration.architecture).map_err(|error| error.to_string())?;
        architecture.applies(dataset(configuration).schema(), configuration.protocol)
    })?;
    let (mut grid, mut stored) = (Grid::default(), vec![]);
    for trial in trials {
        let configuration = trial.configuration;
        let data = dataset(&configuration);
        if trial.not_applicable.is_none() {
            check(&configuration, catalogue, data).map_err(|error| fault(experiment, &error))?;
        }
        grid.add_subjects(data.schema());
        grid.runs.push(Planned {
            key: TrialKey::of(&configuration, catalogue, data.fingerprint()),
            architecture: configuration.architecture.clone(),
            protocol: configuration.protocol.name().to_owned(),
            seed: configuration.seed,
            rows: trial.rows,
            not_applicable: trial.not_applicable,
        });
        stored.push(StoredTrial { configuration, fingerprint: data.fingerprint().to_owned() });
    }
    Ok((grid, stored))
}

/// The data sets of all trials by their identity: trials that differ in other things share one.
fn open_all(
    experiment: &Experiment,
    catalogue: &Catalogue,
    trials: &[Trial],
    cache: &Path,
    progress: &mut dyn FnMut(Progress),
    made: &mut Made,
) -> Result<BTreeMap<String, Dataset>, GridError> {
    let mut datasets = BTreeMap::new();
    for Trial { configuration, .. } in trials {
        if let Entry::Vacant(place) = datasets.entry(configuration.data_identity()) {
            let settings =
                configuration.settings(catalogue).map_err(|error| experiment.fault("data", error.to_string()))?;
            let seeds = &configuration.seeds;
            let dataset = mmtl_data::open_noting(&settings.data, seeds, cache, progress, &mut made.files);
            place.insert(dataset.map_err(|error| data_fault(experiment, &error))?);
        }
    }
    Ok(datasets)
}

/// The sentence at the line of the key that it is about.
fn data_fault(experiment: &Experiment, error: &DataError) -> GridError {
    let key = error.key().map_or_else(|| "data".to_owned(), |key| format!("data.{key}"));
    experiment.fault(&key, error.to_string()).into()
}

/// That settings fit the data and make plans: found out before anything is written.
fn check(configuration: &Configuration, catalogue: &Catalogue, dataset: &Dataset) -> Result<(), RunError> {
    let settings = configuration.settings(catalogue)?;
    let architecture = mmtl_zoo::architecture(&configuration.architecture)?;
    fits(configuration, &settings, architecture, dataset).map(drop)
}

/// The sentence at the line of the section that it is about.
fn fault(experiment: &Experiment, error: &RunError) -> GridError {
    use mmtl_train::TrainError;
    let key = match error {
        RunError::Train(TrainError::TaskWeights { .. }) => "train.task_weights",
        RunError::Train(TrainError::Score { .. }) => "select.score",
        RunError::Train(TrainError::ScorePerTask { .. }) => "select.per",
        _ => "architecture",
    };
    experiment.fault(key, error.to_string()).into()
}

impl Grid {
    fn add_subjects(&mut self, schema: &Schema) {
        for task in &schema.tasks {
            if !self.tasks.iter().any(|known| known.name == task.name) {
                self.tasks.push(task.clone());
            }
        }
        for scene in &schema.scenes {
            if !self.scenes.contains(scene) {
                self.scenes.push(scene.clone());
            }
        }
    }
}

impl Prepared {
    /// Writes the experiment, its runs and their trials into `store`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, store: &Store, experiment: &Experiment, catalogue: &Catalogue) -> Result<(), GridError> {
        for (run, trial) in self.grid.runs.iter().zip(&self.trials) {
            if run.not_applicable.is_none() {
                store.run(&run.key).create(trial, catalogue)?;
            }
        }
        atomic::replace(&store.experiment_file(), experiment.text().as_bytes())?;
        let path = planned_file(store);
        let file = GridFile { version: VERSION, grid: self.grid.clone() };
        atomic::replace(&path, &to_json(&file, &path)?)
    }

    /// Removes the data that was prepared for this experiment and was not there before, when it cannot be run.
    pub fn take_back(&self) {
        self.made.take_back();
    }

    /// Each run with its trial.
    pub fn trials(&self) -> impl Iterator<Item = (&Planned, &StoredTrial)> {
        self.grid.runs.iter().zip(&self.trials)
    }
}

/// The grid in `store`.
///
/// # Errors
/// When `planned.json` cannot be read, is newer or damaged.
pub fn read_grid(store: &Store) -> Result<Grid, GridError> {
    Ok(read_json::<GridFile>(&planned_file(store), VERSION)?.grid)
}

fn planned_file(store: &Store) -> PathBuf {
    store.root().join("planned.json")
}
