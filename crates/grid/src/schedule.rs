//! The scheduler of a grid: a process of its own that starts workers, heeds commands and writes `grid.jsonl`.

mod answer;
mod found;
mod queue;
mod reveal;
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
use crate::error::GridError;
use crate::events::{Ending, EventWriter, GridEvent, Level, RunStatus};
use crate::key::TrialKey;
use crate::planned::read_grid;
use crate::stop::Stop;
use crate::store::{Acquired, Arrival, Command, Holder, Lease, RENEW_EVERY, Store};

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

/// Runs the grid in `store` until nothing is left to run or it is told to stop. Workers are `program worker …`.
/// `None` when another scheduler has the grid.
///
/// # Errors
/// When the store cannot be read or written.
pub fn schedule(store: &Store, program: &Path, options: Options, stop: &Stop) -> Result<Option<Ending>, GridError> {
    let Acquired::Ours(lease) = store.lease_scheduler()? else { return Ok(None) };
    clear_inbox(store)?;
    let mut scheduler = Scheduler::new(store, program, options, lease)?;
    while !scheduler.queue.is_over() {
        scheduler.turn(stop)?;
        thread::sleep(TURN);
    }
    scheduler.close().map(Some)
}

struct Scheduler<'a> {
    store: &'a Store,
    queue: Queue,
    workers: Workers,
    events: EventWriter<GridEvent>,
    /// What `grid.jsonl` says of each run.
    told: BTreeMap<TrialKey, RunStatus>,
    lease: Lease,
    renewed: Instant,
    stopped: bool,
    failed_fast: bool,
    options: Options,
}

impl<'a> Scheduler<'a> {
    fn new(store: &'a Store, program: &Path, options: Options, lease: Lease) -> Result<Self, GridError> {
        let grid = read_grid(store)?;
        let planned = &grid.runs;
        let told_before = told(store)?;
        let (mut runs, mut statuses) = (vec![], vec![]);
        for run in planned {
            let status = told_before.run(&run.key).map(|before| &before.status);
            let Found { phase, status } = Found::of(store, &grid, run, status, options)?;
            statuses.push(status);
            runs.extend(phase.map(|phase| (run.key.clone(), phase)));
        }
        let mut queue = Queue::new(runs, options.jobs, options.fail_fast);
        for run in planned {
            let priority = told_before.run(&run.key).map_or(0, |before| before.priority);
            queue.prioritise(&[run.key.clone()].into(), priority);
        }
        let mut events = EventWriter::open(&store.grid_file())?;
        let here = Holder::current();
        let name = store.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
        events.tell(GridEvent::Opened {
            experiment: name,
            host: here.host,
            pid: here.pid,
            jobs: options.jobs,
            trials: planned.len(),
        })?;
        let mut told = BTreeMap::new();
        for (run, status) in planned.iter().zip(statuses) {
            told.insert(run.key.clone(), status.clone());
            events.tell(GridEvent::Planned {
                key: run.key.clone(),
                architecture: run.architecture.clone(),
                protocol: run.protocol.clone(),
                seed: run.seed,
                rows: run.rows.clone(),
                status,
            })?;
        }
        Ok(Self {
            store,
            queue,
            workers: Workers::new(program, store.root(), options.threads),
            events,
            told,
            lease,
            renewed: Instant::now(),
            stopped: false,
            failed_fast: false,
            options,
        })
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
        let actions = self.queue.actions();
        changed |= !actions.is_empty();
        self.act(actions)?;
        if changed { self.tell_changes() } else { Ok(()) }
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
            Command::Cancel(target) => self.queue.cancel(target),
            Command::Retry(target) => self.queue.retry(target),
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

    fn act(&mut self, actions: Vec<Action>) -> Result<(), GridError> {
        for action in actions {
            match action {
                Action::Stop(key) => self.workers.stop(&key),
                Action::Start(key) => match self.workers.start(&key) {
                    Ok(pid) => {
                        let status = RunStatus::Running { host: Holder::current().host, pid };
                        self.tell(&key, status)?;
                    }
                    Err(error) => {
                        let reason = format!("its worker could not be started: {error}");
                        let actions = self.queue.ended(&key, Outcome::Failed(reason));
                        self.act(actions)?;
                    }
                },
            }
        }
        Ok(())
    }

    /// A worker that failed in good order told why in its events.
    fn with_reason(&self, key: &TrialKey, outcome: Outcome) -> Outcome {
        match outcome {
            // Whatever ended it afterwards, the record is there.
            Outcome::Failed(_) if self.store.run(key).is_finished() => Outcome::Finished,
            Outcome::Failed(reason) if reason.is_empty() => {
                let told = failure(self.store, key).ok().flatten();
                Outcome::Failed(
                    told.unwrap_or_else(|| "the worker could not keep its journal; see worker.log".to_owned()),
                )
            }
            Outcome::Finished | Outcome::Stopped | Outcome::Busy | Outcome::Failed(_) => outcome,
        }
    }

    /// Tells of every run whose state is another than last told.
    fn tell_changes(&mut self) -> Result<(), GridError> {
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
