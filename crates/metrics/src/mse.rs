//! Mean squared error: Σ w·(ŷ − y)² / Σ w, in the square of the label's units.

use crate::sample::Sample;
use crate::sum::weighted_mean;

/// The mean squared error; `None` if it overflows.
pub(crate) fn mse(sample: &Sample) -> Option<f64> {
    weighted_mean(sample.triples().map(|(prediction, label, weight)| ((prediction - label).powi(2), weight)))
}

/// The mean squared error of one constant in place of all predictions; `None` if it overflows.
pub(crate) fn mse_of_constant(sample: &Sample, constant: f64) -> Option<f64> {
    weighted_mean(sample.triples().map(|(_, label, weight)| ((constant - label).powi(2), weight)))
}
