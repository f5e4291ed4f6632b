//! How numbers become inputs: standardised or binned, with something in the place of missing ones.

use serde::{Deserialize, Serialize};

use crate::card::{Fill, FillValue, Transform};
use crate::moments::Moments;
use crate::prepare::exact;
use crate::prepare::quantiles::Sample;
use crate::prepare::vocabulary::{MISSING_ID, RESERVED};

/// What train rows say about a column of numbers.
#[derive(Debug)]
pub(crate) struct NumberFit {
    clip: Option<(f64, f64)>,
    transform: Transform,
    moments: Moments,
    sample: Option<Sample>,
    missing: u64,
    /// No value is larger.
    most: f64,
}

impl NumberFit {
    /// Quantiles are only gathered where they are needed.
    pub(crate) fn new(clip: Option<(f64, f64)>, transform: Transform, quantiles: bool) -> Self {
        let (moments, sample) = (Moments::default(), quantiles.then(Sample::new));
        Self { clip, transform, moments, sample, missing: 0, most: f64::from(f32::MAX) }
    }

    /// Of bins, which no value is too large for.
    pub(crate) fn of_bins() -> Self {
        Self { most: f64::INFINITY, ..Self::new(None, Transform::Identity, true) }
    }

    /// Adds the value of a train row; NaN where missing. False where 32 bits cannot hold what an input is scaled from: one
    /// such value would make the deviation infinite, and every input 0.
    #[must_use]
    pub(crate) fn add(&mut self, row_id: u64, value: f64) -> bool {
        if value.is_nan() {
            self.missing += 1;
            return true;
        }
        let value = self.transform.apply(clipped(self.clip, value));
        if value.abs() > self.most {
            return false;
        }
        self.moments.add(value);
        if let Some(sample) = &mut self.sample {
            sample.add(row_id, value);
        }
        true
    }

    /// Whether a train row lacks the value.
    pub(crate) fn misses(&self) -> bool {
        self.missing > 0
    }

    /// Transformed units.
    fn fill(&self, fill: Fill) -> f64 {
        match fill.with {
            FillValue::Mean => self.moments.mean(),
            FillValue::Median => self.sample.as_ref().map_or(0.0, Sample::median),
            FillValue::Constant(value) => self.transform.apply(value),
        }
    }

    pub(crate) fn scale(&self, standardise: bool, missing: Fill) -> Scale {
        let deviation = self.moments.deviation();
        let (mean, deviation) = match standardise {
            true if deviation > 0.0 => (self.moments.mean(), deviation),
            true => (self.moments.mean(), 1.0),
            false => (0.0, 1.0),
        };
        Scale { clip: self.clip, transform: self.transform, mean, deviation, fill: self.fill(missing) }
    }

    pub(crate) fn bins(&self, bins: usize, missing: Option<Fill>) -> Bins {
        let cuts = self.sample.as_ref().map_or_else(Vec::new, |sample| sample.cuts(bins));
        Bins { transform: self.transform, cuts, fill: missing.map(|fill| self.fill(fill)) }
    }
}

fn clipped(clip: Option<(f64, f64)>, value: f64) -> f64 {
    clip.map_or(value, |(low, high)| value.clamp(low, high))
}

/// From a number to a standardised input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scale {
    #[serde(with = "exact")]
    clip: Option<(f64, f64)>,
    transform: Transform,
    #[serde(with = "exact")]
    mean: f64,
    #[serde(with = "exact")]
    deviation: f64,
    #[serde(with = "exact")]
    fill: f64,
}

impl Scale {
    pub(crate) fn apply(&self, value: f64) -> f32 {
        let value = if value.is_nan() { self.fill } else { self.transform.apply(clipped(self.clip, value)) };
        ((value - self.mean) / self.deviation) as f32
    }
}

/// From a number to the id of its bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bins {
    transform: Transform,
    /// Ascending; a bin reaches from one cut (included) to the next.
    #[serde(with = "exact")]
    cuts: Vec<f64>,
    #[serde(with = "exact")]
    fill: Option<f64>,
}

