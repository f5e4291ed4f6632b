//! Precision, recall and F1 of the decisions at a threshold, by weight: of the rows decided positive, those that are;
//! of the rows that are, those decided positive; and the harmonic mean of the two.

use crate::sample::Sample;
use crate::score::Reason;
use crate::sum::Sum;
use crate::threshold::Threshold;

/// Σ of weights of rows that were decided, are, or were and are positive.
#[derive(Debug, Clone, Copy)]
struct Decisions {
    decided: f64,
    actual: f64,
    both: f64,
}

impl Decisions {
    fn of(sample: &Sample) -> Self {
        let (mut decided, mut actual, mut both) = (Sum::default(), Sum::default(), Sum::default());
        for row in sample.rows() {
            let threshold = match sample.threshold {
                Some(Threshold::All(threshold)) => threshold,
                Some(Threshold::Each(thresholds)) => thresholds[row],
                Some(Threshold::Missing(_)) | None => f64::INFINITY,
            };
            let (is_decided, is_actual) = (sample.predictions.get(row) >= threshold, sample.labels.get(row) == 1.0);
            let weight = sample.weight(row);
            for (sum, takes_part) in
                [(&mut decided, is_decided), (&mut actual, is_actual), (&mut both, is_decided && is_actual)]
            {
                if takes_part {
                    sum.add(weight);
                }
            }
        }
        Self { decided: decided.total(), actual: actual.total(), both: both.total() }
    }
}

/// The precision; of nothing decided positive there is none.
pub(crate) fn precision(sample: &Sample) -> Result<f64, Reason> {
    let decisions = Decisions::of(sample);
    if decisions.decided == 0.0 { Err(Reason::NothingPredicted) } else { Ok(decisions.both / decisions.decided) }
}

/// The recall of a sample with a positive row.
pub(crate) fn recall(sample: &Sample) -> f64 {
    let decisions = Decisions::of(sample);
    decisions.both / decisions.actual
}

/// F1 = 2·both / (decided + actual) of a sample with a positive row: 0, not undefined, where nothing is decided
/// positive.
pub(crate) fn f1(sample: &Sample) -> f64 {
    let decisions = Decisions::of(sample);
    2.0 * decisions.both / (decisions.decided + decisions.actual)
}
