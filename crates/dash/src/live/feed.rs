//! What happens in a store, as events: a thread of its own reads it, so that no slow disk holds a screen up.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mmtl_grid::events::{CaughtUp, GridEvent, GridLine, Happened, RunLine, RunStatus, catch_up_all};
use mmtl_grid::store::{Damage, Line, LineReader, Printed, Store, Versioned, without_worker};
use mmtl_grid::{Catalogue, Experiment, GridError, TrialKey};
use serde::de::DeserializeOwned;

use crate::event::Event;
use crate::flat::flat;
use crate::live::replay::Replay;
use crate::live::roofline::costs;
use crate::live::sampler::Sampler;
use crate::state::Scheduler;
use crate::subjects::Subjects;

/// What a screen needs.
#[derive(Debug)]
pub enum Ask {
    /// All lines of these runs, their configurations, and what they print.
    Follow(BTreeSet<TrialKey>),
    /// Records, now and whenever more runs have finished.
    Scores,
}

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often the rest is: who lives, what is printed, what the machine does.
const LOOK_AROUND_EVERY: Duration = Duration::from_secs(1);
/// Files that are read at the same time.
const READERS: usize = 2;
/// Events that are handed over at once: a screen is drawn between any two portions.
const PORTION: usize = 20_000;

/// Reads a store until nobody listens any more.
pub fn start(store: Store, replay: Option<Replay>, asks: Receiver<Ask>, events: Sender<Vec<Event>>) {
    thread::spawn(move || {
        let mut feed = Feed::new(store, replay);
        // The one error: nobody listens.
        let _ = feed.run(&asks, &events);
    });
}

/// Nobody listens any more.
struct Gone;

struct Feed {
    store: Store,
    grid: LineReader<GridLine>,
    replay: Option<Replay>,
    readers: BTreeMap<TrialKey, LineReader<RunLine>>,
    running: BTreeMap<TrialKey, (String, u32)>,
    /// Runs whose files are to be read once more: they just ended, or were there before.
    unread: BTreeSet<TrialKey>,
    followed: BTreeSet<TrialKey>,
    printed: BTreeMap<Option<TrialKey>, Printed>,
    scheduler: Scheduler,
    /// Runs that run, as far as the grid's file tells, and that nobody is at.
    abandoned: BTreeSet<TrialKey>,
    finished: usize,
    /// What tables depend on has changed so often: the runs' states, and whether test scores may be shown.
    changes: usize,
    wants_scores: bool,
    scored: Option<usize>,
    costed: Option<usize>,
    sampler: Sampler,
    around: Option<Instant>,
    host: String,
}

impl Feed {
    fn new(store: Store, replay: Option<Replay>) -> Self {
        let printed = BTreeMap::from([(None, store.printed())]);
        Self {
            grid: store.grid_lines(),
            store,
            replay,
            readers: BTreeMap::new(),
            running: BTreeMap::new(),
            unread: BTreeSet::new(),
            followed: BTreeSet::new(),
            printed,
            scheduler: Scheduler::Unknown,
            abandoned: BTreeSet::new(),
            finished: 0,
            changes: 0,
            wants_scores: false,
            scored: None,
            costed: None,
            sampler: Sampler::new(),
            around: None,
            host: mmtl_grid::store::Holder::current().host,
        }
    }

