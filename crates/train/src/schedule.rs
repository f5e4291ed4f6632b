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
}

impl Schedule {
    /// The rate of `step`, counted from 1, of a fit of `steps`. The first warm step has the peak; the end is what the
    /// step after the last would have, so that no step is wasted on a rate of 0.
    pub fn rate(&self, step: u64, steps: u64) -> f64 {
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
        };
        self.peak * (self.end + (1.0 - self.end) * left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(shape: Shape, end: f64, warmup: u64) -> Vec<f64> {
        let schedule = Schedule { peak: 2.0, end, shape, warmup };
        (1..=8).map(|step| schedule.rate(step, 8)).collect()
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
        assert_eq!(Schedule { peak: 2.0, end: 0.5, shape: Shape::Linear, warmup: 0 }.rate(99, 8), 1.0);
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
        for shape in [Shape::Constant, Shape::Cosine, Shape::Linear] {
            assert_eq!(Schedule { peak: 2.0, end: 0.0, shape, warmup: 0 }.rate(1, 1), 2.0);
        }
    }
}
