//! Mean and spread over seeds.

use crate::score::{Blame, Reason, Score};
use crate::sum::Sum;

/// The mean of n values and their sample standard deviation, √(Σ (x − x̄)² / (n − 1)).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Number of values, at least 1.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation; one value has none.
    pub sd: Option<f64>,
}

impl Summary {
    /// Summarises values; `None` if there are none, one is not finite, or the sums overflow.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as u64;
        let mean = values.iter().copied().collect::<Sum>().total() / n as f64;
        let squares = values.iter().map(|x| (x - mean).powi(2)).collect::<Sum>().total();
        let sd = (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt());
        // n = 0 gives NaN, as does a value that is not finite.
        (mean.is_finite() && squares.is_finite()).then_some(Self { n, mean, sd })
    }

    /// Summarises the scores of several seeds, in the order given, with the rule of any mean: a score undefined because
    /// of the data is left out.
    ///
    /// # Errors
    /// The reason of the first score that is undefined because of the model; [`Reason::Empty`] with no value left.
    pub fn of_scores(scores: impl IntoIterator<Item = Score>) -> Result<Self, Reason> {
        let mut values = Vec::new();
        for score in scores {
            match score {
                Score::Value(value) => values.push(value),
                Score::Undefined(reason) if reason.blame() == Blame::Model => return Err(reason),
                Score::Undefined(_) => {}
            }
        }
        if values.is_empty() {
            return Err(Reason::Empty);
        }
        Self::of(&values).ok_or(Reason::Overflow)
    }
}
