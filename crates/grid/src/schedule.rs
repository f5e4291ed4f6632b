//! The scheduler of a grid: a process of its own that starts workers, heeds commands and writes `grid.jsonl`.

mod answer;
mod found;
mod queue;
mod reveal;
mod tuner;
mod workers;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

pub use queue::{Action, Done, Outcome, Phase, Queue};
pub use reveal::{reveal, shows_test};
pub use workers::{Workers, exit};

use self::answer::answer;
use self::found::{Found, failure, told};
use self::tuner::Tuner;
use crate::catalogue::Catalogue;
use crate::error::GridError;
use crate::events::{Ending, EventWriter, GridEvent, GridState, Level, RunStatus};
use crate::key::TrialKey;
use crate::planned::{Grid, Planned, read_plan};
use crate::rescore::lacks;
use crate::stop::Stop;
use crate::store::{Acquired, Arrival, Command, Holder, Lease, RENEW_EVERY, Store, Target};
use crate::trial::Row;

/// How a grid is run; no effect on any number.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Runs at once.
    pub jobs: usize,
    /// Threads of each.
    pub threads: usize,
    /// Whether the first failure stops the grid.
    pub fail_fast: bool,
    /// Whether runs that failed or were cancelled are run again.
    pub retry_failed: bool,
    /// Whether runs that were pruned are run again.
    pub retry_pruned: bool,
}

/// How often the scheduler looks around.
const TURN: Duration = Duration::from_millis(10);

/// How long after a worker that could not be started the next one is.
const START_AGAIN: Duration = Duration::from_secs(1);

/// How often in a row that may be, before the scheduler gives up and leaves the rest to the next one.
const MOST_UNSTARTED: u32 = 30;

/// Runs the grid in `store` until nothing is left to run or it is told to stop. Workers are `program worker …`.
/// `None` when another scheduler has the grid.
///
/// # Errors
/// When the store cannot be read or written.
pub fn schedule(
    store: &Store,
    catalogue: &Catalogue,
    program: &Path,
    options: Options,
    stop: &Stop,
) -> Result<Option<Ending>, GridError> {
    // Before there is one that orders could be meant for.
    store.without_scheduler(|| clear_inbox(store))?;
    let Acquired::Ours(lease) = store.lease_scheduler()? else { return Ok(None) };
    let mut scheduler = Scheduler::new(store, catalogue, program, options, lease)?;
    while !scheduler.queue.is_over() {
        scheduler.turn(stop)?;
        thread::sleep(TURN);
    }
    scheduler.close().map(Some)
}

struct Scheduler<'a> {
    store: &'a Store,
    grid: Grid,
    /// What earlier schedulers told.
    before: GridState,
    tuner: Option<Tuner<'a>>,
    queue: Queue,
    workers: Workers,
    events: EventWriter<GridEvent>,
    /// What `grid.jsonl` says of each run: its state, and its rows in tables.
    told: BTreeMap<TrialKey, RunStatus>,
    rows: BTreeMap<TrialKey, Vec<Row>>,
    /// What `grid.jsonl` says of the runs that tuning will add.
    ahead: BTreeMap<String, usize>,
    lease: Lease,
    renewed: Instant,
    /// How often in a row no worker could be started, and when that is tried again.
    unstarted: u32,
    start_after: Instant,
    stopped: bool,
    failed_fast: bool,
    /// Whether the whole grid was cancelled, and with it the runs that tuning still makes.
    given_up: bool,
    options: Options,
}

