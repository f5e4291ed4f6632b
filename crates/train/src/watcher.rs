//! Who looks on while a fit runs, and may ask it to stop. Nothing a watcher sees or says moves a number.

use std::io;

use mmtl_plan::Compiling;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::evaluation::Evaluation;
use crate::insight::Insight;

/// Told what a fit does. An error ends the fit.
pub trait Watcher {
    /// Now and then, a few times a second at most.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn progress(&mut self, progress: &Progress) -> io::Result<()>;

    /// While the engine compiles kernels, before there is progress.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn compiling(&mut self, _compiling: Compiling) -> io::Result<()> {
        Ok(())
    }

    /// After every evaluation.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn evaluated(&mut self, evaluation: &Evaluation) -> io::Result<()>;

    /// Whether it is to be told of gates and gradients, asked once. Finding out takes a little time and moves no number.
    fn wants_insight(&self) -> bool {
        false
    }

    /// After an evaluation, seldom enough to take one part in sixty of the time.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn insight(&mut self, _insight: &Insight) -> io::Result<()> {
        Ok(())
    }

    /// To keep, in place of the one before.
    ///
    /// # Errors
    /// When it cannot be written.
    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> io::Result<()>;

    /// Asked every [`crate::READ_EVERY`] steps.
    ///
    /// # Errors
    /// When it cannot be known.
    fn command(&mut self) -> io::Result<Command>;
}

/// What a watcher wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Go on.
    Continue,
    /// Hand over a checkpoint and go on.
    Checkpoint,
    /// Hand over a checkpoint and stop.
    Stop,
}

/// How far a fit is. Losses and rate are those since the last report, for people to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps of the whole fit, if patience lasts.
    pub steps: u64,
    /// Epochs done, with a fraction.
    pub epochs: f64,
    /// Train rows a second, evaluations included.
    pub rows_per_second: f64,
    /// Mean train loss of each objective; `None` where no batch had a row of it.
    pub losses: Vec<Option<f64>>,
}

/// Nobody.
impl Watcher for () {
    fn progress(&mut self, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn evaluated(&mut self, _: &Evaluation) -> io::Result<()> {
        Ok(())
    }

    fn checkpoint(&mut self, _: &Checkpoint) -> io::Result<()> {
        Ok(())
    }

    fn command(&mut self) -> io::Result<Command> {
        Ok(Command::Continue)
    }
}
