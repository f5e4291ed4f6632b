//! Mean reciprocal rank: the mean over groups of 1 / rank of the first positive row. A group without one is skipped.
//! Equal predictions give the expected value over all their orders (McSherry and Najork, ECIR 2008).
//!
//! Source: Voorhees, "The TREC-8 Question Answering Track Report", 1999.

use crate::order::{Groups, ties};
use crate::sample::Sample;
use crate::sum::Sum;
use crate::within_groups::{Counting, OverGroups, mean};

/// The mean reciprocal rank of a sample with a positive row.
pub(crate) fn mrr(sample: &Sample, groups: &Groups) -> Option<OverGroups> {
    mean(sample, groups, Counting::Equally, |rows| {
        let mut above = 0;
        for tied in ties(sample.predictions, rows).rev() {
            let positive = tied.iter().filter(|row| sample.labels.get(**row) == 1.0).count();
            if positive > 0 {
                return Some(expected(above, tied.len(), positive));
            }
            above += tied.len();
        }
        None
    })
}

/// Σ of P(the first of `positive` among `all` rows is the j-th) / (`above` + j).
fn expected(above: usize, all: usize, positive: usize) -> f64 {
    let mut first_here = positive as f64 / all as f64;
    let mut sum = Sum::default();
    for j in 1..=all - positive + 1 {
        sum.add(first_here / (above + j) as f64);
        if j < all {
            first_here *= (all - j + 1 - positive) as f64 / (all - j) as f64;
        }
    }
    sum.total()
}
