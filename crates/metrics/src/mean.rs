//! The mean over cells, and what becomes of those without a value.
//!
//! A cell undefined because of the data leaves the mean; one undefined because of the model makes the mean undefined,
//! since leaving it out would reward failing where it is hard.

use crate::score::{Blame, Reason, Score, Scored};
use crate::sum::weighted_mean;

/// A mean over cells, with how many there were in it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mean {
    /// The mean; undefined for the first reason that is the model's fault, or [`Reason::Empty`] with no cell left.
    pub score: Score,
    /// Cells in the mean.
    pub used: u64,
    /// Cells that left it because they are undefined.
    pub undefined: u64,
    /// Cells that left it because they are dim (macro means only).
    pub dim: u64,
}

/// How cells weigh in a mean, and which are fit for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weighing {
    /// By the weight of their rows.
    ByRows,
    /// All the same.
    Equal,
    /// All the same, dim cells left out.
    EqualWithoutDim,
}

impl Mean {
    /// The plain mean over cells, such as the tasks of one skill.
    #[must_use]
    pub fn over(cells: &[Scored]) -> Self {
        Self::weighed(cells, Weighing::Equal)
    }

    pub(crate) fn weighed(cells: &[Scored], weighing: Weighing) -> Self {
        let (mut undefined, mut dim, mut fault) = (0, 0, None);
        let mut terms = Vec::with_capacity(cells.len());
        for cell in cells {
            let left_out = weighing == Weighing::EqualWithoutDim && cell.is_dim();
            match cell.score {
                // Its data say whether it counts, not what a model makes of it.
                Score::Undefined(reason) if reason.blame() == Blame::Model => {
                    (undefined, dim) = (undefined + u64::from(!left_out), dim + u64::from(left_out));
                    fault = fault.or(Some(reason).filter(|_| !left_out));
                }
                Score::Undefined(_) => undefined += 1,
                Score::Value(_) if left_out => dim += 1,
                Score::Value(value) => {
                    terms.push((value, if weighing == Weighing::ByRows { cell.weight } else { 1.0 }));
                }
            }
        }
        let used = terms.len() as u64;
        let score = match fault {
            Some(reason) => Score::Undefined(reason),
            None if terms.is_empty() => Score::Undefined(Reason::Empty),
            None => Score::finite_or(weighted_mean(terms.into_iter()), Reason::Overflow),
        };
        Self { score, used, undefined, dim }
    }
}
