//! How numbers are distributed, in a few bins that a terminal can draw.

use serde::Serialize;

/// Bins, and characters of the drawing.
const BINS: usize = 16;
/// Eighths of a character's height.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Counts of equal bins between the 1st and the 99th percentile; what lies outside is in the end bins, so that one
/// outlier does not flatten the rest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// Where the first bin begins.
    pub from: f64,
    /// Where the last bin ends.
    pub to: f64,
    /// Values of each bin.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// Of some values, none of them NaN; `None` where they do not vary.
    pub(super) fn of(values: &mut [f64]) -> Option<Self> {
        let (first, last) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &x| (a.min(x), b.max(x)));
        let mut at = |share: f64| {
            let rank = (values.len().checked_sub(1)? as f64 * share) as usize;
            Some(*values.select_nth_unstable_by(rank, f64::total_cmp).1)
        };
        let ends = (at(0.01)?, at(0.99)?);
        let (from, to) = if ends.0 < ends.1 { ends } else { (first, last) };
        if from >= to {
            return None;
        }
        let mut counts = vec![0; BINS];
        for value in values {
            let bin = ((*value - from) / (to - from) * BINS as f64).clamp(0.0, BINS as f64 - 1.0);
            counts[bin as usize] += 1;
        }
        Some(Self { from, to, counts })
    }

    /// A character a bin; only an empty one is blank.
    pub fn drawn(&self) -> String {
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1);
        let height = |count: &u64| match count {
            0 => ' ',
            count => HEIGHTS[((count * 8).div_ceil(most) as usize).clamp(1, 8) - 1],
        };
        self.counts.iter().map(height).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_values_are_level_and_one_outlier_changes_little() {
        let mut even: Vec<f64> = (0..1600).map(f64::from).collect();
        let level = Histogram::of(&mut even.clone()).unwrap();
        assert!(level.counts.iter().all(|count| (90..=120).contains(count)), "{level:?}");
        assert!(level.drawn().chars().all(|c| c == '▇' || c == '█'), "{}", level.drawn());
        even.push(1e12);
        assert!(Histogram::of(&mut even).unwrap().to < 2000.0);
    }

    #[test]
    fn heights_are_shares_of_the_highest() {
        let mut values = vec![0.0; 80];
        values.extend([1.0; 40]);
        assert_eq!(Histogram::of(&mut values).unwrap().drawn(), format!("█{}▄", " ".repeat(BINS - 2)));
        assert_eq!(Histogram::of(&mut [3.0, 3.0]), None);
        assert_eq!(Histogram::of(&mut []), None);
        // Nearly all are equal: the few others still show.
        let mut rare = vec![5.0; 1000];
        rare.push(9.0);
        assert!(Histogram::of(&mut rare).unwrap().drawn().ends_with('▁'));
    }
}
