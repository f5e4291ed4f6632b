//! The fold over events: what a view needs to know of a grid. Pure: no clock, no file; events may come twice, late or
//! in any order.

use std::collections::{BTreeMap, BTreeSet};

use crate::events::run_fold::FitState;
use crate::events::{Counts, Ending, GridEvent, GridLine, Level, RunEvent, RunLine, RunStatus};
use crate::key::TrialKey;
use crate::trial::Row;

/// An event of any file of a store.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// A line of `grid.jsonl`.
    Grid(GridLine),
    /// A line of a run's `events.jsonl`.
    Run(TrialKey, RunLine),
}

/// A grid as told by its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GridState {
    /// Name of the experiment.
    pub experiment: String,
    /// Runs at once.
    pub jobs: usize,
    /// How the scheduler ended; `None` while it goes on.
    pub ending: Option<Ending>,
    /// When the present attempt began, in milliseconds since 1970.
    pub opened_at: u64,
    /// When the last event came, in milliseconds since 1970.
    pub last_at: u64,
    /// When somebody first looked at test scores before the grid was done, in milliseconds since 1970.
    pub revealed: Option<u64>,
    /// The latest words of scheduler and workers, the oldest first: time, run, level, text.
    pub log: Vec<(u64, Option<TrialKey>, Level, String)>,
    /// Runs that follow once tuning has chosen what they are, by architecture.
    pub(super) ahead: BTreeMap<String, usize>,
    /// How many runs the last scheduler found, which it then tells of one by one.
    expected: usize,
    attempt: u32,
    seq: u64,
    runs: Vec<RunState>,
    places: BTreeMap<TrialKey, usize>,
    /// Kept up to date: ten thousand runs are too many to be counted for every screen.
    counts: Counts,
    /// Places of the runs that run, in the grid's order.
    running: BTreeSet<usize>,
}

/// The log keeps so many lines; the files have all.
const LOG: usize = 1_000;

/// A run as told by its events.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
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
    /// Its state, as the scheduler sees it.
    pub status: RunStatus,
    /// Queued runs of higher priority start first, those of the same in the grid's order.
    pub priority: i32,
    /// Its fits, in the order in which they run.
    pub fits: Vec<FitState>,
    /// The fit that was last heard of.
    pub fit: usize,
    /// What it does when it does not train.
    pub stage: Option<String>,
    /// Whether it is told to run while its worker and its scheduler are gone; see [`GridState::abandon`].
    pub abandoned: bool,
    /// How many times it was started.
    pub attempt: u32,
    /// When the present attempt began, in milliseconds since 1970.
    pub started_at: u64,
    /// When its last event came, in milliseconds since 1970.
    pub last_at: u64,
    /// Milliseconds in which a worker was at it in earlier attempts.
    pub(super) earlier: u64,
    /// Milliseconds of all attempts that went by before a stage was told of: no training, however far it has come.
    pub(super) staged: u64,
    /// Why the present attempt failed, in its worker's words.
    pub(super) failure: Option<String>,
    pub(super) seq: u64,
    /// The grid's attempt that planned it last.
    pub(super) planned: u32,
}

impl GridState {
    /// Takes in an event. One that was taken in before, or that a later attempt superseded, changes nothing.
    pub fn apply(&mut self, happened: Happened) {
        match happened {
            Happened::Grid(line) if (line.attempt, line.seq) > (self.attempt, self.seq) => {
                if line.attempt > self.attempt {
                    // A new scheduler plans all runs anew.
                    (self.counts, self.running) = (Counts::default(), BTreeSet::new());
                }
                (self.attempt, self.seq) = (line.attempt, line.seq);
                self.last_at = self.last_at.max(line.at);
                self.grid(line.at, line.event);
            }
            Happened::Run(key, line) => {
                let run = self.run_mut(&key);
                if run.is_behind(&line) {
                    let (at, words) = (line.at, words(&line.event));
                    // Its scheduler may have told of the failure first.
                    let is_told = matches!((&line.event, &run.status),
                        (RunEvent::Failed { reason }, RunStatus::Failed { reason: told }) if reason == told);
                    run.next(line);
                    self.last_at = self.last_at.max(at);
                    if let Some((level, text)) = words.filter(|_| !is_told) {
                        self.note(at, Some(key), level, text);
                    }
                }
            }
            Happened::Grid(_) => {}
        }
    }

    fn grid(&mut self, at: u64, event: GridEvent) {
        match event {
            GridEvent::Opened { experiment, jobs, trials, .. } => {
                self.expected = trials;
                (self.experiment, self.jobs, self.ending, self.opened_at) = (experiment, jobs, None, at);
                self.ahead = BTreeMap::new();
            }
            GridEvent::Planned { key, architecture, protocol, seed, rows, status } => {
                let planned = self.attempt;
                self.turn(&key, status, |run| {
                    *run = RunState { architecture, protocol, seed, rows, planned, ..run.clone() };
                });
            }
            GridEvent::Ahead { runs } => self.ahead = runs,
            GridEvent::Moved { key, status } => self.moved(at, &key, status),
            GridEvent::Priority { key, priority } => self.run_mut(&key).priority = priority,
            GridEvent::Revealed => self.revealed = self.revealed.or(Some(at)),
            GridEvent::Jobs { jobs } => self.jobs = jobs,
            GridEvent::Log { level, text } => self.note(at, None, level, text),
            GridEvent::Closed { ending } => self.ending = Some(ending),
        }
    }

