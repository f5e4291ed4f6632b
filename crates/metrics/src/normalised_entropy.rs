//! Normalised entropy: log loss over the entropy of the scored rows' own rate of positives. 1 is what predicting that
//! rate for every row would score; lower is better.
//!
//! He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014, equation 1. The rate is that
//! of the rows that are scored (validation rows on validation rows), not of the train rows: a number that no model may
//! know, so that 1 is a hard baseline. With row weights both parts are weighted.

use crate::log_loss::log_loss;
use crate::sample::Sample;
use crate::sum::weighted_mean;

/// The normalised entropy of a sample that holds both classes.
pub(crate) fn normalised_entropy(sample: &Sample) -> Option<f64> {
    let rate = weighted_mean(sample.triples().map(|(_, label, weight)| (label, weight)))?;
    let entropy = -(rate * rate.ln() + (1.0 - rate) * (-rate).ln_1p());
    Some(log_loss(sample)? / entropy)
}
