//! The runs of a grid: an experiment's trials with their keys, decided once and kept in `planned.json`, which the
//! scheduler reads. Of a grid that tunes these are the runs of its first round; see [`crate::tuning`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use mmtl_data::{DataError, Dataset, Progress};
use mmtl_metrics::{Kind, Metric};
use mmtl_plan::{Schema, Task, Value};
use mmtl_zoo::Architecture;
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::configuration::{Configuration, Execution, TrialSettings};
use crate::error::GridError;
use crate::experiment::{Eval, Experiment};
use crate::key::{TrialKey, canonical};
use crate::key_name::Key;
use crate::made::Made;
use crate::round::Round;
use crate::run::{RunError, TrialFit, fits};
use crate::store::{FormatVersion, RunFolder, Store, StoredTrial, atomic, parse_json, read_json, to_json};
use crate::trial::{Row, Trial, TriedGroup, TuningTrials};
use crate::tuning::{Setting, Tuning, TuningGroup, Unfit, Values, read_tuned};
use crate::untrained::Trained;

/// 4: what makes no sense of a tuned grid is known by its key.
const VERSION: FormatVersion = FormatVersion(4);
/// Of a grid of which a task has several kinds.
const KINDS: FormatVersion = FormatVersion(3);
/// Of a grid that is tuned, none of whose tasks has.
const TUNED: FormatVersion = FormatVersion(2);
/// Of a grid that is not.
const PLAIN: FormatVersion = FormatVersion(1);

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

impl Planned {
    /// Whether it tries a setting, so that no table has it.
    pub fn is_tuning(&self) -> bool {
        self.rows.iter().any(|row| row.tuning)
    }
}

/// All runs of a grid, and what their tables are about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// The runs, in the order in which they start.
    pub runs: Vec<Planned>,
    /// The tasks of the data; of all data, where an axis varies it.
    pub tasks: Vec<Task>,
    /// Those whose kind differs, once for each kind that it has beside the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_kinds: Vec<Task>,
    /// The scenes of the data, likewise.
    pub scenes: Vec<String>,
    /// What is scored beside the usual metrics.
    #[serde(default, skip_serializing_if = "Eval::is_usual")]
    pub eval: Eval,
    /// How it is tuned, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<Tuning>,
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
    /// Every run that tuning may choose, in no grid yet.
    pub(crate) later: Vec<(Planned, StoredTrial)>,
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
    prepare_each(experiment, catalogue, execution, cache, progress, &mut |_| Ok(()))
}

/// A trial that makes sense, while its data is open.
pub(crate) struct Opened<'a> {
    /// Its number; those that tuning may choose come after the others.
    pub(crate) at: usize,
    pub(crate) round: Round,
    pub(crate) settings: &'a TrialSettings,
    pub(crate) fits: &'a [TrialFit],
    pub(crate) dataset: &'a Dataset,
}

/// Told of every trial that makes sense.
pub(crate) type Each<'a> = &'a mut dyn FnMut(&Opened<'_>) -> Result<(), RunError>;

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
        Ok(Plan { grid, later, trials }) => Ok(Prepared { grid, later, trials, made }),
        Err(error) => {
            made.take_back();
            Err(error)
        }
    }
}

/// As in [`Prepared`].
struct Plan {
    grid: Grid,
    later: Vec<(Planned, StoredTrial)>,
    trials: Vec<StoredTrial>,
}

