//! How many runs are in which state.

use crate::events::RunStatus;

/// Runs by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting for a free place.
    pub queued: usize,
    /// Running.
    pub running: usize,
    /// Waiting to be resumed.
    pub paused: usize,
    /// With a record.
    pub finished: usize,
    /// Without one.
    pub failed: usize,
    /// Given up.
    pub cancelled: usize,
    /// Given up for hopeless validation scores.
    pub pruned: usize,
    /// Never run.
    pub not_applicable: usize,
}

impl Counts {
    /// All of them.
    pub fn all(&self) -> usize {
        let Self { queued, running, paused, finished, failed, cancelled, pruned, not_applicable } = self;
        queued + running + paused + finished + failed + cancelled + pruned + not_applicable
    }

    /// Runs that have not come to their end.
    pub fn unfinished(&self) -> usize {
        self.queued + self.running + self.paused
    }

    pub(super) fn of(&mut self, status: &RunStatus) -> &mut usize {
        match status {
            RunStatus::Queued => &mut self.queued,
            RunStatus::Running { .. } => &mut self.running,
            RunStatus::Paused => &mut self.paused,
            RunStatus::Finished => &mut self.finished,
            RunStatus::Failed { .. } => &mut self.failed,
            RunStatus::Cancelled => &mut self.cancelled,
            RunStatus::Pruned => &mut self.pruned,
            RunStatus::NotApplicable { .. } => &mut self.not_applicable,
        }
    }
}
