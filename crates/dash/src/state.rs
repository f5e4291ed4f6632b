//! All that is known of a grid: a fold over events, which views draw from alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mmtl_grid::TrialKey;
use mmtl_grid::events::{GridState, Happened, RunState};
use mmtl_report::Scores;

use crate::event::Event;
use crate::history::History;
use crate::machine::Machine;
use crate::roofline::Roofline;
use crate::subjects::Subjects;

/// A grid as told by events. Pure: no clock, no file; the same events give the same state.
#[derive(Clone, Debug, Default)]
pub struct State {
    grid: GridState,
    subjects: Subjects,
    configurations: BTreeMap<TrialKey, BTreeMap<String, String>>,
    histories: BTreeMap<TrialKey, History>,
    printed: BTreeMap<Option<TrialKey>, VecDeque<String>>,
    troubles: BTreeMap<String, String>,
    tables: Tables,
    machine: Machine,
    roofline: Roofline,
    scheduler: Scheduler,
    reading: Option<(usize, usize)>,
    replay: Option<f64>,
    now: u64,
    wall: Option<u64>,
    revision: u64,
    tables_revision: u64,
}

/// What is known of the records of finished runs.
#[derive(Clone, Debug, Default)]
pub enum Tables {
    /// Not read yet.
    #[default]
    Unread,
    /// As last read.
    Read(Box<Scores>),
    /// They cannot be read, for this reason.
    Unreadable(String),
}

/// Who runs the grid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scheduler {
    /// Not known yet.
    #[default]
    Unknown,
    /// One lives, on this machine with this process number.
    Alive {
        /// The machine.
        host: String,
        /// The process.
        pid: u32,
    },
    /// None: the grid is done, was stopped, or its scheduler died, which only [`GridState::ending`] tells apart.
    Gone,
}

/// Lines kept of what each process printed; the files have all.
const PRINTED: usize = 2_000;
/// Files kept of those that something is wrong with.
const TROUBLES: usize = 1_000;

impl State {
    /// Takes in an event.
    pub fn apply(&mut self, event: Event) {
        self.revision += u64::from(!matches!(event, Event::Clock(_) | Event::Wall(_) | Event::Machine(_)));
        match event {
            Event::Happened(happened) => self.happened(happened),
            Event::CaughtUp(told) => self.grid.adopt(*told),
            Event::Reading { read, of } => self.reading = (read < of).then_some((read, of)),
            Event::Subjects(subjects) => self.subjects = subjects,
            Event::Configuration(key, values) => drop(self.configurations.insert(key, values)),
            Event::Lines(key, lines) => {
                let history = self.histories.entry(key).or_default();
                for line in &lines {
                    history.apply(line);
                }
            }
            Event::Scores(scores) => {
                self.tables = scores.map_or_else(Tables::Unreadable, Tables::Read);
                self.tables_revision = self.revision;
            }
            Event::Printed(key, lines) => {
                let printed = self.printed.entry(key).or_default();
                printed.extend(lines);
                printed.drain(..printed.len().saturating_sub(PRINTED));
            }
            Event::Scheduler(scheduler) => self.scheduler = scheduler,
            Event::Abandoned(keys) => self.grid.abandon(&keys),
            Event::Machine(sample) => self.machine.add(*sample, self.grid.rows_per_second()),
            Event::Costs(costs) => self.roofline.costs = costs,
            Event::Bench(bench) => self.roofline.bench = Some(*bench),
            Event::Trouble { path, reason } => {
                if self.troubles.len() < TROUBLES {
                    self.troubles.insert(path, reason);
                }
            }
            Event::Replay(speed) => self.replay = Some(speed),
            Event::Clock(now) => self.now = self.now.max(now),
            Event::Wall(now) => self.wall = Some(now),
        }
    }

    fn happened(&mut self, happened: Happened) {
        if let Happened::Run(key, line) = &happened
            && let Some(history) = self.histories.get_mut(key)
        {
            history.apply(line);
        }
        self.grid.apply(happened);
    }

    /// Forgets the curves of runs that nobody looks at.
    pub fn keep_histories(&mut self, of: &BTreeSet<TrialKey>) {
        self.histories.retain(|key, _| of.contains(key));
    }

    /// A number that grows whenever anything but clock and machine changes: what is derived is derived anew then.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The grid, its runs and its log.
    pub fn grid(&self) -> &GridState {
        &self.grid
    }

    /// A run.
    pub fn run(&self, key: &TrialKey) -> Option<&RunState> {
        self.grid.run(key)
    }

    /// Tasks and scenes.
    pub fn subjects(&self) -> &Subjects {
        &self.subjects
    }

    /// A run's resolved configuration by dotted key, if it was asked for.
    pub fn configuration(&self, key: &TrialKey) -> Option<&BTreeMap<String, String>> {
        self.configurations.get(key)
    }

    /// A run's curves, if it is followed.
    pub fn history(&self, key: &TrialKey) -> Option<&History> {
        self.histories.get(key)
    }

    /// The last lines that a run's worker, or with `None` the scheduler, printed.
    pub fn printed(&self, key: Option<&TrialKey>) -> impl DoubleEndedIterator<Item = &str> {
        self.printed.get(&key.cloned()).into_iter().flatten().map(String::as_str)
    }

    /// Files that something is wrong with, and what.
    pub fn troubles(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.troubles.iter().map(|(path, reason)| (path.as_str(), reason.as_str()))
    }

    /// The records of finished runs.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The revision in which the records were read last.
    pub fn tables_revision(&self) -> u64 {
        self.tables_revision
    }

    /// What the machine does.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What runs cost, and what the engine could reach.
    pub fn roofline(&self) -> &Roofline {
        &self.roofline
    }

    /// Who runs the grid.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// Files read of those that are to be read, while they are.
    pub fn reading(&self) -> Option<(usize, usize)> {
        self.reading
    }

    /// How many times as fast as it was the grid is played back, if it is: there is nobody to steer then.
    pub fn replay(&self) -> Option<f64> {
        self.replay
    }

    /// The time, in milliseconds since 1970.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The time of whoever looks, in milliseconds since 1970: what is said to them lasts by it, also while a grid of hours
    /// is played back in minutes.
    pub fn wall(&self) -> u64 {
        self.wall.unwrap_or(self.now)
    }

    /// Whether every run has come to its end, so that test scores are no secret any more.
    pub fn is_done(&self) -> bool {
        self.grid.is_done()
    }

    /// Whether test scores may be shown: the grid is done, or somebody wanted to see them, which the store keeps.
    pub fn shows_test(&self) -> bool {
        self.grid.shows_test()
    }
}
