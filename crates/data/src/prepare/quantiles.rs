//! Quantiles of train rows in bounded memory.

use mmtl_plan::philox4x32;

/// Values kept. The quantiles of up to this many values are exact; of more, those of a sample of at least half as
/// many, where the rank of a median is off by less than 0.3 % (four standard deviations, 4 · ½ / √2¹⁹).
const CAPACITY: usize = 1 << 20;

/// A sample that does not depend on the order of rows: those whose id hashes below a bound, and the bound is the
/// largest power of two that the capacity allows.
#[derive(Debug)]
pub(crate) struct Sample {
    kept: Vec<(u32, f64)>,
    /// Rows are kept whose hash has this many leading zeros.
    zeros: u32,
    capacity: usize,
}

impl Sample {
    pub(crate) fn new() -> Self {
        Self { kept: vec![], zeros: 0, capacity: CAPACITY }
    }

    /// Adds the value of a row.
    pub(crate) fn add(&mut self, row_id: u64, value: f64) {
        let hash = philox4x32([row_id as u32, (row_id >> 32) as u32, 0, 0], [0; 2])[0];
        if hash.leading_zeros() < self.zeros {
            return;
        }
        self.kept.push((hash, value));
        while self.kept.len() > self.capacity && self.zeros < u32::BITS {
            self.zeros += 1;
            let zeros = self.zeros;
            self.kept.retain(|(hash, _)| hash.leading_zeros() >= zeros);
        }
    }

    /// The values that cut the sorted sample into `parts` of equal size, ascending, duplicates left out; the smallest
    /// value is none, as nothing lies below it.
    pub(crate) fn cuts(&self, parts: usize) -> Vec<f64> {
        let sorted = self.sorted();
        let at = |part: usize| sorted.get(part * sorted.len() / parts).copied();
        let mut cuts: Vec<f64> = (1..parts).filter_map(at).filter(|cut| Some(cut) > sorted.first()).collect();
        cuts.dedup();
        cuts
    }

    /// The middle value, or the mean of the two in the middle; 0 without values.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        match sorted.len() {
            0 => 0.0,
            n if n % 2 == 1 => sorted[n / 2],
            n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.kept.iter().map(|(_, value)| *value).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        let mut sample = Sample::new();
        values.iter().enumerate().for_each(|(row, value)| sample.add(row as u64, *value));
        sample
    }

    #[test]
    fn medians_of_odd_even_and_no_values() {
        assert_eq!(sample(&[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(sample(&[4.0, 1.0, 3.0, 2.0]).median(), 2.5);
        assert_eq!(sample(&[]).median(), 0.0);
    }

    #[test]
    fn cuts_divide_evenly_and_never_repeat() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(sample(&values).cuts(4), [25.0, 50.0, 75.0]);
        assert_eq!(sample(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0, 9.0]).cuts(4), [7.0]);
        assert!(sample(&[5.0, 5.0]).cuts(10).is_empty());
        assert!(sample(&[]).cuts(3).is_empty());
    }

    #[test]
    fn a_bounded_sample_does_not_depend_on_the_order_of_rows() {
        let gather = |rows: &mut dyn Iterator<Item = u64>| {
            let mut sample = Sample { capacity: 1000, ..Sample::new() };
            rows.for_each(|row| sample.add(row, row as f64));
            sample
        };
        let (forward, backward) = (gather(&mut (0..20_000)), gather(&mut (0..20_000).rev()));
        assert_eq!(forward.sorted(), backward.sorted());
        let kept = forward.kept.len();
        assert!((400..=1000).contains(&kept), "{kept}");
        // Four standard deviations of the median of 400 uniform values.
        assert!((forward.median() - 10_000.0).abs() < 2_000.0, "{}", forward.median());
    }
}
