//! Mean absolute error: Σ w·|ŷ − y| / Σ w, in the label's units.

use crate::sample::Sample;
use crate::sum::weighted_mean;

/// The mean absolute error; `None` if it overflows.
pub(crate) fn mae(sample: &Sample) -> Option<f64> {
    weighted_mean(sample.triples().map(|(prediction, label, weight)| ((prediction - label).abs(), weight)))
}
