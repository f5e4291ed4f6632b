//! What the scheduler of a grid tells.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::events::Level;
use crate::key::TrialKey;
use crate::trial::Row;

/// What happened to a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum GridEvent {
    /// A scheduler began. The grid consists of the runs that it plans from here on.
    Opened {
        /// Name of the experiment.
        experiment: String,
        /// The machine it runs on.
        host: String,
        /// Its process number.
        pid: u32,
        /// Runs at once.
        jobs: usize,
        /// Runs that are known so far; tuning adds others when it chooses.
        trials: usize,
    },
    /// A run belongs to the grid. Told again, it has other rows.
    Planned {
        /// Its key.
        key: TrialKey,
        /// Its architecture.
        architecture: String,
        /// Its protocol.
        protocol: String,
        /// Its seed.
        seed: u64,
        /// Its rows in tables.
        rows: Vec<Row>,
        /// How it was found.
        status: RunStatus,
    },
    /// So many runs follow once tuning has chosen what they are; none before this is told.
    Ahead {
        /// How many, by architecture.
        runs: BTreeMap<String, usize>,
    },
    /// A run is in another state now.
    Moved {
        /// Its key.
        key: TrialKey,
        /// Its state.
        status: RunStatus,
    },
    /// A run starts before queued ones of a lower priority from now on.
    Priority {
        /// Its key.
        key: TrialKey,
        /// Its priority; 0 is everyone's at first.
        priority: i32,
    },
    /// Somebody looked at test scores before the grid was done.
    Revealed,
    /// So many runs at once from now on.
    Jobs {
        /// How many.
        jobs: usize,
    },
    /// Something worth reading.
    Log {
        /// How much it matters.
        level: Level,
        /// One sentence.
        text: String,
    },
    /// The scheduler ended.
    Closed {
        /// How.
        ending: Ending,
    },
}

/// How a scheduler ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Nothing was left to run.
    Done,
    /// It was told to stop; the next one goes on.
    Stopped,
    /// A run failed and it was to stop then.
    FailedFast,
}

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RunStatus {
    /// Waits for a free place.
    Queued,
    /// A worker executes it.
    Running {
        /// The machine.
        host: String,
        /// The worker's process number.
        pid: u32,
    },
    /// Waits until somebody resumes it.
    Paused,
    /// Its record is written.
    Finished,
    /// It ended without a record.
    Failed {
        /// Why, as one sentence.
        reason: String,
    },
    /// Somebody gave it up.
    Cancelled,
    /// Somebody gave it up because its validation scores were hopeless.
    Pruned,
    /// It makes no sense and is never run.
    NotApplicable {
        /// Why, as one sentence.
        reason: String,
    },
}

impl RunStatus {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running { .. } => "running",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
            Self::Pruned => "pruned",
            Self::NotApplicable { .. } => "n/a",
        }
    }
}
