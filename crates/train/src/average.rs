//! An exponential moving average of the weights, by which a fit is evaluated and its best weights are kept (Polyak and
//! Juditsky, SIAM J. Control Optim. 30, 1992; with fading, as in TensorFlow's `ExponentialMovingAverage`):
//! `a = d·a + (1 - d)·w`, from the first weights that are averaged.
//!
//! Averaging reads a snapshot, in which a table's rows have caught up: rows that no batch touched are averaged as under a dense
//! optimiser. That copies every table, so that it is done every so many steps, with `d` to that power. State without a
//! gradient (running statistics) is never averaged: it is an average already.

use mmtl_plan::Snapshot;

use crate::training::Averaging;

/// The average so far.
#[derive(Clone, Debug)]
pub(crate) struct Average {
    every: u64,
    /// The share of a new snapshot.
    share: f32,
    /// Weights without state; none before the first.
    pub(crate) weights: Option<Snapshot>,
}

impl Average {
    pub(crate) fn new(averaging: Averaging) -> Self {
        // `libm`, so that the bits do not depend on the platform's mathematical library.
        let share = 1.0 - libm::pow(averaging.decay, averaging.every as f64);
        Self { every: averaging.every, share: share as f32, weights: None }
    }

    /// Whether the weights after `step` are averaged in, if nothing is evaluated then.
    pub(crate) fn is_due(&self, step: u64) -> bool {
        step.is_multiple_of(self.every)
    }

    /// Averages weights in.
    pub(crate) fn add(&mut self, now: &Snapshot) {
        let Some(average) = &mut self.weights else {
            self.weights = Some(Snapshot { states: vec![], memory: None, ..now.clone() });
            return;
        };
        let pairs = average.tables.iter_mut().zip(&now.tables);
        for (average, now) in pairs.chain([(&mut average.dense, &now.dense)]) {
            for (average, now) in average.iter_mut().zip(now) {
                // In this form weights that stand still are averaged to themselves.
                *average += self.share * (now - *average);
            }
        }
    }

    /// What is evaluated: the average, with the state of `now`.
    pub(crate) fn with_state_of(&self, now: &Snapshot) -> Snapshot {
        let Some(average) = &self.weights else { return now.clone() };
        Snapshot { states: now.states.clone(), memory: None, ..average.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(weight: f32) -> Snapshot {
        Snapshot { dense: vec![weight, 1.5], tables: vec![vec![-weight]], states: vec![vec![weight]], memory: None }
    }

    #[test]
    fn it_starts_with_the_first_weights_and_fades_by_the_steps_between() {
        let mut average = Average::new(Averaging { decay: 0.5, every: 2 });
        assert_eq!([1, 2, 3, 4].map(|step| average.is_due(step)), [false, true, false, true]);
        assert_eq!(average.with_state_of(&snapshot(9.0)), snapshot(9.0), "before the first there is none");
        average.add(&snapshot(4.0));
        average.add(&snapshot(8.0));
        // Half to the power of two is what is left of the first.
        let now = average.with_state_of(&snapshot(9.0));
        assert_eq!((now.dense, now.tables), (vec![7.0, 1.5], vec![vec![-7.0]]));
        assert_eq!(now.states, [[9.0]]);
    }
}