impl<'a> Scheduler<'a> {
    fn new(
        store: &'a Store,
        catalogue: &'a Catalogue,
        program: &Path,
        options: Options,
        lease: Lease,
    ) -> Result<Self, GridError> {
        let (grid, plan) = read_plan(store)?;
        let before = told(store)?;
        let mut tuner = Tuner::new(store, catalogue, &grid, plan)?;
        let find = |run: &Planned| Found::of(store, &grid, run, before.run(&run.key).map(|run| &run.status), options);
        let mut found =
            grid.runs.iter().map(|run| Ok((run.clone(), find(run)?))).collect::<Result<Vec<_>, GridError>>()?;
        let mut queue = Queue::new([], options.jobs, options.fail_fast);
        enqueue(&mut queue, &before, &found);
        if let Some(tuner) = &mut tuner {
            // What is chosen by now was told by an earlier scheduler, or is by the runs that are planned.
            tuner.decide(true, |key| queue.state(key))?;
            queue.settle(tuner.counted());
            let first = found.len();
            for run in tuner.finals() {
                found.push((run.clone(), find(run)?));
            }
            enqueue(&mut queue, &before, &found[first..]);
        }
        let mut events = EventWriter::open(&store.grid_file())?;
        let here = Holder::current();
        let name = store.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
        events.tell(GridEvent::Opened {
            experiment: name,
            host: here.host,
            pid: here.pid,
            jobs: options.jobs,
            trials: found.len(),
        })?;
        let mut scheduler = Self {
            store,
            grid,
            before,
            tuner,
            queue,
            workers: Workers::new(program, store.root(), options.threads),
            events,
            told: BTreeMap::new(),
            rows: BTreeMap::new(),
            ahead: BTreeMap::new(),
            lease,
            renewed: Instant::now(),
            unstarted: 0,
            start_after: Instant::now(),
            stopped: false,
            failed_fast: false,
            given_up: false,
            options,
        };
        for (run, Found { status, .. }) in found {
            scheduler.tell_of(&run, status)?;
        }
        scheduler.tell_ahead()?;
        Ok(scheduler)
    }

    /// Tells that a run belongs to the grid, in this state.
    fn tell_of(&mut self, run: &Planned, status: RunStatus) -> Result<(), GridError> {
        self.told.insert(run.key.clone(), status.clone());
        self.rows.insert(run.key.clone(), run.rows.clone());
        self.events.tell(GridEvent::Planned {
            key: run.key.clone(),
            architecture: run.architecture.clone(),
            protocol: run.protocol.clone(),
            seed: run.seed,
            rows: run.rows.clone(),
            status,
        })
    }

    /// Chooses where the runs that try settings have ended, and adds the runs that show it.
    fn grow(&mut self) -> Result<(), GridError> {
        let Some(tuner) = &mut self.tuner else { return Ok(()) };
        let queue = &self.queue;
        let said = tuner.decide(false, |key| queue.state(key))?;
        if said.is_empty() {
            return Ok(());
        }
        self.queue.settle(tuner.counted());
        let is_new = |run: &&Planned| self.rows.get(&run.key) != Some(&run.rows);
        let finals: Vec<Planned> = tuner.finals().iter().filter(is_new).cloned().collect();
        for text in said {
            self.events.tell(GridEvent::Log { level: Level::Info, text })?;
        }
        for run in finals {
            self.add(&run)?;
        }
        Ok(())
    }

    /// Adds a run, or tells of the rows that a known one has got besides.
    fn add(&mut self, run: &Planned) -> Result<(), GridError> {
        if let Some(status) = self.told.get(&run.key).cloned() {
            return self.tell_of(run, status);
        }
        let status = self.before.run(&run.key).map(|before| &before.status);
        let mut found = Found::of(self.store, &self.grid, run, status, self.options)?;
        if self.given_up && found.phase == Some(Phase::Queued) {
            found = Found::cancelled();
        }
        let found = [(run.clone(), found)];
        enqueue(&mut self.queue, &self.before, &found);
        let [(run, Found { status, .. })] = found;
        self.tell_of(&run, status)
    }

    fn turn(&mut self, stop: &Stop) -> Result<(), GridError> {
        if self.renewed.elapsed() > RENEW_EVERY {
            self.lease.renew()?;
            self.renewed = Instant::now();
        }
        let mut changed = self.heed()?;
        if stop.is_set() && !self.stopped {
            self.stopped = true;
            let actions = self.queue.halt().actions;
            self.act(actions)?;
            changed = true;
        }
        for (key, outcome) in self.workers.ended().map_err(GridError::reading(self.store.root()))? {
            changed = true;
            let outcome = self.with_reason(&key, outcome);
            self.failed_fast |= self.options.fail_fast && matches!(outcome, Outcome::Failed(_));
            let actions = self.queue.ended(&key, outcome);
            self.act(actions)?;
        }
        if Instant::now() >= self.start_after {
            let actions = self.queue.actions();
            changed |= !actions.is_empty();
            self.act(actions)?;
        }
        if changed {
            // First, so that nobody who looks on takes the grid for done.
            self.grow()?;
            self.tell_changes()?;
        }
        Ok(())
    }