    fn run(&mut self, asks: &Receiver<Ask>, to: &Sender<Vec<Event>>) -> Result<(), Gone> {
        let mut out = Out { portion: vec![], to, scores: Arc::default() };
        if self.replay.is_some() {
            out.add(self.subjects())?;
        }
        loop {
            loop {
                match asks.try_recv() {
                    Ok(Ask::Follow(keys)) => self.follow(&keys, &mut out)?,
                    Ok(Ask::Scores) => self.wants_scores = true,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            if self.replay.is_some() {
                self.play(&mut out)?;
            } else {
                self.look(&mut out)?;
            }
            if self.around.is_none_or(|last| last.elapsed() > LOOK_AROUND_EVERY) {
                self.around = Some(Instant::now());
                self.look_around(&mut out)?;
            }
            out.send()?;
            thread::sleep(LOOK_EVERY);
        }
    }

    fn play(&mut self, out: &mut Out) -> Result<(), Gone> {
        let Some(replay) = &mut self.replay else { return Ok(()) };
        for event in replay.due() {
            if let Event::Happened(Happened::Grid(line)) = &event {
                self.finished += usize::from(matches!(
                    line.event,
                    GridEvent::Moved { status: RunStatus::Finished, .. }
                        | GridEvent::Planned { status: RunStatus::Finished, .. }
                ));
                self.changes += usize::from(changes_tables(&line.event));
            }
            out.add(event)?;
        }
        Ok(())
    }

    /// New lines of the grid and of the runs that run.
    fn look(&mut self, out: &mut Out) -> Result<(), Gone> {
        let path = self.store.grid_file();
        let lines = poll(&mut self.grid, &path, out)?;
        let is_opened = lines.iter().any(|line| matches!(line.event, GridEvent::Opened { .. }));
        if is_opened || self.around.is_none() {
            out.add(self.subjects())?;
        }
        for line in lines {
            self.note(&line.event);
            out.add(Event::Happened(Happened::Grid(line)))?;
        }
        if self.around.is_none() {
            // To read all runs may take a while.
            self.look_at_scheduler(out)?;
        }
        self.read_unread(out)?;
        let running: Vec<TrialKey> = self.running.keys().cloned().collect();
        for key in running {
            self.read_run(&key, out)?;
        }
        Ok(())
    }

    fn note(&mut self, event: &GridEvent) {
        self.changes += usize::from(changes_tables(event));
        if let GridEvent::Moved { key, status } | GridEvent::Planned { key, status, .. } = event {
            self.running.remove(key);
            self.unread.insert(key.clone());
            match status {
                RunStatus::Running { host, pid } => drop(self.running.insert(key.clone(), (host.clone(), *pid))),
                RunStatus::Finished => self.finished += 1,
                RunStatus::Queued
                | RunStatus::Paused
                | RunStatus::Failed { .. }
                | RunStatus::Cancelled
                | RunStatus::Pruned
                | RunStatus::NotApplicable { .. } => {}
            }
        }
    }

    /// Runs that nobody has read yet are caught up with, many at the same time; of the others, new lines are read.
    fn read_unread(&mut self, out: &mut Out) -> Result<(), Gone> {
        let unread = std::mem::take(&mut self.unread);
        let (known, new): (Vec<_>, Vec<_>) = unread.into_iter().partition(|key| self.readers.contains_key(key));
        for key in known {
            self.read_run(&key, out)?;
        }
        if new.is_empty() {
            return Ok(());
        }
        out.send()?;
        let (of, read, readers) = (new.len(), AtomicUsize::new(0), Mutex::new(vec![]));
        catch_up_all(&self.store, &new, READERS, |key, caught_up| {
            let mut events = vec![];
            match caught_up {
                Ok(CaughtUp { told, lines }) => {
                    let path = self.store.run(key).events_file();
                    if let Some(reason) = lines.damage().sentence(&path) {
                        events.push(Event::Trouble { path: path.display().to_string(), reason });
                    }
                    events.push(Event::CaughtUp(Box::new(told)));
                    readers.lock().unwrap_or_else(PoisonError::into_inner).push((key.clone(), lines));
                }
                Err(error) => {
                    let path = self.store.run(key).events_file().display().to_string();
                    events.push(Event::Trouble { path, reason: error.to_string() });
                }
            }
            let read = read.fetch_add(1, Ordering::Relaxed) + 1;
            if of > 100 && (read % 100 == 0 || read == of) {
                events.push(Event::Reading { read, of });
            }
            if out.to.send(events).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        self.readers.extend(readers.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// New lines of a run's file.
    fn read_run(&mut self, key: &TrialKey, out: &mut Out) -> Result<(), Gone> {
        let folder = self.store.run(key);
        let reader = self.readers.entry(key.clone()).or_insert_with(|| folder.events());
        let lines = poll(reader, &folder.events_file(), out)?;
        for line in lines {
            out.add(Event::Happened(Happened::Run(key.clone(), line)))?;
        }
        Ok(())
    }

    fn follow(&mut self, keys: &BTreeSet<TrialKey>, out: &mut Out) -> Result<(), Gone> {
        for key in keys.difference(&self.followed) {
            let folder = self.store.run(key);
            let lines = match &self.replay {
                Some(replay) => replay.lines_of(key),
                None => folder.events().poll().unwrap_or_default().into_iter().filter_map(Line::into_value).collect(),
            };
            out.add(Event::Lines(key.clone(), lines))?;
            if let Ok(text) = fs::read_to_string(folder.file("trial.toml")) {
                out.add(Event::Configuration(key.clone(), flat(&text)))?;
            }
            self.printed.entry(Some(key.clone())).or_insert_with(|| folder.printed());
        }
        self.followed.clone_from(keys);
        self.look_at_printed(out)
    }

    fn look_at_printed(&mut self, out: &mut Out) -> Result<(), Gone> {
        for (key, printed) in &mut self.printed {
            if key.as_ref().is_none_or(|key| self.followed.contains(key)) {
                match printed.poll() {
                    Ok(lines) if lines.is_empty() => {}
                    Ok(lines) => out.add(Event::Printed(key.clone(), lines))?,
                    Err(error) => out.add(Event::Trouble { path: "worker.log".into(), reason: error.to_string() })?,
                }
            }
        }
        Ok(())
    }

    fn look_at_scheduler(&mut self, out: &mut Out) -> Result<(), Gone> {
        let scheduler = match self.store.scheduler() {
            Ok(Some(grant)) => Scheduler::Alive { host: grant.holder.host.clone(), pid: grant.holder.pid },
            Ok(None) => Scheduler::Gone,
            Err(_) => Scheduler::Unknown,
        };
        if scheduler != self.scheduler {
            self.scheduler = scheduler.clone();
            out.add(Event::Scheduler(scheduler))?;
        }
        Ok(())
    }

    fn look_around(&mut self, out: &mut Out) -> Result<(), Gone> {
        if self.replay.is_none() {
            self.look_at_scheduler(out)?;
            self.look_for_abandoned(out)?;
        }
        self.look_at_printed(out)?;
        if self.wants_scores && self.scored != Some(self.changes) {
            self.scored = Some(self.changes);
            out.read_scores(&self.store);
        }
        // What a row of the grid costs is known when the first of its runs has finished.
        if self.costed != Some(self.finished) {
            self.costed = Some(self.finished);
            if let Ok(grid) = mmtl_grid::read_grid(&self.store) {
                out.add(Event::Costs(costs(&self.store, &grid)))?;
            }
        }
        let here = self.running.values().filter(|(host, _)| *host == self.host).map(|(_, pid)| *pid);
        let pids: Vec<u32> = here.collect();
        out.add(Event::Machine(Box::new(self.sampler.sample(&pids))))
    }

    /// A scheduler sees to its runs as long as it lives.
    fn look_for_abandoned(&mut self, out: &mut Out) -> Result<(), Gone> {
        let mut abandoned = BTreeSet::new();
        if self.scheduler == Scheduler::Gone {
            let (found, unknown) = without_worker(&self.store, self.running.keys());
            abandoned.extend(found);
            for reason in unknown {
                out.add(Event::Trouble { path: reason.clone(), reason })?;
            }
        }
        if abandoned != self.abandoned {
            self.abandoned.clone_from(&abandoned);
            out.add(Event::Abandoned(abandoned))?;
        }
        Ok(())
    }

    fn subjects(&self) -> Event {
        let experiment = Experiment::read_stored(&self.store, &Catalogue::standard());
        let grid = mmtl_grid::read_grid(&self.store);
        match (grid, experiment) {
            (Ok(grid), Ok(experiment)) => Event::Subjects(Subjects::of(&grid, &experiment)),
            (Err(error), _) | (_, Err(error)) => trouble(&self.store, &error),
        }
    }
}

/// Whether tables may show something else after it: of runs that wait, run or are paused they tell alike.
fn changes_tables(event: &GridEvent) -> bool {
    match event {
        GridEvent::Moved { status, .. } => !matches!(status, RunStatus::Running { .. } | RunStatus::Paused),
        GridEvent::Planned { .. } | GridEvent::Revealed | GridEvent::Opened { .. } => true,
        _ => false,
    }
}

fn trouble(store: &Store, error: &dyn std::fmt::Display) -> Event {
    Event::Trouble { path: store.root().display().to_string(), reason: error.to_string() }
}

fn is_missing(error: &GridError) -> bool {
    matches!(error, GridError::Read { error, .. } if error.kind() == std::io::ErrorKind::NotFound)
}

/// The lines of a file that are new; what is wrong with it is told.
fn poll<T: Versioned + DeserializeOwned>(
    reader: &mut LineReader<T>,
    path: &Path,
    out: &mut Out,
) -> Result<Vec<T>, Gone> {
    let before = reader.damage().clone();
    let mut lines = vec![];
    let read = reader.poll_each(|line| lines.extend(line.into_value()));
    if let Err(error) = read
        && !is_missing(&error)
    {
        out.add(Event::Trouble { path: path.display().to_string(), reason: error.to_string() })?;
    }
    if *reader.damage() != before {
        out.damaged(path, reader.damage())?;
    }
    Ok(lines)
}

/// Where events go, a portion at a time.
struct Out<'a> {
    portion: Vec<Event>,
    to: &'a Sender<Vec<Event>>,
    scores: Arc<ScoresReading>,
}

/// Readings of all records, one after the other: what is read later is shown later.
#[derive(Default)]
struct ScoresReading {
    turn: Mutex<()>,
    /// Whether one has not begun yet, which will see what there is now.
    waits: AtomicBool,
}

impl Out<'_> {
    fn add(&mut self, event: Event) -> Result<(), Gone> {
        self.portion.push(event);
        if self.portion.len() >= PORTION { self.send() } else { Ok(()) }
    }

    fn damaged(&mut self, path: &Path, damage: &Damage) -> Result<(), Gone> {
        match damage.sentence(path) {
            Some(reason) => self.add(Event::Trouble { path: path.display().to_string(), reason }),
            None => Ok(()),
        }
    }

    fn send(&mut self) -> Result<(), Gone> {
        if self.portion.is_empty() {
            return Ok(());
        }
        self.to.send(std::mem::take(&mut self.portion)).map_err(|_| Gone)
    }

    /// Reads all records on a thread of its own: of ten thousand runs that takes a while.
    fn read_scores(&self, store: &Store) {
        if self.scores.waits.swap(true, Ordering::AcqRel) {
            return;
        }
        let (to, store, scores) = (self.to.clone(), store.clone(), Arc::clone(&self.scores));
        thread::spawn(move || {
            let _turn = scores.turn.lock().unwrap_or_else(PoisonError::into_inner);
            scores.waits.store(false, Ordering::Release);
            let read = || {
                let experiment =
                    Experiment::read_stored(&store, &Catalogue::standard()).map_err(|error| error.to_string())?;
                mmtl_report::from_grid(&store, &experiment).map(Box::new).map_err(|error| error.to_string())
            };
            // Nobody may want to know any more.
            let _ = to.send(vec![Event::Scores(read())]);
        });
    }
}
