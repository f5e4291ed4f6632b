//! Events: the one interface between running and showing. The scheduler writes [`GridEvent`]s to `grid.jsonl`, each
//! worker [`RunEvent`]s to its run's `events.jsonl`; progress lines, dashboard and replay are folds over both
//! ([`GridState`]).
//!
//! Every line carries the format's version, the attempt (how many times the grid was scheduled or the run started),
//! its number within the attempt and the time. After a resume, what an earlier attempt told of steps past the checkpoint
//! is superseded: the new attempt tells it again.

mod catch_up;
mod counts;
mod estimate;
mod fold;
mod grid;
mod head;
mod insight;
mod run;
mod run_fold;
mod sift;
#[cfg(test)]
mod tests;
mod told;
mod writer;

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use catch_up::{CaughtUp, catch_up, catch_up_all};
pub use counts::Counts;
pub use fold::{GridState, Happened, RunState};
pub use grid::{Ending, GridEvent, RunStatus};
pub use insight::{Cosines, GateWeights, Insight};
pub use run::{Evaluated, RunEvent, ValidScore};
pub use run_fold::FitState;
pub use told::Told;
pub use writer::EventWriter;

use crate::store::{FormatVersion, Versioned};

/// An event with where and when it belongs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamped<E> {
    /// Version of the format.
    pub v: FormatVersion,
    /// Which attempt tells it, from 1.
    pub attempt: u32,
    /// Its number within the attempt, from 1.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What happened.
    pub event: E,
}

/// A line of `grid.jsonl`.
pub type GridLine = Stamped<GridEvent>;

/// A line of `events.jsonl`.
pub type RunLine = Stamped<RunEvent>;

/// The version of both formats. 2: runs may be pruned and have a priority, and test scores be revealed. 3: runs may be ahead.
pub(crate) const VERSION: FormatVersion = FormatVersion(3);

impl<E> Versioned for Stamped<E> {
    const KNOWN: FormatVersion = VERSION;

    fn version(&self) -> FormatVersion {
        self.v
    }
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// For the curious.
    Info,
    /// Something may be wrong.
    Warning,
    /// Something is wrong.
    Error,
}

/// The time, in milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