impl Bins {
    /// Number of ids, reserved ones included.
    pub(crate) fn size(&self) -> usize {
        self.cuts.len() + 1 + RESERVED as usize
    }

    /// Where one bin ends and the next begins, ascending; transformed units.
    pub(crate) fn cuts(&self) -> &[f64] {
        &self.cuts
    }

    pub(crate) fn id(&self, value: f64) -> u32 {
        let value = match (value.is_nan(), self.fill) {
            (true, None) => return MISSING_ID,
            (true, Some(fill)) => fill,
            (false, _) => self.transform.apply(value),
        };
        RESERVED + self.cuts.partition_point(|cut| *cut <= value) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEAN: Fill = Fill { with: FillValue::Mean, indicator: true };
    const MEDIAN: Fill = Fill { with: FillValue::Median, indicator: true };

    fn fit(transform: Transform, values: &[f64]) -> NumberFit {
        let mut fit = NumberFit::new(None, transform, true);
        assert!(values.iter().enumerate().all(|(row, value)| fit.add(row as u64, *value)));
        fit
    }

    #[test]
    fn values_that_32_bits_cannot_hold_are_not_taken() {
        let most = f64::from(f32::MAX);
        let taken = |clip, transform, value| NumberFit::new(clip, transform, false).add(0, value);
        assert!(taken(None, Transform::Identity, most) && taken(None, Transform::Identity, -most));
        assert!(!taken(None, Transform::Identity, most * 1.5) && !taken(None, Transform::Identity, -1e200));
        assert!(NumberFit::of_bins().add(0, 1e200));
        // What counts is what becomes of it.
        assert!(taken(Some((0.0, 10.0)), Transform::Identity, 1e200) && taken(None, Transform::Log1p, 1e200));
    }

    #[test]
    fn known_values_are_standardised_and_missing_ones_filled() {
        let fit = fit(Transform::Identity, &[1.0, 3.0, f64::NAN, 8.0]);
        assert!(fit.misses());
        let deviation = (26.0f64 / 3.0).sqrt();
        let mean = fit.scale(true, MEAN);
        assert_eq!((mean.apply(4.0), mean.apply(f64::NAN)), (0.0, 0.0));
        assert_eq!(mean.apply(8.0), (4.0 / deviation) as f32);
        assert_eq!(fit.scale(true, MEDIAN).apply(f64::NAN), (-1.0 / deviation) as f32);
        let constant = Fill { with: FillValue::Constant(8.0), indicator: false };
        assert_eq!(fit.scale(true, constant).apply(f64::NAN), mean.apply(8.0));
        assert_eq!(fit.scale(false, constant).apply(2.5), 2.5);
    }

    #[test]
    fn a_constant_column_becomes_zeros_not_nan() {
        let scale = fit(Transform::Identity, &[5.0, 5.0]).scale(true, MEAN);
        assert_eq!((scale.apply(5.0), scale.apply(6.0)), (0.0, 1.0));
        let never = fit(Transform::Identity, &[f64::NAN]).scale(true, MEAN);
        assert_eq!((never.apply(f64::NAN), never.apply(2.0)), (0.0, 2.0));
    }

    #[test]
    fn heavy_tails_are_taken_by_their_logarithm_on_both_sides() {
        assert_eq!(Transform::Log1p.apply(-1.0), -std::f64::consts::LN_2);
        let e = std::f64::consts::E;
        let scale = fit(Transform::Log1p, &[0.0, e * e - 1.0]).scale(true, MEAN);
        assert!((scale.apply(e * e - 1.0) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn bins_take_every_number_and_keep_missing_apart() {
        let bins = fit(Transform::Identity, &[1.0, 2.0, 3.0, 4.0]).bins(2, None);
        assert_eq!(bins.size(), 4);
        assert_eq!([-9.0, 2.9, 3.0, 99.0, f64::NAN].map(|v| bins.id(v)), [2, 2, 3, 3, MISSING_ID]);
        let filled = fit(Transform::Identity, &[1.0, 2.0, 3.0, 14.0]).bins(2, Some(MEAN));
        assert_eq!(filled.id(f64::NAN), 3);
    }
}
