//! The runs of a grid: an experiment's trials with their keys, decided once and kept in `planned.json`, which the
//! scheduler reads.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use mmtl_data::{DataError, Dataset, Progress};
use mmtl_metrics::{Kind, Metric};
use mmtl_plan::{Schema, Task, TaskKind};
use mmtl_zoo::Architecture;
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::configuration::{Configuration, Execution};
use crate::error::GridError;
use crate::experiment::{Eval, Experiment};
use crate::key::TrialKey;
use crate::made::Made;
use crate::run::{RunError, TrialFit, fits};
use crate::store::{FormatVersion, RunFolder, Store, StoredTrial, atomic, read_json, to_json};
use crate::trial::{Row, Trial};

const VERSION: FormatVersion = FormatVersion(1);

const PLANNED: &str = "planned.json";

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
    /// What is scored beside the usual metrics.
    #[serde(default, skip_serializing_if = "Eval::is_usual")]
    pub eval: Eval,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GridFile {
    version: FormatVersion,
    grid: Grid,
}

/// How far the data of a grid is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preparing {
    /// The data set's number, from 0.
    pub number: usize,
    /// Data sets of the grid.
    pub of: usize,
    /// How far it is.
    pub progress: Progress,
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
    progress: &mut dyn FnMut(Preparing),
) -> Result<Prepared, GridError> {
    prepare_each(experiment, catalogue, execution, cache, progress, &mut |_, _, _| Ok(()))
}

/// Told the number of each trial that makes sense, with its fits and its data.
pub(crate) type Each<'a> = &'a mut dyn FnMut(usize, &[TrialFit], &Dataset) -> Result<(), RunError>;

