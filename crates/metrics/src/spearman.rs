//! Spearman's rank correlation: Pearson's of the ranks of predictions and labels, equal values sharing the mean of their
//! ranks, as in SciPy's `spearmanr`.
//!
//! With row weights a row of weight 2 is two rows: a rank is the weight below plus half the weight of its ties.

use crate::order::{ascending, ties};
use crate::sample::{Column, Sample};
use crate::score::Reason;
use crate::sum::Sum;

/// The rank correlation of a sample whose labels differ.
pub(crate) fn spearman(sample: &Sample) -> Result<f64, Reason> {
    if is_constant(sample, sample.predictions) {
        return Err(Reason::ConstantPrediction);
    }
    let (predicted, actual) = (centred_ranks(sample, sample.predictions), centred_ranks(sample, sample.labels));
    let product =
        |a: &[f64], b: &[f64]| sample.rows().map(|row| sample.weight(row) * a[row] * b[row]).collect::<Sum>().total();
    let spread = (product(&predicted, &predicted) * product(&actual, &actual)).sqrt();
    Ok((product(&predicted, &actual) / spread).clamp(-1.0, 1.0))
}

/// Whether all rows that take part have one value.
pub(crate) fn is_constant(sample: &Sample, values: Column<'_>) -> bool {
    let mut values = sample.rows().map(|row| values.get(row));
    let first = values.next();
    values.all(|value| Some(value) == first)
}

/// For each row its rank less the mean rank, as a share of all weight; 0 for a row that takes no part.
fn centred_ranks(sample: &Sample, values: Column<'_>) -> Vec<f64> {
    let order = ascending(values, sample.rows());
    let all = order.iter().map(|row| sample.weight(*row)).collect::<Sum>().total();
    let mut ranks = vec![0.0; sample.labels.len()];
    let mut below = Sum::default();
    for tied in ties(values, &order) {
        let start = below.total();
        for row in tied {
            below.add(sample.weight(*row));
        }
        // The mean rank is half of all weight, whatever the ties.
        let rank = f64::midpoint(start, below.total()) / all - 0.5;
        for row in tied {
            ranks[*row] = rank;
        }
    }
    ranks
}
