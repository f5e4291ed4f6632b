//! The columns of the list of runs: their order, their texts, and which go first where there is no room.

use mmtl_grid::events::{RunState, RunStatus};
use thousands::Separable;

use crate::filter::{self, score};
use crate::time::duration;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Head {
    /// Sign and word.
    State,
    /// Architecture.
    Architecture,
    /// Protocol.
    Protocol,
    /// What differs from the baseline, but for architecture and protocol.
    Differs,
    /// Seed.
    Seed,
    /// A bar; instead of it and of the columns behind it, what it does or why it failed.
    Progress,
    /// Epochs of the present fit.
    Epoch,
    /// Steps of the present fit.
    Step,
    /// Train rows a second.
    Rate,
    /// Time left.
    Left,
    /// The best selection score.
    Score,
    /// How many times it was started.
    Attempt,
    /// Priority.
    Priority,
    /// The beginning of the key.
    Key,
}

impl Head {
    /// All, from left to right.
    pub const ALL: [Self; 14] = [
        Self::State,
        Self::Architecture,
        Self::Protocol,
        Self::Differs,
        Self::Seed,
        Self::Progress,
        Self::Epoch,
        Self::Step,
        Self::Rate,
        Self::Left,
        Self::Score,
        Self::Attempt,
        Self::Priority,
        Self::Key,
    ];

    /// Those that go where there is no room, the first one first: what says how a run goes on stays longer than what
    /// only counts, and what tells runs apart longer still.
    pub const DROPPED: [Self; 13] = [
        Self::Attempt,
        Self::Priority,
        Self::Step,
        Self::Key,
        Self::Rate,
        Self::Epoch,
        Self::Left,
        Self::Protocol,
        Self::Differs,
        Self::Seed,
        Self::Score,
        Self::Progress,
        Self::Architecture,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Architecture => "architecture",
            Self::Protocol => "protocol",
            Self::Differs => "differs by",
            Self::Seed => "seed",
            Self::Progress => "progress",
            Self::Epoch => "epoch",
            Self::Step => "step",
            Self::Rate => "rows/s",
            Self::Left => "left",
            Self::Score => "score",
            Self::Attempt => "tries",
            Self::Priority => "prio",
            Self::Key => "key",
        }
    }

    /// Whether numbers stand in it, flush right.
    pub fn is_right(self) -> bool {
        match self {
            Self::Seed
            | Self::Epoch
            | Self::Step
            | Self::Rate
            | Self::Left
            | Self::Score
            | Self::Attempt
            | Self::Priority => true,
            Self::State | Self::Architecture | Self::Protocol | Self::Differs | Self::Progress | Self::Key => false,
        }
    }

    /// Whether what a run does, or why it failed, may stand here instead.
    pub fn is_covered(self, status: &RunStatus) -> bool {
        let last = match status {
            RunStatus::Failed { .. } | RunStatus::NotApplicable { .. } => Self::Score,
            RunStatus::Finished => Self::Progress,
            RunStatus::Queued
            | RunStatus::Running { .. }
            | RunStatus::Paused
            | RunStatus::Cancelled
            | RunStatus::Pruned => Self::Left,
        };
        (Self::Progress..=last).contains(&self)
    }

    /// Whether the largest come first when runs are sorted by it.
    pub fn is_largest_first(self) -> bool {
        match self {
            Self::Progress | Self::Epoch | Self::Step | Self::Rate | Self::Score | Self::Attempt | Self::Priority => {
                true
            }
            Self::State | Self::Architecture | Self::Protocol | Self::Differs | Self::Seed | Self::Left | Self::Key => {
                false
            }
        }
    }
}

/// What to do about a run that nobody is at.
pub const ABANDONED: &str = "worker gone; `mmtl run` goes on";

/// Below this share of a run, what it took so far says little about the rest.
const TELLING: f64 = 0.02;

/// Milliseconds that a running run still takes at its pace so far.
pub fn left(run: &RunState) -> Option<u64> {
    let fraction = run.fraction();
    let is_told = matches!(run.status, RunStatus::Running { .. }) && !run.abandoned && fraction >= TELLING;
    is_told.then(|| (run.milliseconds() as f64 * (1.0 - fraction) / fraction) as u64)
}

/// A run's text in a column of numbers or words; the bar is drawn. Empty where there is nothing to tell yet.
pub fn text(run: &RunState, head: Head, differs: &str) -> String {
    let fit = run.fits.get(run.fit);
    match head {
        Head::State => run.word().to_owned(),
        Head::Architecture => run.architecture.clone(),
        Head::Protocol => run.protocol.clone(),
        Head::Differs => differs.to_owned(),
        Head::Seed => run.seed.to_string(),
        Head::Progress => format!("{:.0} %", 100.0 * run.fraction()),
        Head::Epoch => fit.map_or(String::new(), |fit| format!("{:.1}", fit.epochs)),
        Head::Step => match fit {
            Some(fit) if fit.steps > 0 => format!("{}/{}", fit.step, fit.steps),
            Some(fit) if fit.step > 0 => fit.step.to_string(),
            Some(_) | None => String::new(),
        },
        Head::Rate => match fit {
            Some(fit) if fit.rows_per_second > 0.0 => (fit.rows_per_second as u64).separate_with_commas(),
            Some(_) | None => String::new(),
        },
        Head::Left => left(run).map_or(String::new(), duration),
        Head::Score => score(run).map_or(String::new(), number),
        Head::Attempt => {
            if run.attempt == 0 {
                String::new()
            } else {
                run.attempt.to_string()
            }
        }
        Head::Priority => run.priority.to_string(),
        Head::Key => run.key.as_str().chars().take(8).collect(),
    }
}

/// A selection score: skill has four decimals, a loss that overflowed a power of ten.
fn number(score: f64) -> String {
    if score.abs() < 1000.0 { format!("{score:.4}") } else { format!("{score:.1e}") }
}

/// What stands in place of the bar: what a run does when it does not train, how long it took, why it failed.
pub fn instead(run: &RunState) -> Option<String> {
    match &run.status {
        RunStatus::Running { .. } if run.abandoned => Some(ABANDONED.to_owned()),
        RunStatus::Running { .. } => run.stage.clone(),
        RunStatus::Finished => Some(format!("took {}", duration(run.milliseconds()))).filter(|_| run.attempt > 0),
        RunStatus::Failed { .. } | RunStatus::NotApplicable { .. } => filter::reason(&run.status).map(str::to_owned),
        RunStatus::Queued | RunStatus::Paused | RunStatus::Cancelled | RunStatus::Pruned => None,
    }
}
