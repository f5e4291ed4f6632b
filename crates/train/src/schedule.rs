//! Learning rates: pure functions of the step.

use std::f64::consts::PI;

use serde::Serialize;

/// How the learning rate moves over a fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The highest rate.
    pub peak: f64,
    /// Where a falling rate ends, as a share of `peak`.
    pub end: f64,
    /// How it falls.
    pub shape: Shape,
    /// Steps over which it first rises: step `s` of them has `peak · s / warmup`.
    pub warmup: u64,
    /// What each drop multiplies it by.
    pub drop: f64,
    /// Warm steps from a drop of [`Shape::Step`] to the next, at least 1.
    pub drop_every: u64,
}

/// How a rate falls once it is warm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Shape {
    /// Not at all.
    Constant,
    /// Along half a cosine (Loshchilov and Hutter, ICLR 2017, eq. 5, without restarts).
    Cosine,
    /// Along a line.
    Linear,
    /// By a drop every so many steps.
    Step,
    /// By a drop whenever validation has not become better for a while: see `plateau.rs`.
    Plateau,
}

impl Schedule {
    /// The rate of `step`, counted from 1, of a fit of `steps` in which validation has stood still `plateaus` times. The
    /// first warm step has the peak; the end is what the step after the last would have, so that no step is wasted on a
    /// rate of 0. What drops does not drop below the end.
    pub fn rate(&self, step: u64, steps: u64, plateaus: u64) -> f64 {
        let done = step.saturating_sub(1);
        if done < self.warmup {
            return self.peak * step as f64 / self.warmup as f64;
        }
        let falling = steps.saturating_sub(self.warmup).max(1);
        let progress = ((done - self.warmup) as f64 / falling as f64).min(1.0);
        let left = match self.shape {
            Shape::Constant => return self.peak,
            // `libm`, so that the bits do not depend on the platform's mathematical library.
            Shape::Cosine => 0.5 * (1.0 + libm::cos(PI * progress)),
            Shape::Linear => 1.0 - progress,
            Shape::Step => return self.dropped((done - self.warmup) / self.drop_every),
            Shape::Plateau => return self.dropped(plateaus),
        };
        self.peak * (self.end + (1.0 - self.end) * left)
    }

    fn dropped(&self, times: u64) -> f64 {
        self.peak * libm::pow(self.drop, times as f64).max(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(shape: Shape, end: f64, warmup: u64) -> Vec<f64> {
        let schedule = schedule(shape, end, warmup);
        (1..=8).map(|step| schedule.rate(step, 8, 0)).collect()
    }

    fn schedule(shape: Shape, end: f64, warmup: u64) -> Schedule {
        Schedule { peak: 2.0, end, shape, warmup, drop: 0.5, drop_every: 2 }
    }

    #[test]
    fn constant_stays_at_the_peak() {
        assert_eq!(rates(Shape::Constant, 0.0, 0), [2.0; 8]);
    }

    #[test]
    fn warm_up_rises_from_above_zero_to_the_peak() {
        assert_eq!(rates(Shape::Constant, 0.0, 4), [0.5, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0, 2.0]);
        assert_eq!(rates(Shape::Linear, 0.0, 4), [0.5, 1.0, 1.5, 2.0, 2.0, 1.5, 1.0, 0.5]);
        assert_eq!(rates(Shape::Constant, 0.0, 16)[7], 1.0, "a warm-up may outlast the fit");
    }

    #[test]
    fn linear_reaches_its_end_one_step_after_the_last() {
        assert_eq!(rates(Shape::Linear, 0.0, 0), [2.0, 1.75, 1.5, 1.25, 1.0, 0.75, 0.5, 0.25]);
        assert_eq!(rates(Shape::Linear, 0.5, 0)[4], 1.5);
        assert_eq!(schedule(Shape::Linear, 0.5, 0).rate(99, 8, 0), 1.0);
    }

    /// The closed form `end + (1 - end) · (1 + cos(π · i / 8)) / 2` at i = 0, 2, 4, 6.
    #[test]
    fn cosine_follows_its_closed_form() {
        let quarter = std::f64::consts::FRAC_1_SQRT_2;
        let expected = [2.0, 1.0 + quarter, 1.0, 1.0 - quarter];
        for (i, expected) in expected.into_iter().enumerate() {
            let rate = rates(Shape::Cosine, 0.0, 0)[2 * i];
            assert!((rate - expected).abs() < 1e-15, "step {}: {rate}, expected {expected}", 2 * i + 1);
        }
        let floored = rates(Shape::Cosine, 0.25, 0)[4];
        assert!((floored - 1.25).abs() < 1e-15, "{floored}");
    }

    #[test]
    fn a_fit_of_one_step_has_the_peak() {
        for shape in [Shape::Constant, Shape::Cosine, Shape::Linear, Shape::Step, Shape::Plateau] {
            assert_eq!(schedule(shape, 0.0, 0).rate(1, 1, 0), 2.0);
        }
    }

    #[test]
    fn steps_go_down_at_even_distances_once_warm_but_not_below_the_end() {
        assert_eq!(rates(Shape::Step, 0.0, 0), [2.0, 2.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
        assert_eq!(rates(Shape::Step, 0.0, 3), [2.0 / 3.0, 4.0 / 3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 0.5]);
        assert_eq!(rates(Shape::Step, 0.25, 0), [2.0, 2.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]);
    }

    #[test]
    fn plateaus_count_once_warm() {
        let schedule = schedule(Shape::Plateau, 0.125, 2);
        let rates = [(1, 1), (2, 0), (3, 0), (9, 1), (9, 2), (9, 3), (9, 4)];
        assert_eq!(
            rates.map(|(step, plateaus)| schedule.rate(step, 8, plateaus)),
            [1.0, 2.0, 2.0, 1.0, 0.5, 0.25, 0.25]
        );
    }
}
