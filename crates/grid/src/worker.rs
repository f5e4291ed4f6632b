//! A worker: one process that executes one run of a stored grid and keeps its journal there.

use std::fs;
use std::io;
use std::path::Path;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mmtl_data::Dataset;
use mmtl_metrics::Metric;
use mmtl_plan::{Compiling, Engine};
use mmtl_train::{Checkpoint, Evaluation, Model, Progress};

use crate::catalogue::Catalogue;
use crate::configuration::{Configuration, Execution, TrialSettings};
use crate::error::GridError;
use crate::events::{EventWriter, GridState, Happened, Insight, RunEvent, now};
use crate::experiment::Eval;
use crate::planned::grid_of;
use crate::rescore::{lacks, rescore};
use crate::round::Round;
use crate::run::{CheckpointFits, Journal, RunError, TrialFit, TrialResult, fits, run_trial, stored};
use crate::schedule::exit;
use crate::stop::Stop;
use crate::store::{Acquired, Holder, Lease, RENEW_EVERY, RunFolder, Times, atomic, predictions};

/// Makes the engine that a trial names.
pub type MakeEngine<'a> = &'a dyn Fn(&Execution) -> Result<Box<dyn Engine>, String>;

/// What a worker works with.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// All knobs.
    pub catalogue: &'a Catalogue,
    /// Makes engines.
    pub engine: MakeEngine<'a>,
    /// Folder of prepared data.
    pub cache: &'a Path,
    /// Threads of the engine; for the record only.
    pub threads: usize,
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The record is written.
    Finished,
    /// It checkpointed and stopped, as asked.
    Stopped,
    /// Another worker holds the run.
    Busy,
    /// It failed, for this reason, which its events tell.
    Failed(String),
}

impl Ended {
    /// The exit code by which the scheduler knows it.
    pub fn code(&self) -> u8 {
        match self {
            Self::Finished => exit::FINISHED,
            Self::Stopped => exit::STOPPED,
            Self::Busy => exit::BUSY,
            Self::Failed(_) => exit::FAILED,
        }
    }
}

/// How long a worker waits for one before it that is about to stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// Executes a run from where it was left, until it is finished or `stop` is set.
///
/// # Errors
/// When the store cannot be read or written; a failure of the trial itself is [`Ended::Failed`].
pub fn work(run: &RunFolder, tools: Tools<'_>, stop: &Stop) -> Result<Ended, GridError> {
    let Some(lease) = wait_for_lease(run, stop)? else { return Ok(Ended::Busy) };
    let lease = Heartbeat::start(lease);
    let ended = if is_done(run)? { Ended::Finished } else { attempt(run, tools, stop)? };
    if ended == Ended::Finished {
        run.forget_checkpoints();
    }
    lease.end()?;
    Ok(ended)
}

/// Whether nothing is left to do: the run has finished, with every score that its grid asks for. A record that cannot be
/// read is left as it is.
fn is_done(run: &RunFolder) -> Result<bool, GridError> {
    let grid = grid_of(run)?;
    Ok(run.is_finished() && !run.record().is_ok_and(|record| lacks(&record, &grid)))
}

fn wait_for_lease(run: &RunFolder, stop: &Stop) -> Result<Option<Lease>, GridError> {
    let asked = Instant::now();
    loop {
        match run.lease()? {
            Acquired::Ours(lease) => return Ok(Some(lease)),
            Acquired::Held(_) if asked.elapsed() > PATIENCE || stop.is_set() => return Ok(None),
            Acquired::Held(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Renews a lease in the background; a worker that lost its own ends at once, since it may write no more.
struct Heartbeat(Arc<Mutex<Option<Lease>>>);

impl Heartbeat {
    fn start(lease: Lease) -> Self {
        let shared = Arc::new(Mutex::new(Some(lease)));
        let renewed = shared.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(RENEW_EVERY);
                match renewed.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(Lease::renew) {
                    None => return,
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        eprintln!("{error}");
                        // At once: a device's libraries may take their time to say farewell, and the run goes on writing.
                        signal_hook::low_level::exit(exit::BUSY.into());
                    }
                }
            }
        });
        Self(shared)
    }

    fn end(self) -> Result<(), GridError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Lease::release)
    }
}

