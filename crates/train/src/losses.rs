//! Train losses, summed between reads.

use mmtl_plan::LossTotals;
use serde::{Deserialize, Serialize};

/// Sums of each objective's losses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LossSums(Vec<LossSum>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LossSum {
    sum: f64,
    steps: u64,
}

impl LossSums {
    /// Adds what a session's read gave.
    pub(crate) fn add(&mut self, totals: &[LossTotals]) {
        self.0.resize(totals.len(), LossSum::default());
        for (sum, totals) in self.0.iter_mut().zip(totals) {
            sum.sum += totals.sum;
            sum.steps += totals.steps;
        }
    }

    /// The mean of each objective over the steps that had a row of it, and starts anew.
    pub(crate) fn take_means(&mut self) -> Vec<Option<f64>> {
        let sums = std::mem::take(&mut self.0);
        sums.iter().map(|sum| (sum.steps > 0).then(|| sum.sum / sum.steps as f64)).collect()
    }
}

/// The first step whose loss was not finite, and the objective; of several at one step the first.
pub(crate) fn first_not_finite(totals: &[LossTotals]) -> Option<(u64, usize)> {
    totals.iter().enumerate().filter_map(|(objective, t)| t.first_not_finite.map(|step| (step, objective))).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(sum: f64, steps: u64, first_not_finite: Option<u64>) -> LossTotals {
        LossTotals { sum, steps, first_not_finite }
    }

    #[test]
    fn means_leave_out_steps_without_a_row() {
        let mut sums = LossSums::default();
        sums.add(&[totals(3.0, 2, None), totals(0.0, 0, None)]);
        sums.add(&[totals(3.0, 1, None), totals(0.0, 0, None)]);
        assert_eq!(sums.take_means(), [Some(2.0), None]);
        sums.add(&[totals(5.0, 1, None), totals(1.0, 4, None)]);
        assert_eq!(sums.take_means(), [Some(5.0), Some(0.25)]);
    }

    #[test]
    fn the_first_step_is_named_and_then_the_first_objective() {
        assert_eq!(first_not_finite(&[totals(1.0, 1, None)]), None);
        assert_eq!(first_not_finite(&[totals(1.0, 1, Some(7)), totals(1.0, 1, Some(3))]), Some((3, 1)));
        assert_eq!(first_not_finite(&[totals(1.0, 1, Some(3)), totals(1.0, 1, Some(3))]), Some((3, 0)));
    }
}
