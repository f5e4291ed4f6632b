//! Student's t intervals, for differences paired by seed.
//!
//! x̄ ± t(0.975, n − 1)·s/√n (Student, "The probable error of a mean", Biometrika 6, 1908). Pairing by seed removes what
//! a seed's split, order and initialisation do to both sides alike, which is most of the spread.

use std::sync::OnceLock;

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::marks::SeedScores;
use crate::score::Score;
use crate::summary::Summary;

/// Coverage of the intervals.
pub const LEVEL: f64 = 0.95;

/// An interval of the mean of n values.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Number of values, at least 2.
    pub n: u64,
    /// Their mean, the middle of the interval.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies within, ends included. Equal values give an interval of one point, which contains 0 only if
    /// that is 0: an exact tie.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The [`LEVEL`] interval of the mean; `None` for fewer than 2 values, or if one is not finite.
#[must_use]
pub fn student_interval(values: &[f64]) -> Option<Interval> {
    let Summary { n, mean, sd } = Summary::of(values)?;
    let half = t_of(n)? * sd? / (n as f64).sqrt();
    Some(Interval { n, mean, low: mean - half, high: mean + half })
}

/// Student's t(0.975, n − 1); `None` for fewer than 2. It takes microseconds to find, and tables need it tens of thousands
/// of times for the same few numbers of seeds.
fn t_of(n: u64) -> Option<f64> {
    static FOUND: [OnceLock<f64>; 64] = [const { OnceLock::new() }; 64];
    let distribution = StudentsT::new(0.0, 1.0, n as f64 - 1.0).ok()?;
    let find = || distribution.inverse_cdf(f64::midpoint(1.0, LEVEL));
    Some(FOUND.get(n as usize).map_or_else(find, |known| *known.get_or_init(find)))
}

/// The interval of the mean difference a − b over the seeds for which both have a value; `None` for fewer than 2.
#[must_use]
pub fn paired_interval(a: &SeedScores, b: &SeedScores) -> Option<Interval> {
    student_interval(&paired_differences(a, b))
}

fn paired_differences(a: &SeedScores, b: &SeedScores) -> Vec<f64> {
    let pair = |(seed, a): (&u64, &Score)| Some(a.value()? - b.get(seed)?.value()?);
    a.iter().filter_map(pair).collect()
}
