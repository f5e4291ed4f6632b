//! Median with the 10th and the 90th percentile: a time is never one number.

use serde::Serialize;

/// The middle of some measurements, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// 10th percentile.
    pub p10: f64,
    /// Median.
    pub median: f64,
    /// 90th percentile.
    pub p90: f64,
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
        Self { p10: quantile(0.1), median: quantile(0.5), p90: quantile(0.9), rounds: values.len() }
    }

    /// Each value through a function that keeps or turns the order.
    #[must_use]
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        let (a, b) = (f(self.p10), f(self.p90));
        Self { p10: a.min(b), median: f(self.median), p90: a.max(b), rounds: self.rounds }
    }
}
