//! A trained fit.

use mmtl_data::Dataset;

use crate::best::Best;
use crate::error::TrainError;
use crate::evaluation::Evaluation;
use crate::model::Model;
use crate::predict::Prediction;

/// The best weights of a fit, and how it came to them.
pub struct Fitted {
    model: Model,
    history: Vec<Evaluation>,
    steps: u64,
    end: End,
}

/// Why a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All epochs were taken.
    Epochs,
    /// Patience ran out.
    Patience,
}

impl Fitted {
    pub(crate) fn new(model: Model, history: Vec<Evaluation>, steps: u64, end: End) -> Self {
        Self { model, history, steps, end }
    }

    /// The chosen weights, ready to predict.
    pub fn model(&mut self) -> &mut Model {
        &mut self.model
    }

    /// As [`Model::best`].
    pub fn best(&self) -> &[Best] {
        self.model.best()
    }

    /// All evaluations.
    pub fn history(&self) -> &[Evaluation] {
        &self.history
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Why it ended.
    pub fn end(&self) -> End {
        self.end
    }

    /// As [`Model::predict`].
    ///
    /// # Errors
    /// When the engine fails.
    pub fn predict(&mut self, dataset: &Dataset, rows: &[u32]) -> Result<Vec<Prediction>, TrainError> {
        self.model.predict(dataset, rows)
    }

    /// As [`Model::digest`].
    pub fn digest(&self) -> String {
        self.model.digest()
    }
}

impl std::fmt::Debug for Fitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fitted").field("steps", &self.steps).field("end", &self.end).finish_non_exhaustive()
    }
}
