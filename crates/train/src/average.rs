//! An exponential moving average of the weights, by which a fit is evaluated and its best weights are kept (Polyak and
//! Juditsky, SIAM J. Control Optim. 30, 1992; with fading, as in TensorFlow's `ExponentialMovingAverage`):
//! `a = d·a + (1 - d)·w`, from the first weights that are averaged.
//!
//! Averaging reads a snapshot, in which a table's rows have caught up: rows that no batch touched are averaged as under a dense
//! optimiser. That copies every table, so that it is done every so many steps, with `d` to that power. Running
//! statistics are averaged as well: they were gathered of the weights that the average is of, and normalise what it computes.

use mmtl_plan::Snapshot;

use crate::timetable::Timetable;
use crate::training::Averaging;

/// The average so far.
#[derive(Clone, Debug)]
pub(crate) struct Average {
    averaging: Averaging,
    /// The step whose weights begin it: those that are evaluated first, if that is before any are due.
    first: u64,
    /// None before the first.
    pub(crate) weights: Option<Snapshot>,
}

impl Average {
    pub(crate) fn new(averaging: Averaging, timetable: &Timetable) -> Self {
        let first = (1..averaging.every).find(|step| timetable.evaluates(*step)).unwrap_or(averaging.every);
        Self { averaging, first, weights: None }
    }

    /// Whether the weights after `step` are averaged in.
    pub(crate) fn is_due(&self, step: u64) -> bool {
        step == self.first || step.is_multiple_of(self.averaging.every)
    }

    /// The share of the weights after `step`, by the steps since the last that were averaged in.
    fn share(&self, step: u64) -> f32 {
        let Averaging { decay, every } = self.averaging;
        let last = self.first.max((step - 1) / every * every);
        // `libm`, so that the bits do not depend on the platform's mathematical library.
        (1.0 - libm::pow(decay, (step - last) as f64)) as f32
    }

    /// Averages the weights after `step` in.
    pub(crate) fn add(&mut self, step: u64, now: &Snapshot) {
        let share = self.share(step);
        let Some(average) = &mut self.weights else {
            self.weights = Some(Snapshot { memory: None, ..now.clone() });
            return;
        };
        let pairs = average.tables.iter_mut().zip(&now.tables).chain(average.states.iter_mut().zip(&now.states));
        for (average, now) in pairs.chain([(&mut average.dense, &now.dense)]) {
            for (average, now) in average.iter_mut().zip(now) {
                // In this form weights that stand still are averaged to themselves.
                *average += share * (now - *average);
            }
        }
    }

    /// What is evaluated: the average, or `now` before the first.
    pub(crate) fn or<'a>(&'a self, now: &'a Snapshot) -> &'a Snapshot {
        self.weights.as_ref().unwrap_or(now)
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
        let mut average = of(2, 9.0);
        assert_eq!([1, 2, 3, 4].map(|step| average.is_due(step)), [false, true, false, true]);
        assert_eq!(*average.or(&snapshot(9.0)), snapshot(9.0), "before the first there is none");
        average.add(2, &snapshot(4.0));
        average.add(4, &snapshot(8.0));
        // Half to the power of two is what is left of the first.
        assert_eq!(*average.or(&snapshot(9.0)), snapshot(7.0));
    }

    #[test]
    fn weights_that_are_evaluated_before_any_are_due_begin_it() {
        let mut average = of(4, 0.3);
        assert_eq!([3, 4, 6, 8].map(|step| average.is_due(step)), [true, true, false, true]);
        average.add(3, &snapshot(4.0));
        average.add(4, &snapshot(8.0));
        assert_eq!(average.or(&snapshot(9.0)).dense[0], 6.0, "one step passed");
        average.add(8, &snapshot(22.0));
        assert_eq!(average.or(&snapshot(9.0)).dense[0], 21.0, "four did");
    }

    /// Half of it left after a step, of a fit of ten steps an epoch.
    fn of(every: u64, eval_every: f64) -> Average {
        let timetable = Timetable { rows: 10, batch_size: 1, epochs: 3, eval_every };
        Average::new(Averaging { decay: 0.5, every }, &timetable)
    }
}