fn attempt(run: &RunFolder, tools: Tools<'_>, stop: &Stop) -> Result<Ended, GridError> {
    let started = now();
    let mut events = EventWriter::open(&run.events_file())?;
    let ended = match execute(run, tools, stop, &mut events, started) {
        Ok(true) => Ended::Finished,
        Ok(false) => Ended::Stopped,
        Err(RunError::Grid(error @ (GridError::Write { .. } | GridError::LeaseLost { .. }))) => return Err(error),
        Err(error) => Ended::Failed(error.to_string()),
    };
    events.tell(match &ended {
        Ended::Finished => RunEvent::Finished,
        Ended::Stopped | Ended::Busy => RunEvent::Stopped,
        Ended::Failed(reason) => RunEvent::Failed { reason: reason.clone() },
    })?;
    Ok(ended)
}

/// Whether the trial finished.
fn execute(
    run: &RunFolder,
    tools: Tools<'_>,
    stop: &Stop,
    events: &mut EventWriter<RunEvent>,
    started: u64,
) -> Result<bool, RunError> {
    let trial = run.trial(tools.catalogue)?;
    trial.check_key(run.key(), tools.catalogue)?;
    let settings = trial.configuration.settings(tools.catalogue)?;
    let dataset = mmtl_data::open(&settings.data, &trial.configuration.seeds, tools.cache, &mut |_| {})?;
    if dataset.fingerprint() != trial.fingerprint {
        let found = dataset.fingerprint().to_owned();
        return Err(RunError::OtherData { expected: trial.fingerprint, found });
    }
    let eval = grid_of(run)?.eval;
    let asked = if trial.round == Round::Tuning { &[] } else { eval.metrics.as_slice() };
    if run.is_finished() {
        events.tell(RunEvent::Stage { name: "scoring the predictions".to_owned() })?;
        rescore(run, &trial.configuration, &dataset, (trial.round, asked))?;
        return Ok(true);
    }
    let engine = (tools.engine)(&trial.configuration.execution).map_err(RunError::Engine)?;
    let fits = made_fits(&trial.configuration, &settings, &dataset, &eval)?;
    let Some(result) = train(run, tools, stop, events, &fits, &dataset, engine.as_ref(), (trial.round, asked))? else {
        return Ok(false);
    };
    let times = times(run, started, events.attempt(), tools.threads)?;
    keep(run, &dataset, &result, &times)?;
    Ok(true)
}

/// The trial's fits, which find at their evaluations what is asked for there.
fn made_fits(
    configuration: &Configuration,
    settings: &TrialSettings,
    dataset: &Dataset,
    eval: &Eval,
) -> Result<Vec<TrialFit>, RunError> {
    let architecture = mmtl_zoo::architecture(&configuration.architecture)?;
    let mut fits = fits(configuration, settings, architecture, dataset)?;
    for fit in fits.iter_mut().filter(|_| eval.at_looks) {
        fit.spec.looks.clone_from(&eval.metrics);
    }
    Ok(fits)
}

fn train(
    run: &RunFolder,
    tools: Tools<'_>,
    stop: &Stop,
    events: &mut EventWriter<RunEvent>,
    fits: &[TrialFit],
    dataset: &Dataset,
    engine: &dyn Engine,
    scored: (Round, &[Metric]),
) -> Result<Option<TrialResult>, RunError> {
    events.tell(RunEvent::Started {
        host: Holder::current().host,
        pid: process::id(),
        threads: tools.threads,
        fits: fits.iter().map(|fit| fit.name.clone()).collect(),
    })?;
    // Nobody uses the model of a run that only chose a setting.
    let keeps_weights = scored.0 != Round::Tuning;
    let mut journal = StoredJournal { run, events, stop, dataset, fits, keeps_weights };
    run_trial(fits, dataset, engine, scored, &mut journal)
}

