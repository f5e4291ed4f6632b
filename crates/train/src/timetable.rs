//! What happens at which step. Everything here follows from the step's number alone, never from the clock, so that an
//! interrupted fit does the same things at the same steps.

/// Losses are read, and commands heeded, every so many steps. On a device a read waits for the step to finish, so
/// every step would cost; and a stop may cost no more than these steps. The sums of losses in a fit's history are
/// grouped by reads, so raising it moves their last bits.
pub const READ_EVERY: u64 = 8;

/// The steps of one fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timetable {
    /// Train rows, at least 1.
    pub rows: usize,
    /// Rows of a step.
    pub batch_size: usize,
    /// Epochs, at least 1.
    pub epochs: u64,
    /// Epochs between evaluations.
    pub eval_every: f64,
}

impl Timetable {
    /// Steps of an epoch; the last one may have fewer rows.
    pub fn steps_per_epoch(&self) -> u64 {
        self.rows.div_ceil(self.batch_size) as u64
    }

    /// Steps of the whole fit.
    pub fn steps(&self) -> u64 {
        self.epochs * self.steps_per_epoch()
    }

    /// The epoch of `step`, counted from 0; steps are counted from 1.
    pub fn epoch(&self, step: u64) -> u64 {
        (step - 1) / self.steps_per_epoch()
    }

    /// Which batch of its epoch `step` takes, counted from 0.
    pub fn index(&self, step: u64) -> usize {
        ((step - 1) % self.steps_per_epoch()) as usize
    }

    /// Epochs done after `step`, with a fraction.
    pub fn epochs_done(&self, step: u64) -> f64 {
        step as f64 / self.steps_per_epoch() as f64
    }

    /// Steps over which so many epochs stretch, rounded.
    pub fn steps_in(&self, epochs: f64) -> u64 {
        (epochs * self.steps_per_epoch() as f64).round() as u64
    }

    /// Whether validation rows are scored after `step`: at the steps nearest to the multiples of `eval_every`, and at
    /// the last.
    pub fn evaluates(&self, step: u64) -> bool {
        let number = self.nearest_evaluation(step);
        step == self.steps() || (number >= 1 && self.step_of(number) == step)
    }

    /// Which evaluation comes after `step`, counted from 1, if [`Timetable::evaluates`] holds.
    pub fn evaluation(&self, step: u64) -> u64 {
        if step == self.steps() { self.evaluations() } else { self.nearest_evaluation(step) }
    }

    /// How often validation rows are scored: the steps for which [`Timetable::evaluates`] holds, counted.
    pub fn evaluations(&self) -> u64 {
        let (steps, nearest) = (self.steps(), self.nearest_evaluation(self.steps()));
        let last = if self.step_of(nearest) > steps { nearest - 1 } else { nearest };
        last + u64::from(self.step_of(last) != steps)
    }

    /// Steps between evaluations, with a fraction.
    fn interval(&self) -> f64 {
        (self.eval_every * self.steps_per_epoch() as f64).max(1.0)
    }

    fn nearest_evaluation(&self, step: u64) -> u64 {
        (step as f64 / self.interval()).round() as u64
    }

    fn step_of(&self, evaluation: u64) -> u64 {
        (evaluation as f64 * self.interval()).round() as u64
    }

    /// Whether losses are read after `step`.
    pub fn reads(&self, step: u64) -> bool {
        step.is_multiple_of(READ_EVERY) || self.evaluates(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timetable(rows: usize, batch_size: usize, eval_every: f64) -> Timetable {
        Timetable { rows, batch_size, epochs: 3, eval_every }
    }

    #[test]
    fn the_last_partial_batch_is_kept() {
        let t = timetable(10, 4, 1.0);
        assert_eq!((t.steps_per_epoch(), t.steps()), (3, 9));
        assert_eq!([1, 3, 4, 9].map(|step| (t.epoch(step), t.index(step))), [(0, 0), (0, 2), (1, 0), (2, 2)]);
        assert_eq!(timetable(8, 4, 1.0).steps_per_epoch(), 2);
        assert_eq!(timetable(1, 4, 1.0).steps_per_epoch(), 1);
    }

    fn evaluations(rows: usize, eval_every: f64) -> Vec<u64> {
        let t = timetable(rows, 1, eval_every);
        (1..=t.steps()).filter(|&step| t.evaluates(step)).collect()
    }

    #[test]
    fn evaluations_come_at_fractions_of_an_epoch_and_at_the_end() {
        assert_eq!(evaluations(4, 1.0), [4, 8, 12]);
        assert_eq!(evaluations(4, 0.5), [2, 4, 6, 8, 10, 12]);
        assert_eq!(evaluations(4, 2.0), [8, 12]);
        assert_eq!(evaluations(4, 9.0), [12]);
        assert_eq!(evaluations(2, 0.1), [1, 2, 3, 4, 5, 6]);
        // Interval 2.5: 2.5, 5, 7.5, 10, 12.5, 15, halves rounded up.
        assert_eq!(evaluations(5, 0.5), [3, 5, 8, 10, 13, 15]);
    }

    #[test]
    fn no_evaluation_is_skipped_by_rounding() {
        for rows in 1..60 {
            for every in [0.07, 0.1, 0.3, 1.0 / 3.0, 0.7, 1.1, 2.5, 4.0] {
                let interval = every * rows as f64;
                let expected = if interval <= 1.0 { 3 * rows } else { (3.0 * rows as f64 / interval) as usize };
                let at = evaluations(rows, every);
                let got = at.len();
                let numbers = at.iter().map(|&step| timetable(rows, 1, every).evaluation(step));
                assert!(numbers.eq(1..=got as u64), "{rows} rows, every {every}");
                assert_eq!(timetable(rows, 1, every).evaluations(), got as u64, "{rows} rows, every {every}");
                assert!((expected..=expected + 1).contains(&got), "{rows} rows, every {every}: {got}, {expected}");
            }
        }
    }

    #[test]
    fn losses_are_read_at_every_evaluation() {
        let t = timetable(100, 1, 0.03);
        assert!((1..=t.steps()).all(|step| !t.evaluates(step) || t.reads(step)));
        assert!([8, 16].iter().all(|&step| t.reads(step)) && !t.reads(7));
    }
}
