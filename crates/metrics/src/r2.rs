//! R², the coefficient of determination: 1 − Σ w·(y − ŷ)² / Σ w·(y − ȳ)², ȳ being the mean of the scored rows' own
//! labels. 1 is perfect, 0 is no better than ȳ. The skill of a regression task has the train rows' mean in place of ȳ.

use crate::mse::{mse, mse_of_constant};
use crate::sample::Sample;
use crate::sum::weighted_mean;

/// R² of a sample whose labels differ.
pub(crate) fn r2(sample: &Sample) -> Option<f64> {
    let mean = weighted_mean(sample.triples().map(|(_, label, weight)| (label, weight)))?;
    Some(1.0 - mse(sample)? / mse_of_constant(sample, mean)?)
}
