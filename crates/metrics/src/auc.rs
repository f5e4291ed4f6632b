//! Area under the ROC curve, exact.
//!
//! AUC = P(s⁺ > s⁻) + ½·P(s⁺ = s⁻) over all pairs of a positive and a negative row: the Mann–Whitney statistic over
//! n⁺n⁻. With row weights each pair counts w⁺w⁻, which is what scikit-learn's `roc_auc_score` gives by trapezoids.
//! Sorting makes it O(n log n) or, by radix, linear; no thresholds are binned and no n⁺ × n⁻ table is built.
//!
//! Source: "The meaning and use of the area under a receiver operating characteristic curve", Radiology 143 (1982),
//! pages 29 to 36.

use crate::order::{ascending, ties};
use crate::radix::{self, Key, key32, key64};
use crate::sample::{Column, Sample};
use crate::sum::Sum;

/// The AUC of a sample that holds both classes and finite predictions only.
pub(crate) fn auc(sample: &Sample) -> f64 {
    match (sample.weights, sample.predictions) {
        (Some(_), predictions) => weighted(sample, &ascending(predictions, sample.rows())),
        (None, Column::F32(predictions)) => unweighted(sample, |row| key32(predictions[row])),
        (None, Column::F64(predictions)) => unweighted(sample, |row| key64(predictions[row])),
    }
}

/// Counts pairs in integers: the only rounding is the last division.
fn unweighted<K: Key>(sample: &Sample, key: impl Fn(usize) -> K) -> f64 {
    let keys_of = |class: f64| {
        let mut keys: Vec<K> = sample.rows().filter(|&row| sample.labels.get(row) == class).map(&key).collect();
        radix::sort(&mut keys);
        keys
    };
    let (positives, negatives) = (keys_of(1.0), keys_of(0.0));
    let (mut below, mut not_above) = (0, 0);
    let mut halves: u128 = 0; // a pair won counts two, a tie one
    for positive in &positives {
        while negatives.get(below).is_some_and(|negative| negative < positive) {
            below += 1;
        }
        not_above = not_above.max(below);
        while negatives.get(not_above).is_some_and(|negative| negative <= positive) {
            not_above += 1;
        }
        halves += (below + not_above) as u128;
    }
    halves as f64 / (2 * positives.len() as u128 * negatives.len() as u128) as f64
}

/// Σ over groups of equal predictions of w⁺·(w⁻ below + ½·w⁻ within), over W⁺W⁻. `order`: rows of both classes,
/// ascending by prediction.
pub(crate) fn weighted(sample: &Sample, order: &[usize]) -> f64 {
    let (mut won, mut positive, mut negative) = (Sum::default(), Sum::default(), Sum::default());
    for tied in ties(sample.predictions, order) {
        let below = negative.total();
        let mut within = Sum::default();
        for &row in tied {
            let weight = sample.weight(row);
            if sample.labels.get(row) == 1.0 {
                within.add(weight);
                positive.add(weight);
            } else {
                negative.add(weight);
            }
        }
        won.add(within.total() * f64::midpoint(below, negative.total()));
    }
    // Rounding may carry a perfect ranking past 1.
    (won.total() / (positive.total() * negative.total())).clamp(0.0, 1.0)
}
