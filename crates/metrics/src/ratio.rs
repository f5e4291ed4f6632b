//! Predicted over observed: Σ w·ŷ / Σ w·y. Above 1 the model promises too much, below 1 too little. Its inverse is known
//! as COPC (click over predicted click).

use crate::sample::Sample;
use crate::sum::Sum;

/// Σ w·y.
pub(crate) fn observed(sample: &Sample) -> f64 {
    sample.triples().map(|(_, label, weight)| weight * label).collect::<Sum>().total()
}

/// The ratio of a sample whose labels sum to more than 0.
pub(crate) fn ratio(sample: &Sample) -> f64 {
    let predicted: Sum = sample.triples().map(|(prediction, _, weight)| weight * prediction).collect();
    predicted.total() / observed(sample)
}
