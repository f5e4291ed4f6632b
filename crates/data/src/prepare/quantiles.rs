//! Quantiles of train rows in bounded memory.

use mmtl_plan::philox4x32;

/// Values kept. The quantiles of up to this many values are exact; of more, those of a sample of at least half as
/// many, where the rank of a median is off by less than 0.3 % (four standard deviations, 4 · ½ / √2¹⁹).
const CAPACITY: usize = 1 << 20;

/// A sample that does not depend on the order of rows: those whose id hashes below a bound, and the bound is the
/// largest power of two that the capacity allows. Rows that share their id are one entry.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    kept: Vec<Entry>,
    /// Rows are kept whose hash has this many leading zeros.
    zeros: u32,
    capacity: usize,
}

/// Rows of one id, and their value.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    rows: u32,
    value: f64,
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
        self.kept.push(Entry { hash, rows: 1, value });
        // Room for as many again as a look at all is worth.
        if self.kept.len() > self.capacity + self.capacity / 2 {
            self.compact();
        }
    }

    /// Makes one of equal entries, and then leaves out rows until the others are not too many.
    fn compact(&mut self) {
        self.kept.sort_unstable_by(|a, b| a.hash.cmp(&b.hash).then_with(|| a.value.total_cmp(&b.value)));
        self.kept.dedup_by(|next, first| {
            let same = next.hash == first.hash && next.value.to_bits() == first.value.to_bits();
            if same {
                first.rows = first.rows.saturating_add(next.rows);
            }
            same
        });
        while self.kept.len() > self.capacity && self.zeros < u32::BITS {
            self.zeros += 1;
            let zeros = self.zeros;
            self.kept.retain(|entry| entry.hash.leading_zeros() >= zeros);
        }
    }

    /// The values that cut the sorted sample into `parts` of equal size, ascending, duplicates left out; the smallest
    /// value is none, as nothing lies below it.
    pub(crate) fn cuts(&self, parts: usize) -> Vec<f64> {
        let sorted = self.sorted();
        let at = |part: usize| sorted.get(part as u64 * sorted.len() / parts as u64);
        let mut cuts: Vec<f64> = (1..parts).filter_map(at).filter(|cut| Some(*cut) > sorted.get(0)).collect();
        cuts.dedup();
        cuts
    }

    /// The middle value, or the mean of the two in the middle; 0 without values.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let at = |place: u64| sorted.get(place).unwrap_or(0.0);
        match sorted.len() {
            0 => 0.0,
            n if n % 2 == 1 => at(n / 2),
            n => f64::midpoint(at(n / 2 - 1), at(n / 2)),
        }
    }

    fn sorted(&self) -> Sorted {
        let mut whole = self.clone();
        whole.compact();
        let mut entries = whole.kept;
        entries.sort_unstable_by(|a, b| a.value.total_cmp(&b.value));
        let mut rows = 0;
        let up_to = |entry: &Entry| {
            rows += u64::from(entry.rows);
            (rows, entry.value)
        };
        Sorted(entries.iter().map(up_to).collect())
    }
}

/// Values, ascending, each with the number of rows up to and with it.
struct Sorted(Vec<(u64, f64)>);

impl Sorted {
    fn len(&self) -> u64 {
        self.0.last().map_or(0, |last| last.0)
    }

    /// The value of a row, from 0.
    fn get(&self, place: u64) -> Option<f64> {
        self.0.get(self.0.partition_point(|(rows, _)| *rows <= place)).map(|entry| entry.1)
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
        assert_eq!(forward.sorted().0, backward.sorted().0);
        assert!(forward.kept.len() <= 1500, "{}", forward.kept.len());
        let kept = forward.sorted().len();
        assert!((400..=1000).contains(&kept), "{kept}");
        // Four standard deviations of the median of 400 uniform values.
        assert!((forward.median() - 10_000.0).abs() < 2_000.0, "{}", forward.median());
    }

    #[test]
    fn rows_that_share_their_id_all_count() {
        // One that thinning keeps.
        let hash = |id: u32| philox4x32([id, 0, 0, 0], [0; 2])[0];
        let usual_id = (10_000..u32::MAX).find(|id| hash(*id).leading_zeros() >= 10).unwrap();
        let mut sample = Sample { capacity: 100, ..Sample::new() };
        for row in 0..10_000 {
            let is_usual = row % 10 != 0;
            sample.add(if is_usual { usual_id.into() } else { row }, if is_usual { 2.0 } else { 5.0 + row as f64 });
        }
        assert!(sample.kept.len() <= 150, "{}", sample.kept.len());
        sample.compact();
        let usual: u64 = sample.kept.iter().filter(|entry| entry.value == 2.0).map(|entry| u64::from(entry.rows)).sum();
        assert!(usual == 9000 && sample.zeros > 0, "{usual}");
        let mut few = Sample { capacity: 100, ..Sample::new() };
        (0..10_000).for_each(|row| few.add(row % 4, [1.0, 2.0, 2.0, 9.0][row as usize % 4]));
        assert_eq!((few.median(), few.zeros), (2.0, 0));
        assert_eq!(few.cuts(4), [2.0, 9.0]);
    }
}