    /// A failure that the worker has not told of itself, as one that was killed cannot, belongs in the log.
    fn moved(&mut self, at: u64, key: &TrialKey, status: RunStatus) {
        let known = self.run_mut(key);
        match &status {
            RunStatus::Running { .. } => known.failure = None,
            RunStatus::Failed { reason } if known.failure.as_ref() != Some(reason) => {
                self.note(at, Some(key.clone()), Level::Error, reason.clone());
            }
            RunStatus::Failed { .. }
            | RunStatus::Queued
            | RunStatus::Paused
            | RunStatus::Finished
            | RunStatus::Cancelled
            | RunStatus::Pruned
            | RunStatus::NotApplicable { .. } => {}
        }
        self.turn(key, status, |_| {});
    }

    /// Changes what a scheduler tells of a run.
    fn turn(&mut self, key: &TrialKey, status: RunStatus, change: impl FnOnce(&mut RunState)) {
        let place = self.place(key);
        let run = &mut self.runs[place];
        if run.is_planned(self.attempt) {
            *self.counts.of(&run.status) -= 1;
        }
        change(run);
        (run.status, run.abandoned) = (status, false);
        self.running.remove(&place);
        if run.is_planned(self.attempt) {
            *self.counts.of(&run.status) += 1;
            if matches!(run.status, RunStatus::Running { .. }) {
                self.running.insert(place);
            }
        }
    }

    /// Takes in which of the runs that are told to run have neither worker nor scheduler any more; the others have.
    pub fn abandon(&mut self, keys: &BTreeSet<TrialKey>) {
        for place in &self.running {
            let run = &mut self.runs[*place];
            run.abandoned = keys.contains(&run.key);
        }
    }

    /// The runs that run, in the grid's order.
    pub fn running(&self) -> impl Iterator<Item = &RunState> {
        self.running.iter().map(|place| &self.runs[*place])
    }

    /// Words that come late, as those of runs that are read one after the other, find their place by time.
    pub(super) fn note(&mut self, at: u64, key: Option<TrialKey>, level: Level, text: String) {
        if self.log.len() >= 2 * LOG {
            self.log.drain(..LOG);
        }
        let place = self.log.partition_point(|(before, ..)| *before <= at);
        self.log.insert(place, (at, key, level, text));
    }

    pub(super) fn run_mut(&mut self, key: &TrialKey) -> &mut RunState {
        let place = self.place(key);
        &mut self.runs[place]
    }

    fn place(&mut self, key: &TrialKey) -> usize {
        if let Some(place) = self.places.get(key) {
            return *place;
        }
        self.places.insert(key.clone(), self.runs.len());
        self.runs.push(RunState::new(key.clone()));
        self.runs.len() - 1
    }

    /// The runs of the grid, in its order. Those that only an earlier version of the experiment had are left out.
    pub fn runs(&self) -> impl Iterator<Item = &RunState> {
        self.runs.iter().filter(|run| run.is_planned(self.attempt))
    }

    /// One run, whether or not the grid still has it.
    pub fn run(&self, key: &TrialKey) -> Option<&RunState> {
        self.places.get(key).map(|at| &self.runs[*at])
    }

    /// Whether every run has come to its end, so that test scores are no secret any more. While a scheduler still tells
    /// which runs there are, nobody can know.
    pub fn is_done(&self) -> bool {
        let counts = self.counts();
        counts.all() > 0 && counts.all() >= self.expected && counts.unfinished() == 0
    }

    /// Whether test scores may be shown: the grid is done, or somebody wanted to see them, which the store keeps.
    pub fn shows_test(&self) -> bool {
        self.is_done() || self.revealed.is_some()
    }