    /// Does what the inbox says; whether there was anything in it.
    fn heed(&mut self) -> Result<bool, GridError> {
        let inbox = self.store.inbox();
        let arrivals = inbox.read()?;
        let any = !arrivals.is_empty();
        for arrival in arrivals {
            match &arrival.command {
                Ok(command) => self.heed_one(command, &arrival)?,
                Err(error) => {
                    let text = format!("a command was not understood: {error}");
                    self.events.tell(GridEvent::Log { level: Level::Warning, text })?;
                }
            }
            inbox.remove(&arrival)?;
        }
        Ok(any)
    }

    /// Does what a command says, and says so.
    fn heed_one(&mut self, command: &Command, arrival: &Arrival) -> Result<(), GridError> {
        let Done { runs, actions } = self.obey(command)?;
        self.act(actions)?;
        let text = answer(command, runs, arrival.from.as_ref());
        self.events.tell(GridEvent::Log { level: Level::Info, text })
    }

    fn obey(&mut self, command: &Command) -> Result<Done, GridError> {
        Ok(match command {
            Command::Pause(target) => self.queue.pause(target),
            Command::Resume(target) => self.queue.resume(target),
            Command::Cancel(target) => {
                self.given_up |= *target == Target::Grid;
                self.queue.cancel(target)
            }
            Command::Retry(target) => {
                self.given_up &= *target != Target::Grid;
                self.tell_out_of_reach(target)?;
                self.queue.retry(target)
            }
            Command::Prune(runs) => self.queue.prune(runs),
            Command::Priority { runs, priority } => {
                let changed = self.queue.prioritise(runs, *priority);
                let done = Done { runs: changed.len(), actions: vec![] };
                for key in changed {
                    self.events.tell(GridEvent::Priority { key, priority: *priority })?;
                }
                done
            }
            Command::Jobs(jobs) => {
                self.queue.set_jobs(*jobs);
                self.events.tell(GridEvent::Jobs { jobs: self.queue.jobs() })?;
                Done::default()
            }
            Command::Reveal => {
                self.events.tell(GridEvent::Revealed)?;
                Done::default()
            }
            Command::Drain => {
                self.stopped = true;
                self.queue.drain()
            }
            Command::Stop => {
                self.stopped = true;
                self.queue.halt()
            }
        })
    }

    /// What a choice counted stays: its runs would go on beside those of another.
    fn tell_out_of_reach(&mut self, target: &Target) -> Result<(), GridError> {
        let count = self.queue.out_of_reach(target);
        if count == 0 {
            return Ok(());
        }
        let text = format!(
            "{count} tuning run{} stay as they are, since what was chosen without them runs; `mmtl run` with --retry-failed (or --retry-pruned) runs them again and chooses anew",
            if count == 1 { "" } else { "s" }
        );
        self.events.tell(GridEvent::Log { level: Level::Warning, text })
    }

    fn act(&mut self, actions: Vec<Action>) -> Result<(), GridError> {
        for action in actions {
            match action {
                Action::Stop(key) => self.workers.stop(&key),
                Action::Start(key) => match self.workers.start(&key) {
                    Ok(pid) => {
                        self.unstarted = 0;
                        let status = RunStatus::Running { host: Holder::current().host, pid };
                        self.tell(&key, status)?;
                    }
                    // The machine's fault and no run's: too many processes or open files, a program being exchanged.
                    Err(error) => {
                        self.unstarted += 1;
                        if self.unstarted > MOST_UNSTARTED {
                            return Err(GridError::Start { error });
                        }
                        self.start_after = Instant::now() + START_AGAIN;
                        self.queue.ended(&key, Outcome::Busy);
                        let text = format!("the worker of {key} could not be started: {error}");
                        self.events.tell(GridEvent::Log { level: Level::Warning, text })?;
                    }
                },
            }
        }
        Ok(())
    }

