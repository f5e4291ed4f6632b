//! Watchers for tests.

use std::io;

use mmtl_train::{Checkpoint, Command, Evaluation, Progress, Watcher};

/// Notes everything and commands what it is told to.
pub struct Onlooker<F> {
    pub evaluations: Vec<Evaluation>,
    pub checkpoints: Vec<Checkpoint>,
    command: F,
}

impl<F: FnMut() -> Command> Onlooker<F> {
    pub fn new(command: F) -> Self {
        Self { evaluations: vec![], checkpoints: vec![], command }
    }
}

impl<F: FnMut() -> Command> Watcher for Onlooker<F> {
    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        assert!(progress.step <= progress.steps && progress.rows_per_second > 0.0, "{progress:?}");
        Ok(())
    }

    fn evaluated(&mut self, evaluation: &Evaluation) -> io::Result<()> {
        self.evaluations.push(evaluation.clone());
        Ok(())
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.checkpoints.push(checkpoint.clone());
        Ok(())
    }

    fn command(&mut self) -> io::Result<Command> {
        Ok((self.command)())
    }
}
