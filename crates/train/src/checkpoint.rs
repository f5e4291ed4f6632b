//! A fit in the middle: everything that makes going on the same as never having stopped.

use mmtl_data::Dataset;
use mmtl_plan::{Engine, Snapshot};
use serde::{Deserialize, Serialize};

use crate::best::Best;
use crate::error::TrainError;
use crate::evaluation::Evaluation;
use crate::losses::LossSums;
use crate::spec::FitSpec;

/// Everything a fit is made of after some step.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub(crate) state: State,
    /// The session's weights, state and optimiser's memory.
    pub(crate) session: Snapshot,
    /// The moving average of the weights, if there is one so far.
    pub(crate) average: Option<Snapshot>,
    /// The best of each key so far.
    pub(crate) best: Vec<Option<Best>>,
}

/// The small part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Of what fit: see `identity.rs`.
    pub(crate) fit: String,
    /// The engine's numerics class.
    pub(crate) numerics: String,
    /// Steps done.
    pub(crate) step: u64,
    /// Evaluations since the run last improved.
    pub(crate) stale: u64,
    /// Losses since the last evaluation.
    pub(crate) losses: LossSums,
    /// All evaluations.
    pub(crate) history: Vec<Evaluation>,
}

impl Checkpoint {
    /// Steps done.
    pub fn step(&self) -> u64 {
        self.state.step
    }

    /// All evaluations so far.
    pub fn history(&self) -> &[Evaluation] {
        &self.state.history
    }

    /// Whether a fit may go on from it.
    ///
    /// # Errors
    /// [`TrainError::Foreign`] when it is of another fit, other data or another numerics class.
    pub fn check_for(&self, spec: &FitSpec, engine: &dyn Engine, dataset: &Dataset) -> Result<(), TrainError> {
        self.check(&spec.identity(engine, dataset), &engine.numerics())
    }

    /// Whether it may be resumed as the fit with identity `fit` in numerics class `numerics`.
    pub(crate) fn check(&self, fit: &str, numerics: &str) -> Result<(), TrainError> {
        let same = |what, got: &str, expected: &str| {
            let foreign = || TrainError::Foreign { what, got: got.to_owned(), expected: expected.to_owned() };
            if got == expected { Ok(()) } else { Err(foreign()) }
        };
        same("fit", &self.state.fit, fit)?;
        same("numerics class", &self.state.numerics, numerics)
    }
}
