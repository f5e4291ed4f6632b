//! A journal of a trial that runs again: nothing is told, and its weights are kept if they are wanted.

use std::fs;
use std::io;

use mmtl_grid::run::{CheckpointFits, Journal, RunError};
use mmtl_grid::store::{RunFolder, atomic};
use mmtl_train::{Checkpoint, Evaluation, Model, Progress};
use tempfile::TempDir;

use crate::failure::Failure;

/// Weights that wait until they are known to be those of the record.
pub struct Weights {
    /// Of each fit a file with its number, until then. `None`: they are not wanted.
    waiting: Option<TempDir>,
    fits: usize,
}

impl Weights {
    pub fn new(wanted: bool) -> Result<Self, Failure> {
        let waiting = wanted.then(tempfile::tempdir).transpose().map_err(Failure::failed)?;
        Ok(Self { waiting, fits: 0 })
    }

    /// Puts them into the run's folder.
    pub fn keep(&self, run: &RunFolder) -> Result<(), Failure> {
        for (folder, fit) in self.waiting.iter().flat_map(|folder| (0..self.fits).map(move |fit| (folder, fit))) {
            let bytes = fs::read(folder.path().join(fit.to_string())).map_err(Failure::failed)?;
            atomic::replace(&run.weights_file(fit), &bytes).map_err(Failure::input)?;
        }
        Ok(())
    }
}

impl Journal for Weights {
    fn progress(&mut self, _: usize, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn evaluated(&mut self, _: usize, _: &Evaluation) -> io::Result<()> {
        Ok(())
    }

    fn checkpoint(&mut self, _: usize, _: &Checkpoint) -> io::Result<()> {
        Ok(())
    }

    fn kept(&mut self, _: usize, _: CheckpointFits<'_>) -> Result<Option<Checkpoint>, RunError> {
        Ok(None)
    }

    fn fitted(&mut self, fit: usize, model: &Model) -> io::Result<()> {
        let Some(folder) = &self.waiting else { return Ok(()) };
        self.fits = fit + 1;
        fs::write(folder.path().join(fit.to_string()), model.to_bytes())
    }

    fn stop(&mut self) -> bool {
        false
    }
}