fn plan(
    experiment: &Experiment,
    catalogue: &Catalogue,
    execution: &Execution,
    cache: &Path,
    progress: &mut dyn FnMut(Preparing),
    each: Each<'_>,
    made: &mut Made,
) -> Result<Plan, GridError> {
    let tried = experiment.tune.as_ref().map(|_| experiment.tuning_trials(catalogue, execution));
    let mut trials = match &tried {
        Some(tried) => tried.trials.clone(),
        None => experiment.trials(catalogue, execution),
    };
    let known = trials.len();
    trials.extend(experiment.eligible(catalogue, execution));
    let groups = by_data(&trials);
    let mut grid = Grid { eval: experiment.eval.clone(), ..Grid::default() };
    let mut runs = BTreeMap::new();
    for (number, group) in groups.iter().enumerate() {
        let mut tell = |progress_of| progress(Preparing { number, of: groups.len(), progress: progress_of });
        let configuration = &trials[group[0]].configuration;
        // One at a time: the data sets of a grid need not fit into memory together.
        let dataset = open(experiment, catalogue, configuration, cache, &mut tell, made)?;
        grid.add_subjects(dataset.schema());
        let trained = Trained::new(&dataset);
        for &at in group {
            let (round, dataset) = (trials[at].round(), &dataset);
            let each =
                &mut |settings: &TrialSettings, fits: &[TrialFit]| each(&Opened { at, round, settings, fits, dataset });
            runs.insert(at, plan_run(experiment, catalogue, &trials[at], (dataset, &trained), each)?);
        }
    }
    grid.check_metrics(experiment)?;
    let (mut planned, mut stored): (Vec<Planned>, Vec<StoredTrial>) = runs.into_values().unzip();
    experiment.some_apply(planned.iter().map(|run| run.not_applicable.as_deref()))?;
    let later: Vec<_> = planned.split_off(known).into_iter().zip(stored.split_off(known)).collect();
    grid.tuning = tried.map(|tried| tuning(experiment, execution, tried, &planned, &later));
    grid.runs = planned;
    Ok(Plan { grid, later, trials: stored })
}

/// What the scheduler must know to choose, without any data: which runs try what, and the data of the runs to come.
fn tuning(
    experiment: &Experiment,
    execution: &Execution,
    tried: TuningTrials,
    runs: &[Planned],
    later: &[(Planned, StoredTrial)],
) -> Tuning {
    let run =
        |(seed, place): &(u64, usize)| runs[*place].not_applicable.is_none().then(|| (*seed, runs[*place].key.clone()));
    let setting = |(values, places): (Values, Vec<(u64, usize)>)| Setting {
        values: values.into_iter().map(|(key, value)| (key.to_string(), value)).collect(),
        runs: places.iter().filter_map(run).collect(),
    };
    let group = |TriedGroup { row, score, settings }| TuningGroup {
        row,
        score,
        settings: settings.into_iter().map(setting).collect(),
        outcome: None,
    };
    let groups: Vec<TuningGroup> = tried.groups.into_iter().map(group).collect();
    let most = groups.iter().map(|group| group.settings.len()).max().unwrap_or(0);
    let mut tuning = Tuning {
        seeds: experiment.tune.iter().flat_map(|tune| tune.seeds.iter().copied()).collect(),
        fresh: experiment.seeds(),
        budget: experiment.tune.as_ref().and_then(|tune| tune.trials).unwrap_or(most),
        groups,
        execution: execution.clone(),
        ..Tuning::default()
    };
    for (run, StoredTrial { configuration, fingerprint, .. }) in later {
        tuning.data.insert(configuration.data_identity(), fingerprint.clone());
        if let Some(reason) = &run.not_applicable {
            let (architecture, protocol) = (run.architecture.clone(), run.protocol.clone());
            let (fingerprint, reason, key) = (fingerprint.clone(), reason.clone(), Some(run.key.clone()));
            tuning.unfit.push(Unfit { architecture, protocol, fingerprint, reason, key });
        }
    }
    tuning
}

impl Experiment {
    /// Every trial that tuning may choose, each once: whether they make sense is found out before anything runs.
    fn eligible(&self, catalogue: &Catalogue, execution: &Execution) -> Vec<Trial> {
        let groups = self.tuning_groups();
        let most = groups.list.iter().map(|group| group.settings.len()).max().unwrap_or(0);
        let (mut eligible, mut seen) = (vec![], HashSet::new());
        for number in 0..most {
            let chosen: Vec<_> =
                groups.list.iter().map(|group| (number < group.settings.len()).then_some(number)).collect();
            let trials = self.final_trials(catalogue, execution, &groups, &chosen).into_iter();
            eligible.extend(trials.filter(|trial| seen.insert(canonical(&trial.configuration, catalogue))));
        }
        eligible
    }