    /// A worker that failed in good order told why in its events.
    fn with_reason(&self, key: &TrialKey, outcome: Outcome) -> Outcome {
        match outcome {
            // Whatever ended it afterwards, the record is there, with all that the grid asks for.
            Outcome::Failed(_) if self.store.run(key).record().is_ok_and(|record| !lacks(&record, &self.grid)) => {
                Outcome::Finished
            }
            Outcome::Failed(reason) if reason.is_empty() => {
                let told = failure(self.store, key).ok().flatten();
                Outcome::Failed(
                    told.unwrap_or_else(|| "the worker could not keep its journal; see worker.log".to_owned()),
                )
            }
            Outcome::Finished | Outcome::Stopped | Outcome::Busy | Outcome::Failed(_) => outcome,
        }
    }

    /// Tells how many runs tuning will add, where that is another number than last told.
    fn tell_ahead(&mut self) -> Result<(), GridError> {
        let of_tuner = self.tuner.as_ref().filter(|_| !self.given_up).map(|tuner| tuner.ahead().clone());
        let runs = of_tuner.unwrap_or_default();
        if runs == self.ahead {
            return Ok(());
        }
        self.ahead.clone_from(&runs);
        self.events.tell(GridEvent::Ahead { runs })
    }

    /// Tells of every run whose state is another than last told.
    fn tell_changes(&mut self) -> Result<(), GridError> {
        self.tell_ahead()?;
        let states: Vec<(TrialKey, Phase)> =
            self.queue.states().map(|(key, phase)| (key.clone(), phase.clone())).collect();
        for (key, phase) in states {
            let status = match phase {
                Phase::Queued => RunStatus::Queued,
                // Told when it started; until its worker has ended, a run that is to stop still runs.
                Phase::Running | Phase::Stopping(_) => continue,
                Phase::Paused => RunStatus::Paused,
                Phase::Finished => RunStatus::Finished,
                Phase::Failed(reason) => RunStatus::Failed { reason },
                Phase::Cancelled => RunStatus::Cancelled,
                Phase::Pruned => RunStatus::Pruned,
            };
            self.tell(&key, status)?;
        }
        Ok(())
    }

    fn tell(&mut self, key: &TrialKey, status: RunStatus) -> Result<(), GridError> {
        if self.told.get(key) == Some(&status) {
            return Ok(());
        }
        self.told.insert(key.clone(), status.clone());
        self.events.tell(GridEvent::Moved { key: key.clone(), status })
    }

    fn close(mut self) -> Result<Ending, GridError> {
        self.tell_changes()?;
        let ending = match (self.failed_fast, self.stopped) {
            (true, _) => Ending::FailedFast,
            (false, true) => Ending::Stopped,
            (false, false) => Ending::Done,
        };
        self.heed_late()?;
        self.events.tell(GridEvent::Closed { ending })?;
        self.lease.release()?;
        Ok(ending)
    }

    /// Commands that came too late change nothing any more, but that test scores were looked at stays true.
    fn heed_late(&mut self) -> Result<(), GridError> {
        let inbox = self.store.inbox();
        for arrival in inbox.read()? {
            if let Ok(command @ Command::Reveal) = &arrival.command {
                self.heed_one(command, &arrival)?;
            }
            inbox.remove(&arrival)?;
        }
        Ok(())
    }
}

/// Puts runs that make sense behind those that wait, with the priorities that they had.
fn enqueue(queue: &mut Queue, before: &GridState, found: &[(Planned, Found)]) {
    for (run, Found { phase, .. }) in found {
        if let Some(phase) = phase {
            queue.add(run.key.clone(), phase.clone());
            let priority = before.run(&run.key).map_or(0, |before| before.priority);
            queue.prioritise(&[run.key.clone()].into(), priority);
        }
    }
}

/// Removes commands that came too late for the last scheduler: a `stop` left behind would end this one at once.
fn clear_inbox(store: &Store) -> Result<(), GridError> {
    let inbox = store.inbox();
    for arrival in inbox.read()? {
        if !matches!(arrival.command, Ok(Command::Reveal)) {
            inbox.remove(&arrival)?;
        }
    }
    Ok(())
}