    /// How many runs are in which state.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many runs follow once tuning has chosen what they are.
    pub fn ahead(&self) -> usize {
        self.ahead.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many runs there will be, those that make no sense left out and those that follow counted.
    pub fn total(&self) -> usize {
        let counts = self.counts();
        (counts.all() - counts.not_applicable).saturating_add(self.ahead())
    }

    /// Train rows a second, over all runs that run.
    pub fn rows_per_second(&self) -> f64 {
        let attended = self.running().filter(|run| !run.abandoned);
        let rates = attended.filter_map(|run| run.fits.get(run.fit)).map(|fit| fit.rows_per_second);
        // The sum of nothing is -0.
        rates.sum::<f64>() + 0.0
    }
}

/// What of an event belongs in the log.
pub(super) fn words(event: &RunEvent) -> Option<(Level, String)> {
    match event {
        RunEvent::Log { level, text } => Some((*level, text.clone())),
        RunEvent::Failed { reason } => Some((Level::Error, reason.clone())),
        RunEvent::Started { .. }
        | RunEvent::Stage { .. }
        | RunEvent::Resumed { .. }
        | RunEvent::Progress { .. }
        | RunEvent::Evaluated(_)
        | RunEvent::Insight(_)
        | RunEvent::Checkpointed { .. }
        | RunEvent::Fitted { .. }
        | RunEvent::Stopped
        | RunEvent::Finished => None,
    }
}

impl RunState {
    pub(super) fn new(key: TrialKey) -> Self {
        Self {
            key,
            architecture: String::new(),
            protocol: String::new(),
            seed: 0,
            rows: vec![],
            status: RunStatus::Queued,
            priority: 0,
            fits: vec![],
            fit: 0,
            stage: None,
            abandoned: false,
            attempt: 0,
            started_at: 0,
            last_at: 0,
            earlier: 0,
            staged: 0,
            failure: None,
            seq: 0,
            planned: 0,
        }
    }

    fn is_planned(&self, attempt: u32) -> bool {
        self.planned == attempt && attempt > 0
    }

    /// Its state in a word.
    pub fn word(&self) -> &'static str {
        if self.abandoned { "abandoned" } else { self.status.name() }
    }

    /// Whether a line tells something new.
    pub(super) fn is_behind(&self, line: &RunLine) -> bool {
        (line.attempt, line.seq) > (self.attempt, self.seq)
    }

    pub(super) fn next(&mut self, line: RunLine) {
        if line.attempt > self.attempt {
            self.earlier = self.milliseconds();
            (self.started_at, self.last_at) = (line.at, line.at);
            self.failure = None;
        }
        (self.attempt, self.seq) = (line.attempt, line.seq);
        if matches!(line.event, RunEvent::Stage { .. }) {
            self.staged = self.staged.saturating_add(line.at.saturating_sub(self.last_at));
        }
        self.last_at = self.last_at.max(line.at);
        self.event(line.event);
    }

    fn event(&mut self, event: RunEvent) {
        let attempt = self.attempt;
        if let RunEvent::Stage { name } = &event {
            self.stage = Some(name.clone());
        } else if !matches!(event, RunEvent::Log { .. }) {
            self.stage = None;
        }
        match event {
            RunEvent::Started { fits, .. } => {
                self.fits.truncate(fits.len());
                for (fit, name) in fits.into_iter().enumerate() {
                    self.with(fit, |state| state.name = name);
                }
                self.fit = 0;
            }
            RunEvent::Resumed { fit, step } => self.with(fit, |state| state.resume(attempt, step)),
            RunEvent::Progress { fit, step, steps, epochs, rows_per_second, losses } => self.with(fit, |state| {
                state.at(attempt, step, epochs);
                state.steps = steps;
                state.rows_per_second = rows_per_second;
                state.losses = losses;
            }),
            RunEvent::Evaluated(evaluated) => self.with(evaluated.fit, |state| {
                state.at(attempt, evaluated.step, evaluated.epochs);
                state.evaluated(evaluated);
            }),
            RunEvent::Insight(insight) => self.with(insight.fit, |state| {
                state.at_least(attempt);
                state.insight = Some(insight);
            }),
            RunEvent::Checkpointed { fit, step } => self.with(fit, |state| state.checkpointed(attempt, step)),
            RunEvent::Fitted { fit, best_step } => self.with(fit, |state| {
                state.at_least(attempt);
                state.best_step = Some(best_step);
            }),
            RunEvent::Failed { reason } => self.failure = Some(reason),
            RunEvent::Stage { .. } | RunEvent::Log { .. } | RunEvent::Stopped | RunEvent::Finished => {}
        }
    }

    /// Changes a fit. A number that no trial has, from a damaged line, must not fill the memory.
    fn with(&mut self, fit: usize, change: impl FnOnce(&mut FitState)) {
        const MOST_FITS: usize = 10_000;
        if fit < MOST_FITS {
            if self.fits.len() <= fit {
                self.fits.resize_with(fit + 1, FitState::default);
            }
            self.fit = fit;
            change(&mut self.fits[fit]);
        }
    }

    /// Milliseconds in which a worker was at it, over all attempts.
    pub fn milliseconds(&self) -> u64 {
        self.earlier.saturating_add(self.last_at.saturating_sub(self.started_at))
    }

    /// How much of it is done, from 0 to 1, if patience lasts.
    pub fn fraction(&self) -> f64 {
        if self.status == RunStatus::Finished {
            return 1.0;
        }
        let done: f64 = self.fits.iter().map(FitState::fraction).sum();
        if self.fits.is_empty() { 0.0 } else { done / self.fits.len() as f64 }
    }
}
