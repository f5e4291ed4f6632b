//! Area under the precision–recall curve, as average precision: Σ (Rₙ − Rₙ₋₁)·Pₙ over the distinct predictions from the
//! highest down, Rₙ and Pₙ being recall and precision of the rows at and above the n-th.
//!
//! As in scikit-learn's `average_precision_score`: no interpolation, which would be too optimistic (Davis and Goadrich,
//! "The relationship between Precision-Recall and ROC curves", ICML 2006), and equal predictions come in at once.

use crate::sample::Sample;
use crate::sum::Sum;
use crate::sweep::sweep;

/// The average precision of a sample with a positive row.
pub(crate) fn pr_auc(sample: &Sample) -> f64 {
    let (mut area, mut before) = (Sum::default(), 0.0);
    for above in sweep(sample) {
        area.add((above.positive - before) * (above.positive / above.all));
        before = above.positive;
    }
    (area.total() / before).clamp(0.0, 1.0)
}
