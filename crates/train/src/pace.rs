//! The clock. It decides when a fit reports and when it hands over a checkpoint, and never a number.

use std::time::{Duration, Instant};

/// Reports are no closer than this.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// Checkpoints may take one part in this of the time, whatever their interval: those of large tables take long.
const CHECKPOINT_SHARE: u32 = 20;

/// When something was last done.
#[derive(Debug)]
pub(crate) struct Pace {
    reported: Instant,
    rows: usize,
    checkpointed: Instant,
    checkpoint_every: Duration,
    checkpoint_took: Duration,
}

impl Pace {
    /// Starts the clock.
    pub(crate) fn new(checkpoint_every: Duration) -> Self {
        let now = Instant::now();
        Self { reported: now, rows: 0, checkpointed: now, checkpoint_every, checkpoint_took: Duration::ZERO }
    }

    /// Counts trained rows.
    pub(crate) fn count(&mut self, rows: usize) {
        self.rows += rows;
    }

    /// What happened so far was no training.
    pub(crate) fn start_again(&mut self) {
        self.start_again_at(Instant::now());
    }

    fn start_again_at(&mut self, now: Instant) {
        (self.reported, self.rows) = (now, 0);
    }

    /// Rows a second since the last report, if it is time for another.
    pub(crate) fn report_due(&mut self) -> Option<f64> {
        self.report_due_at(Instant::now())
    }

    fn report_due_at(&mut self, now: Instant) -> Option<f64> {
        let elapsed = now.saturating_duration_since(self.reported);
        if elapsed < REPORT_EVERY {
            return None;
        }
        self.reported = now;
        Some(std::mem::take(&mut self.rows) as f64 / elapsed.as_secs_f64())
    }

    /// Whether it is time for a checkpoint.
    pub(crate) fn checkpoint_due(&self) -> bool {
        self.checkpointed.elapsed() >= self.checkpoint_every.max(CHECKPOINT_SHARE * self.checkpoint_took)
    }

    /// Times a checkpoint.
    pub(crate) fn timed<T>(&mut self, checkpoint: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let made = checkpoint();
        self.checkpointed = Instant::now();
        self.checkpoint_took = start.elapsed();
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_no_training_is_in_no_rate() {
        let mut pace = Pace::new(Duration::from_secs(1));
        pace.count(1_000_000);
        let again = pace.reported + REPORT_EVERY;
        pace.start_again_at(again);
        assert_eq!(pace.report_due_at(again), None, "the time before does not count");
        pace.count(1);
        assert_eq!(pace.report_due_at(again + REPORT_EVERY), Some(4.0), "nor do the rows before");
    }
}
