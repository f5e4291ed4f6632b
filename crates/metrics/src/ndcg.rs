//! NDCG@k: the mean over groups of DCG@k over the DCG@k of the best order, DCG@k = Σ gain / log₂(1 + rank) over the
//! first k ranks. The gain of a row is its label: 0 or 1, or a regression label of 0 or more. A group without a gain
//! has no best order and is skipped.
//!
//! Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 20 (2002). Equal predictions give
//! the expected DCG over all their orders: McSherry and Najork, "Computing Information Retrieval Performance Measures
//! Efficiently in the Presence of Tied Scores", ECIR 2008, as in scikit-learn's `ndcg_score`.

use crate::cutoff::Cutoff;
use crate::order::{Groups, ties};
use crate::sample::Sample;
use crate::sum::Sum;
use crate::within_groups::{Counting, OverGroups, mean};

/// The NDCG of a sample with a gain, none of them negative.
pub(crate) fn ndcg(sample: &Sample, groups: &Groups, cutoff: Cutoff) -> Option<OverGroups> {
    let discounts = Discounts::new(cutoff);
    let mut gains = vec![];
    mean(sample, groups, Counting::Equally, |rows| {
        gains.clear();
        gains.extend(rows.iter().map(|row| sample.labels.get(*row)));
        gains.sort_unstable_by(f64::total_cmp);
        let best = gains.iter().rev().enumerate().map(|(rank, gain)| gain * discounts.over(rank, rank + 1));
        let best = best.take(cutoff.rows()).collect::<Sum>().total();
        (best > 0.0).then(|| (expected(sample, rows, &discounts) / best).min(1.0))
    })
}

/// Σ over ties of their mean gain times the discounts of the ranks that they share.
fn expected(sample: &Sample, rows: &[usize], discounts: &Discounts) -> f64 {
    let mut rank = 0;
    let gain = |tied: &[usize]| {
        let gain: Sum = tied.iter().map(|row| sample.labels.get(*row)).collect();
        let first = rank;
        rank += tied.len();
        gain.total() / tied.len() as f64 * discounts.over(first, rank)
    };
    ties(sample.predictions, rows).rev().map(gain).collect::<Sum>().total()
}

/// Σ of the discounts of the first ranks: `[cutoff + 1]`.
struct Discounts(Vec<f64>);

impl Discounts {
    fn new(cutoff: Cutoff) -> Self {
        let mut sum = Sum::default();
        let sums = (0..cutoff.rows()).map(|rank| {
            sum.add(1.0 / (rank as f64 + 2.0).log2());
            sum.total()
        });
        Self(std::iter::once(0.0).chain(sums).collect())
    }

    /// Of ranks `first` to `end`, from 0; those from the cutoff on have none.
    fn over(&self, first: usize, end: usize) -> f64 {
        let last = self.0.len() - 1;
        self.0[end.min(last)] - self.0[first.min(last)]
    }
}
