//! What a dashboard is told.

use std::collections::{BTreeMap, BTreeSet};

use mmtl_grid::TrialKey;
use mmtl_grid::events::{Happened, RunLine, Told};
use mmtl_report::Scores;

use crate::machine::MachineSample;
use crate::roofline::Bench;
use crate::state::Scheduler;
use crate::subjects::Subjects;

/// Something that a [`crate::State`] takes in. All of it may come twice, late or in any order.
#[derive(Clone, Debug)]
pub enum Event {
    /// A line of a file of the store.
    Happened(Happened),
    /// What all lines of a run's file so far come to.
    CaughtUp(Box<Told>),
    /// How many runs' files are read, of how many that are there: the overview is not complete before all are.
    Reading {
        /// Files read.
        read: usize,
        /// Files in all.
        of: usize,
    },
    /// What the grid's tables are about.
    Subjects(Subjects),
    /// A run's resolved configuration, by dotted key.
    Configuration(TrialKey, BTreeMap<String, String>),
    /// All lines of a run's file, for its curves; lines that follow come as [`Event::Happened`].
    Lines(TrialKey, Vec<RunLine>),
    /// All records so far, or why they cannot be read.
    Scores(Result<Box<Scores>, String>),
    /// What was printed by a run's worker, or by the scheduler, since the last time.
    Printed(Option<TrialKey>, Vec<String>),
    /// Who runs the grid.
    Scheduler(Scheduler),
    /// Of the runs that are told to run, those whose worker and scheduler are gone.
    Abandoned(BTreeSet<TrialKey>),
    /// What the machine does.
    Machine(Box<MachineSample>),
    /// Floating-point operations of a row's forward pass through each fit, by the label of a row in tables, as far as
    /// records tell.
    Costs(BTreeMap<String, Vec<u64>>),
    /// What `mmtl bench` measured of the engine.
    Bench(Box<Bench>),
    /// Something is wrong with a file of the store: which, and what.
    Trouble {
        /// The file.
        path: String,
        /// What is wrong, as one sentence.
        reason: String,
    },
    /// What follows is played back, so many times as fast as it was.
    Replay(f64),
    /// The time, in milliseconds since 1970; of what is played back, that of the grid.
    Clock(u64),
    /// The time of whoever watches a replay, in milliseconds since 1970.
    Wall(u64),
}