/// Times of the run so far, folded from its events.
fn times(run: &RunFolder, started: u64, attempts: u32, threads: usize) -> Result<Times, GridError> {
    let mut state = GridState::default();
    run.events().poll_each(|line| {
        if let Some(line) = line.into_value() {
            state.apply(Happened::Run(run.key().clone(), line));
        }
    })?;
    let state = state.run(run.key());
    Ok(Times {
        started,
        finished: now(),
        attempts,
        seconds: state.map_or(0.0, |run| run.milliseconds() as f64 / 1000.0),
        rows_per_second: state
            .and_then(|run| run.fits.last())
            .map(|fit| fit.rows_per_second)
            .filter(|rate| *rate > 0.0),
        host: Holder::current().host,
        threads,
    })
}

/// Predictions first, the record last: a run is finished once its record is there.
fn keep(run: &RunFolder, dataset: &Dataset, result: &TrialResult, times: &Times) -> Result<(), GridError> {
    predictions::write(&run.predictions_file(), &stored(dataset, &result.predictions))?;
    run.finish(&result.record, times)
}

/// A journal in the run's folder.
struct StoredJournal<'a> {
    run: &'a RunFolder,
    events: &'a mut EventWriter<RunEvent>,
    stop: &'a Stop,
    dataset: &'a Dataset,
    fits: &'a [TrialFit],
    keeps_weights: bool,
}

impl StoredJournal<'_> {
    fn tell(&mut self, event: RunEvent) -> io::Result<()> {
        self.events.tell(event).map_err(io::Error::other)
    }
}

impl Journal for StoredJournal<'_> {
    fn progress(&mut self, number: usize, progress: &Progress) -> io::Result<()> {
        self.tell(RunEvent::progress(number, progress))
    }

    fn compiling(&mut self, compiling: Compiling) -> io::Result<()> {
        self.tell(RunEvent::Stage { name: compiling.to_string() })
    }

    fn evaluated(&mut self, number: usize, evaluation: &Evaluation) -> io::Result<()> {
        let scene = self.fits[number].spec.rows.scene();
        self.tell(RunEvent::evaluated(number, evaluation, self.dataset.schema(), scene))
    }

    fn wants_insight(&self) -> bool {
        true
    }

    fn insight(&mut self, number: usize, insight: &mmtl_train::Insight) -> io::Result<()> {
        let insight = Insight::new(number, insight, &self.fits[number].spec.plan);
        self.tell(RunEvent::Insight(insight))
    }

    fn checkpoint(&mut self, number: usize, checkpoint: &Checkpoint) -> io::Result<()> {
        atomic::replace(&self.run.checkpoint_file(number), &checkpoint.to_bytes()).map_err(io::Error::other)?;
        self.tell(RunEvent::Checkpointed { fit: number, step: checkpoint.step() })
    }

    /// One that is damaged, or of another numerics class because a driver or a device was exchanged, is set aside: the fit
    /// starts anew, where it would otherwise fail for ever.
    fn kept(&mut self, number: usize, fits: CheckpointFits<'_>) -> Result<Option<Checkpoint>, RunError> {
        let path = self.run.checkpoint_file(number);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(GridError::Read { path, error }.into()),
        };
        match Checkpoint::from_bytes(&bytes).and_then(|checkpoint| fits(&checkpoint).map(|()| checkpoint)) {
            Ok(checkpoint) => {
                self.events.tell(RunEvent::Resumed { fit: number, step: checkpoint.step() })?;
                Ok(Some(checkpoint))
            }
            Err(error) => {
                let aside = path.with_extension("unusable");
                fs::rename(&path, &aside).map_err(|error| GridError::Write { path: aside, error })?;
                self.events.tell(RunEvent::Stage { name: format!("starting anew ({error})") })?;
                Ok(None)
            }
        }
    }

    fn fitted(&mut self, number: usize, model: &Model) -> io::Result<()> {
        if self.keeps_weights {
            atomic::replace(&self.run.weights_file(number), &model.to_bytes()).map_err(io::Error::other)?;
        }
        self.tell(RunEvent::Fitted { fit: number, best_step: model.best()[0].step })
    }

    fn stop(&mut self) -> bool {
        self.stop.is_set()
    }
}
