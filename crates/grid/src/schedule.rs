//! The scheduler of a grid: a process of its own that starts workers, heeds commands and writes `grid.jsonl`.

mod queue;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

pub use queue::{Action, Outcome, Phase, Queue};
pub use workers::{Workers, exit};

use crate::error::GridError;
use crate::events::{Ending, EventWriter, GridEvent, Level, RunEvent, RunStatus};
use crate::key::TrialKey;
use crate::planned::{Planned, read_grid};
use crate::stop::Stop;
use crate::store::{Acquired, Command, Holder, Lease, Line, RENEW_EVERY, Store};

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
        let planned = read_grid(store)?.runs;
        let cancelled = if options.retry_failed { BTreeSet::new() } else { cancelled(store)? };
        let mut runs = vec![];
        let mut statuses = vec![];
        for run in &planned {
            let (phase, status) = match found(store, run, options.retry_failed)? {
                (Some(Phase::Queued), _) if cancelled.contains(&run.key) => {
                    (Some(Phase::Cancelled), RunStatus::Cancelled)
                }
                found => found,
            };
            statuses.push(status);
            runs.extend(phase.map(|phase| (run.key.clone(), phase)));
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
            queue: Queue::new(runs, options.jobs, options.fail_fast),
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
            self.stop();
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
                Ok(command) => self.obey(command)?,
                Err(error) => {
                    let text = format!("a command was not understood: {error}");
                    self.events.tell(GridEvent::Log { level: Level::Warning, text })?;
                }
            }
            inbox.remove(&arrival)?;
        }
        Ok(any)
    }

    fn obey(&mut self, command: &Command) -> Result<(), GridError> {
        let actions = match command {
            Command::Pause(target) => self.queue.pause(target),
            Command::Cancel(target) => self.queue.cancel(target),
            Command::Resume(target) => {
                self.queue.resume(target);
                vec![]
            }
            Command::Retry(target) => {
                self.queue.retry(target);
                vec![]
            }
            Command::Jobs(jobs) => {
                self.queue.set_jobs(*jobs);
                self.events.tell(GridEvent::Jobs { jobs: self.queue.jobs() })?;
                vec![]
            }
            Command::Drain => {
                self.queue.drain();
                self.stopped = true;
                vec![]
            }
            Command::Stop => {
                self.stop();
                vec![]
            }
        };
        self.act(actions)
    }

    fn stop(&mut self) {
        self.stopped = true;
        for action in self.queue.halt() {
            if let Action::Stop(key) = action {
                self.workers.stop(&key);
            }
        }
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
                let told = last_failure(self.store, key).ok().flatten();
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
        self.events.tell(GridEvent::Closed { ending })?;
        clear_inbox(self.store)?;
        self.lease.release()?;
        Ok(ending)
    }
}

/// Removes commands that came too late for a scheduler: a `stop` left behind would end the next one at once.
fn clear_inbox(store: &Store) -> Result<(), GridError> {
    let inbox = store.inbox();
    for arrival in inbox.read()? {
        inbox.remove(&arrival)?;
    }
    Ok(())
}

/// The state in which a scheduler finds a run; `None` in the queue for one that never runs.
fn found(store: &Store, run: &Planned, retry_failed: bool) -> Result<(Option<Phase>, RunStatus), GridError> {
    if let Some(reason) = &run.not_applicable {
        return Ok((None, RunStatus::NotApplicable { reason: reason.clone() }));
    }
    if store.run(&run.key).is_finished() {
        return match store.run(&run.key).record() {
            Ok(_) => Ok((Some(Phase::Finished), RunStatus::Finished)),
            Err(GridError::Damaged { path, reason }) => {
                let reason = GridError::Damaged { path, reason }.to_string();
                Ok((Some(Phase::Failed(reason.clone())), RunStatus::Failed { reason }))
            }
            Err(error) => Err(error),
        };
    }
    match last_failure(store, &run.key)?.filter(|_| !retry_failed) {
        Some(reason) => Ok((Some(Phase::Failed(reason.clone())), RunStatus::Failed { reason })),
        None => Ok((Some(Phase::Queued), RunStatus::Queued)),
    }
}

/// The runs that were cancelled when the last scheduler ended.
fn cancelled(store: &Store) -> Result<BTreeSet<TrialKey>, GridError> {
    let mut cancelled = BTreeSet::new();
    if !store.grid_file().exists() {
        return Ok(cancelled);
    }
    store.grid_lines().poll_each(|line| {
        let Line::Value(line) = line else { return };
        if let GridEvent::Moved { key, status } | GridEvent::Planned { key, status, .. } = line.event {
            if status == RunStatus::Cancelled {
                cancelled.insert(key);
            } else {
                cancelled.remove(&key);
            }
        }
    })?;
    Ok(cancelled)
}

/// Why a run failed, if that is the last that its worker told. A worker that was killed tells nothing, so its run goes
/// on from its checkpoint.
fn last_failure(store: &Store, key: &TrialKey) -> Result<Option<String>, GridError> {
    let folder = store.run(key);
    let mut last = None;
    if folder.events_file().exists() {
        folder.events().poll_each(|line| {
            if let Line::Value(line) = line {
                last = match line.event {
                    RunEvent::Failed { reason } => Some(reason),
                    _ => None,
                };
            }
        })?;
    }
    Ok(last)
}