    /// The seeds of the grid.
    fn seeds(&self) -> Vec<u64> {
        let axis = self.axes.iter().find(|axis| axis.key == Key::Seed);
        let number = |value: &Value| match value {
            Value::Int(number) => Some(number.cast_unsigned()),
            Value::Bool(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => None,
        };
        axis.map_or_else(|| vec![1], |axis| axis.values.iter().filter_map(number).collect())
    }
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

/// Told of a trial's settings and fits.
type EachFits<'a> = &'a mut dyn FnMut(&TrialSettings, &[TrialFit]) -> Result<(), RunError>;

/// A trial's run, once it is known to make sense, or why it does not.
fn plan_run(
    experiment: &Experiment,
    catalogue: &Catalogue,
    trial: &Trial,
    (dataset, trained): (&Dataset, &Trained<'_>),
    each: EachFits<'_>,
) -> Result<(Planned, StoredTrial), GridError> {
    let configuration = &trial.configuration;
    let architecture = mmtl_zoo::architecture(&configuration.architecture);
    let architecture = architecture.map_err(|error| fault(experiment, &error.into()))?;
    let mut not_applicable = architecture.applies(dataset.schema(), configuration.protocol).err();
    if not_applicable.is_none() {
        let made = made_fits(configuration, catalogue, architecture, dataset);
        let (settings, fits) = made.map_err(|error| fault(experiment, &error))?;
        not_applicable = trained.lacking(&fits);
        if not_applicable.is_none() {
            each(&settings, &fits).map_err(|error| fault(experiment, &error))?;
        }
    }
    let fingerprint = dataset.fingerprint().to_owned();
    Ok(planned(trial, fingerprint, not_applicable, catalogue))
}

/// A trial's run, with what is stored of it.
pub(crate) fn planned(
    trial: &Trial,
    fingerprint: String,
    not_applicable: Option<String>,
    catalogue: &Catalogue,
) -> (Planned, StoredTrial) {
    let configuration = trial.configuration.clone();
    let (architecture, protocol) = (configuration.architecture.clone(), configuration.protocol.name().to_owned());
    let (seed, rows) = (configuration.seed, trial.rows.clone());
    let stored = StoredTrial { configuration, fingerprint, round: trial.round() };
    let key = TrialKey::of_trial(&stored, catalogue);
    (Planned { key, architecture, protocol, seed, rows, not_applicable }, stored)
}

/// The sentence at the line of the key that it is about.
fn data_fault(experiment: &Experiment, error: &DataError) -> GridError {
    let key = error.key().map_or_else(|| "data".to_owned(), |key| format!("data.{key}"));
    experiment.fault(&key, error.to_string()).into()
}

/// A trial's settings and fits. That settings fit the data and make plans is found out before anything is written.
fn made_fits(
    configuration: &Configuration,
    catalogue: &Catalogue,
    architecture: &dyn Architecture,
    dataset: &Dataset,
) -> Result<(TrialSettings, Vec<TrialFit>), RunError> {
    let settings = configuration.settings(catalogue)?;
    let fits = fits(configuration, &settings, architecture, dataset)?;
    Ok((settings, fits))
}

/// The sentence at the line of the section that it is about.
fn fault(experiment: &Experiment, error: &RunError) -> GridError {
    use mmtl_train::TrainError;
    let key = match error {
        RunError::Train(TrainError::TaskWeights { knob, .. }) => format!("train.{knob}"),
        RunError::Train(TrainError::Averaging { .. }) => "train.ema_every".to_owned(),
        RunError::Train(TrainError::WeightGrows { .. }) => "train.task_weight_decay".to_owned(),
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
        let defined = |metric: &Metric| self.subjects().any(|task| metric.applies_to(task.kind.into()));
        let compared = experiment.compare.metrics();
        let idle = self.eval.metrics.iter().find(|metric| !compared.contains(metric) && !defined(metric));
        let Some(idle) = idle else { return Ok(()) };
        let tasks = self.subjects().map(|task| format!("{} ({})", task.name, Kind::from(task.kind).name()));
        let tasks = tasks.collect::<Vec<_>>().join(", ");
        let choices = Metric::ALL.into_iter().filter(|metric| !metric.is_usual() && defined(metric)).map(Metric::name);
        let choices = choices.collect::<Vec<_>>().join(", ");
        let message = format!(
            "`eval.metrics` lists `{}`, which is defined for none of the tasks {tasks}; expected any of {choices}",
            idle.name()
        );
        Err(experiment.fault("eval.metrics", message).into())
    }

    /// The tasks, each once for each of its kinds.
    pub fn subjects(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().chain(&self.other_kinds)
    }

    fn add_subjects(&mut self, schema: &Schema) {
        for task in &schema.tasks {
            // Classes may differ in number, and scales always do.
            let same_kind =
                |known: &Task| known.name == task.name && Kind::from(known.kind).name() == Kind::from(task.kind).name();
            if !self.tasks.iter().any(|known| known.name == task.name) {
                self.tasks.push(task.clone());
            } else if !self.subjects().any(same_kind) {
                self.other_kinds.push(task.clone());
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
    /// Writes the trials into `store`, and then together, while there is no scheduler, the experiment and its runs. A
    /// scheduler that has begun in the meantime keeps what it reads.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, store: &Store, experiment: &Experiment, catalogue: &Catalogue) -> Result<(), GridError> {
        for (run, trial) in self.grid.runs.iter().zip(&self.trials) {
            if run.not_applicable.is_none() {
                store.run(&run.key).create(trial, catalogue)?;
            }
        }
        let written = store.without_scheduler(|| {
            atomic::replace(&store.experiment_file(), experiment.text().as_bytes())?;
            write_grid(store, &self.grid)
        });
        written.map(|_| ())
    }

    /// Removes the data that was prepared for this experiment and was not there before, when it cannot be run.
    pub fn take_back(&self) {
        self.made.take_back();
    }

    /// Each run that is known before any has run, with its trial.
    pub fn trials(&self) -> impl Iterator<Item = (&Planned, &StoredTrial)> {
        self.grid.runs.iter().zip(&self.trials)
    }
}

/// The grid in `store`, with what tuning chose so far.
///
/// # Errors
/// When `planned.json` or `tuned.json` cannot be read, is newer or damaged.
pub fn read_grid(store: &Store) -> Result<Grid, GridError> {
    let (mut grid, plan) = read_plan(store)?;
    read_tuned(store, &plan, &mut grid)?;
    Ok(grid)
}

/// The grid as it was planned, and the bytes of its plan.
pub(crate) fn read_plan(store: &Store) -> Result<(Grid, Vec<u8>), GridError> {
    let path = planned_file(store);
    let bytes = std::fs::read(&path).map_err(GridError::reading(&path))?;
    Ok((parse_json::<GridFile>(&bytes, &path, VERSION)?.grid, bytes))
}

/// The grid that a run belongs to; an empty one for a run that is alone.
pub(crate) fn grid_of(run: &RunFolder) -> Result<Grid, GridError> {
    let path = run.root().parent().map(|root| root.join(PLANNED)).filter(|path| path.exists());
    path.map_or_else(|| Ok(Grid::default()), |path| Ok(read_json::<GridFile>(&path, VERSION)?.grid))
}

pub(crate) fn write_grid(store: &Store, grid: &Grid) -> Result<(), GridError> {
    let path = planned_file(store);
    let version = match (grid.other_kinds.is_empty(), &grid.tuning) {
        (_, Some(tuning)) if !tuning.unfit.is_empty() => VERSION,
        (false, _) => KINDS,
        (true, Some(_)) => TUNED,
        (true, None) => PLAIN,
    };
    let file = GridFile { version, grid: grid.clone() };
    atomic::replace(&path, &to_json(&file, &path)?)
}

pub(crate) fn planned_file(store: &Store) -> PathBuf {
    store.root().join(PLANNED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Acquired;

    #[test]
    fn a_task_of_two_kinds_is_a_subject_of_each() {
        let text = "name = \"kinds\"\n[data]\nsource = \"synthetic\"\nrows = 500\ndim = 2\ntasks = 1\ncache = false\n\
                    [eval]\nmetrics = [\"f1\"]\n[grid]\narchitecture = [\"shared-bottom\"]\n\
                    \"data.kinds\" = [[\"regression\"], [\"binary\"]]\n\"data.noise\" = [0.01, 0.02]\n";
        let (catalogue, folder) = (Catalogue::standard(), tempfile::tempdir().unwrap());
        let experiment = Experiment::parse("kinds.toml", text.as_bytes(), &catalogue).unwrap();
        let prepared = prepare(&experiment, &catalogue, &Execution::default(), folder.path(), &mut |_| {}).unwrap();
        let kinds: Vec<_> =
            prepared.grid.subjects().map(|task| (task.name.as_str(), Kind::from(task.kind).name())).collect();
        // Noise moves the scale of a regression's labels, which makes no other kind of it.
        let name = kinds[0].0;
        assert_eq!(kinds, [(name, "regression"), (name, "binary")]);

        let store = Store::create(&folder.path().join("kinds")).unwrap();
        write_grid(&store, &prepared.grid).unwrap();
        assert_eq!(read_grid(&store).unwrap(), prepared.grid);
        let written = std::fs::read_to_string(planned_file(&store)).unwrap();
        assert!(written.starts_with("{\n  \"version\": 3,"), "{written}");
        // Whatever has one kind of each task is as it was.
        write_grid(&store, &Grid { other_kinds: vec![], ..prepared.grid }).unwrap();
        let written = std::fs::read_to_string(planned_file(&store)).unwrap();
        assert!(written.starts_with("{\n  \"version\": 1,") && !written.contains("other_kinds"), "{written}");
    }

    #[test]
    fn the_grid_of_a_scheduler_stays_as_it_is() {
        let text = "name = \"one\"\n[data]\nsource = \"synthetic\"\nrows = 500\ndim = 2\ncache = false\n[train]\nepochs = 1\n\
                    [grid]\narchitecture = [\"shared-bottom\"]\n";
        let (catalogue, folder) = (Catalogue::standard(), tempfile::tempdir().unwrap());
        let store = Store::create(&folder.path().join("one")).unwrap();
        let write = |text: &str| {
            let experiment = Experiment::parse("one.toml", text.as_bytes(), &catalogue).unwrap();
            let prepared = prepare(&experiment, &catalogue, &Execution::default(), folder.path(), &mut |_| {}).unwrap();
            prepared.write(&store, &experiment, &catalogue).unwrap();
            (std::fs::read_to_string(store.experiment_file()).unwrap(), read_grid(&store).unwrap() == prepared.grid)
        };
        assert_eq!(write(text), (text.to_owned(), true));
        let Acquired::Ours(lease) = store.lease_scheduler().unwrap() else { panic!("nobody else has it") };
        let other = text.replace("epochs = 1", "epochs = 2");
        assert_eq!(write(&other), (text.to_owned(), false));
        lease.release().unwrap();
        assert_eq!(write(&other), (other, true));
    }

    #[test]
    fn one_grid_has_one_set_of_files() {
        let catalogue = Catalogue::standard();
        let base = "[data]\nsource = \"card\"\n[grid]\narchitecture = [\"mmoe\"]\n";
        let refused = |more: &str| {
            let text = format!("{base}{more}");
            Experiment::parse("cards.toml", text.as_bytes(), &catalogue).unwrap_err().to_string()
        };
        let axis = refused("\"data.card\" = [\"movielens-1m\", \"movielens-1m-recbole\"]\n");
        assert!(axis.contains("`data.card` cannot be an axis, expected one data source for the whole grid"), "{axis}");
        let ablation = refused("[[ablation]]\nname = \"other\"\nset = { \"data.files\" = [\"other.csv\"] }\n");
        assert!(ablation.contains("an ablation cannot set `data.files`"), "{ablation}");
    }
}