/// As [`prepare`], and tells `each` of every trial while its data is open: those that share data follow each other.
pub(crate) fn prepare_each(
    experiment: &Experiment,
    catalogue: &Catalogue,
    execution: &Execution,
    cache: &Path,
    progress: &mut dyn FnMut(Preparing),
    each: Each<'_>,
) -> Result<Prepared, GridError> {
    let mut made = Made::below(cache);
    match plan(experiment, catalogue, execution, cache, progress, each, &mut made) {
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
    progress: &mut dyn FnMut(Preparing),
    each: Each<'_>,
    made: &mut Made,
) -> Result<(Grid, Vec<StoredTrial>), GridError> {
    let trials = experiment.trials(catalogue, execution);
    let groups = by_data(&trials);
    let mut grid = Grid { eval: experiment.eval.clone(), ..Grid::default() };
    let mut runs = BTreeMap::new();
    for (number, group) in groups.iter().enumerate() {
        let mut tell = |progress_of| progress(Preparing { number, of: groups.len(), progress: progress_of });
        let configuration = &trials[group[0]].configuration;
        // One at a time: the data sets of a grid need not fit into memory together.
        let dataset = open(experiment, catalogue, configuration, cache, &mut tell, made)?;
        grid.add_subjects(dataset.schema());
        for &at in group {
            let each = &mut |fits: &[TrialFit]| each(at, fits, &dataset);
            runs.insert(at, plan_run(experiment, catalogue, &trials[at], &dataset, each)?);
        }
    }
    grid.check_metrics(experiment)?;
    let stored;
    (grid.runs, stored) = runs.into_values().unzip();
    experiment.some_apply(grid.runs.iter().map(|run| run.not_applicable.as_deref()))?;
    Ok((grid, stored))
}

/// Places of the trials that share a data set, by the first of them.
fn by_data(trials: &[Trial]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = vec![];
    let mut places: HashMap<String, usize> = HashMap::new();
    for (at, trial) in trials.iter().enumerate() {
        let place = *places.entry(trial.configuration.data_identity()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(vec![]);
        }
        groups[place].push(at);
    }
    groups
}

fn open(
    experiment: &Experiment,
    catalogue: &Catalogue,
    configuration: &Configuration,
    cache: &Path,
    progress: &mut dyn FnMut(Progress),
    made: &mut Made,
) -> Result<Dataset, GridError> {
    let settings = configuration.settings(catalogue).map_err(|error| experiment.fault("data", error.to_string()))?;
    mmtl_data::open_noting(&settings.data, &configuration.seeds, cache, progress, &mut made.files)
        .map_err(|error| data_fault(experiment, &error))
}

/// A trial's run, once it is known to make sense, or why it does not.
fn plan_run(
    experiment: &Experiment,
    catalogue: &Catalogue,
    trial: &Trial,
    dataset: &Dataset,
    each: &mut dyn FnMut(&[TrialFit]) -> Result<(), RunError>,
) -> Result<(Planned, StoredTrial), GridError> {
    let configuration = &trial.configuration;
    let architecture = mmtl_zoo::architecture(&configuration.architecture);
    let architecture = architecture.map_err(|error| fault(experiment, &error.into()))?;
    let not_applicable = architecture.applies(dataset.schema(), configuration.protocol).err();
    if not_applicable.is_none() {
        let fits = made_fits(configuration, catalogue, architecture, dataset);
        fits.and_then(|fits| each(&fits)).map_err(|error| fault(experiment, &error))?;
    }
    let fingerprint = dataset.fingerprint().to_owned();
    let run = Planned {
        key: TrialKey::of(configuration, catalogue, &fingerprint),
        architecture: configuration.architecture.clone(),
        protocol: configuration.protocol.name().to_owned(),
        seed: configuration.seed,
        rows: trial.rows.clone(),
        not_applicable,
    };
    Ok((run, StoredTrial { configuration: configuration.clone(), fingerprint }))
}

/// The sentence at the line of the key that it is about.
fn data_fault(experiment: &Experiment, error: &DataError) -> GridError {
    let key = error.key().map_or_else(|| "data".to_owned(), |key| format!("data.{key}"));
    experiment.fault(&key, error.to_string()).into()
}

/// A trial's fits. That settings fit the data and make plans is found out before anything is written.
fn made_fits(
    configuration: &Configuration,
    catalogue: &Catalogue,
    architecture: &dyn Architecture,
    dataset: &Dataset,
) -> Result<Vec<TrialFit>, RunError> {
    fits(configuration, &configuration.settings(catalogue)?, architecture, dataset)
}

/// The sentence at the line of the section that it is about.
fn fault(experiment: &Experiment, error: &RunError) -> GridError {
    use mmtl_train::TrainError;
    let key = match error {
        RunError::Train(TrainError::TaskWeights { knob, .. }) => format!("train.{knob}"),
        RunError::Train(TrainError::Score { .. } | TrainError::EasyScore { .. }) => "select.score".to_owned(),
        RunError::Train(TrainError::ScorePerTask { .. }) => "select.per".to_owned(),
        _ => "architecture".to_owned(),
    };
    experiment.fault(&key, error.to_string()).into()
}

impl Grid {
    /// That each metric that is asked for is defined for a task of the data; those to compare by are declared for every
    /// kind.
    fn check_metrics(&self, experiment: &Experiment) -> Result<(), GridError> {
        let defined = |metric: &Metric| self.tasks.iter().any(|task| metric.applies_to(kind_of(task)));
        let compared = experiment.compare.metrics();
        let idle = self.eval.metrics.iter().find(|metric| !compared.contains(metric) && !defined(metric));
        let Some(idle) = idle else { return Ok(()) };
        let tasks = self.tasks.iter().map(|task| format!("{} ({})", task.name, kind_of(task).name()));
        let tasks = tasks.collect::<Vec<_>>().join(", ");
        let choices = Metric::ALL.into_iter().filter(|metric| !metric.is_usual() && defined(metric)).map(Metric::name);
        let choices = choices.collect::<Vec<_>>().join(", ");
        let message = format!(
            "`eval.metrics` lists `{}`, which is defined for none of the tasks {tasks}; expected any of {choices}",
            idle.name()
        );
        Err(experiment.fault("eval.metrics", message).into())
    }

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

/// The kind of a task, in the words of the metrics.
pub(crate) fn kind_of(task: &Task) -> Kind {
    match task.kind {
        TaskKind::Binary => Kind::Binary,
        TaskKind::Regression { .. } => Kind::Regression,
        TaskKind::Multiclass { classes } => Kind::Multiclass { classes },
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
        write_grid(store, &self.grid)
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

/// The grid that a run belongs to; an empty one for a run that is alone.
pub(crate) fn grid_of(run: &RunFolder) -> Result<Grid, GridError> {
    let path = run.root().parent().map(|root| root.join(PLANNED)).filter(|path| path.exists());
    path.map_or_else(|| Ok(Grid::default()), |path| Ok(read_json::<GridFile>(&path, VERSION)?.grid))
}

pub(crate) fn write_grid(store: &Store, grid: &Grid) -> Result<(), GridError> {
    let path = planned_file(store);
    let file = GridFile { version: VERSION, grid: grid.clone() };
    atomic::replace(&path, &to_json(&file, &path)?)
}

fn planned_file(store: &Store) -> PathBuf {
    store.root().join(PLANNED)
}
