//! The threshold lowered past one prediction after the other: what it lets in at each.

use crate::order::{ascending, ties};
use crate::sample::Sample;
use crate::sum::Sum;

/// What rows of `prediction` and above hold, by weight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Above {
    /// The threshold; rows at it are let in.
    pub(crate) prediction: f64,
    /// Σ of the weights of positive rows.
    pub(crate) positive: f64,
    /// Σ of the weights of all rows.
    pub(crate) all: f64,
}

/// One step for each distinct prediction, from the highest down. Predictions are finite.
pub(crate) fn sweep(sample: &Sample) -> Vec<Above> {
    let order = ascending(sample.predictions, sample.rows());
    let (mut positive, mut all) = (Sum::default(), Sum::default());
    let step = |tied: &[usize]| {
        for &row in tied {
            let weight = sample.weight(row);
            all.add(weight);
            if sample.labels.get(row) == 1.0 {
                positive.add(weight);
            }
        }
        Above { prediction: sample.predictions.get(tied[0]), positive: positive.total(), all: all.total() }
    };
    ties(sample.predictions, &order).rev().map(step).collect()
}
