//! Means over groups of rows: one user's, or those of one request.
//!
//! A group that says nothing about any model is skipped; the share of rows in the others, by weight, is kept with the
//! score, since a mean over a few per cent of the rows is not one over all.

use crate::order::Groups;
use crate::sample::Sample;
use crate::sum::{Sum, weighted_mean};

/// A value, and the share of rows that it is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverGroups {
    pub(crate) mean: f64,
    pub(crate) covered: f64,
}

/// What a group counts in a mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// As much as its rows: Σ of their weights.
    ByRows,
    /// Each the same; with row weights, the mean weight of its rows, so that a request's weight may be given to each
    /// of its rows.
    Equally,
}

/// The mean of what `score` finds for each group's rows, ascending by prediction; `None` there skips the group.
pub(crate) fn mean(
    sample: &Sample,
    groups: &Groups,
    counting: Counting,
    mut score: impl FnMut(&[usize]) -> Option<f64>,
) -> Option<OverGroups> {
    let (mut all, mut covered) = (Sum::default(), Sum::default());
    let mut terms = vec![];
    for rows in groups.iter() {
        let weight = rows.iter().map(|row| sample.weight(*row)).collect::<Sum>().total();
        all.add(weight);
        if let Some(value) = score(rows) {
            covered.add(weight);
            let counts = match counting {
                Counting::ByRows => weight,
                Counting::Equally => weight / rows.len() as f64,
            };
            terms.push((value, counts));
        }
    }
    let mean = weighted_mean(terms.into_iter())?;
    Some(OverGroups { mean, covered: (covered.total() / all.total()).min(1.0) })
}
