//! Median and quartiles: a time is never one number.

use serde::Serialize;

/// Quartiles of some measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// First quartile.
    pub q1: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q3: f64,
    /// Number of measurements.
    pub rounds: usize,
}

impl Spread {
    /// Of at least one measurement. Between two of them it interpolates (type 7 of Hyndman and Fan, The American
    /// Statistician 50, 1996: what numpy and R do).
    pub fn of(values: &[f64]) -> Self {
        assert!(!values.is_empty(), "no measurement has no spread");
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let quantile = |p: f64| {
            let at = p * (sorted.len() - 1) as f64;
            let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
            low + (high - low) * at.fract()
        };
        Self { q1: quantile(0.25), median: quantile(0.5), q3: quantile(0.75), rounds: values.len() }
    }

    /// Each value through a function that keeps or turns the order.
    #[must_use]
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        let (a, b) = (f(self.q1), f(self.q3));
        Self { q1: a.min(b), median: f(self.median), q3: a.max(b), rounds: self.rounds }
    }
}
