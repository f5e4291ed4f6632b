//! How numbers are distributed, in a few bins that a terminal can draw.

use rayon::prelude::*;
use serde::Serialize;

/// Bins, and characters of the drawing.
const BINS: usize = 16;
/// Parts that a core looks at in one go.
const TOGETHER: usize = 16;
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
    /// Of the values of all `parts`, none of them NaN; `None` where they do not vary.
    pub(super) fn of<'a, P: Sync, I: Iterator<Item = f64>>(
        parts: &'a [P],
        values: impl Fn(&'a P) -> I + Sync,
    ) -> Option<Self> {
        let all = Values { parts, values };
        let [mut from, mut to] = all.at([0.01, 0.99])?;
        if from >= to {
            (from, to) = all.range();
        }
        if from >= to {
            return None;
        }
        let bin = |value: f64| ((value - from) / (to - from) * BINS as f64).clamp(0.0, BINS as f64 - 1.0) as usize;
        Some(Self { from, to, counts: all.counted(BINS, bin) })
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

/// Values that are read several times and not copied as a whole: there may be one a row.
struct Values<'a, P, F> {
    parts: &'a [P],
    values: F,
}

impl<'a, P: Sync, I: Iterator<Item = f64>, F: Fn(&'a P) -> I + Sync> Values<'a, P, F> {
    /// All values added up, several parts at once.
    fn sum<T: Send>(
        &self,
        zero: impl Fn() -> T + Sync,
        add: impl Fn(&mut T, f64) + Sync,
        merge: impl Fn(T, T) -> T + Sync,
    ) -> T {
        let some = |parts: &'a [P]| {
            let mut sum = zero();
            for part in parts {
                (self.values)(part).for_each(|value| add(&mut sum, value));
            }
            sum
        };
        self.parts.par_chunks(TOGETHER).map(some).reduce(&zero, &merge)
    }

    /// The least and the greatest.
    fn range(&self) -> (f64, f64) {
        let wider = |(a, b): (f64, f64), (c, d): (f64, f64)| (a.min(c), b.max(d));
        self.sum(|| (f64::INFINITY, f64::NEG_INFINITY), |range, x| *range = wider(*range, (x, x)), wider)
    }

    /// How many are of each of `groups`.
    fn counted(&self, groups: usize, group: impl Fn(f64) -> usize + Sync) -> Vec<u64> {
        let count = |counts: &mut Vec<u64>, value| counts[group(value)] += 1;
        let merge = |mut all: Vec<u64>, some: Vec<u64>| {
            all.iter_mut().zip(some).for_each(|(all, some)| *all += some);
            all
        };
        self.sum(|| vec![0; groups], count, merge)
    }

    /// Those that have `shares` of all values before them; `None` without values. They are counted by the first bits of
    /// a number that orders them, so that only those of one group are compared.
    fn at<const N: usize>(&self, shares: [f64; N]) -> Option<[f64; N]> {
        const SHIFT: u32 = 50;
        let ordered = |value: f64| {
            let bits = value.to_bits();
            bits ^ ((bits.cast_signed() >> 63).cast_unsigned() | 1 << 63)
        };
        let value = |ordered: u64| {
            let sign = (!ordered).cast_signed() >> 63;
            f64::from_bits(ordered ^ (sign.cast_unsigned() | 1 << 63))
        };
        let group = |value: f64| (ordered(value) >> SHIFT) as usize;
        let counts = self.counted(1 << (64 - SHIFT), group);
        let last = counts.iter().sum::<u64>().checked_sub(1)?;
        let places = shares.map(|share| {
            let (mut of_rank, mut rank) = (0, (last as f64 * share) as u64);
            while counts[of_rank] <= rank {
                rank -= counts[of_rank];
                of_rank += 1;
            }
            (of_rank, rank)
        });
        let first_of = |of_rank| places.iter().position(|(other, _)| *other == of_rank);
        // Labels are often few different numbers, of which each is a group.
        let ends = |ends: &mut [(u64, u64); N], value| {
            if let Some(at) = first_of(group(value)) {
                ends[at] = (ends[at].0.min(ordered(value)), ends[at].1.max(ordered(value)));
            }
        };
        let wider = |all: [(u64, u64); N], some: [(u64, u64); N]| {
            std::array::from_fn(|at| (all[at].0.min(some[at].0), all[at].1.max(some[at].1)))
        };
        let ends = self.sum(|| [(u64::MAX, 0); N], ends, wider);
        // Those of one group are kept once: they may be nearly all.
        let push = |few: &mut [Vec<f64>; N], value| {
            if let Some(at) = first_of(group(value)).filter(|&at| ends[at].0 < ends[at].1) {
                few[at].push(value);
            }
        };
        let merge = |mut all: [Vec<f64>; N], some: [Vec<f64>; N]| {
            all.iter_mut().zip(some).for_each(|(all, mut some)| all.append(&mut some));
            all
        };
        let vary = ends.iter().any(|(least, greatest)| least < greatest);
        let none = || [const { Vec::new() }; N];
        let mut few = if vary { self.sum(none, push, merge) } else { none() };
        Some(places.map(|(of_rank, rank)| {
            let at = first_of(of_rank).expect("it is one of them");
            if few[at].is_empty() {
                return value(ends[at].0);
            }
            *few[at].select_nth_unstable_by(rank as usize, f64::total_cmp).1
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn each<'a>(part: &'a &[f64]) -> impl Iterator<Item = f64> + 'a {
        part.iter().copied()
    }

    fn histogram(values: &[f64]) -> Option<Histogram> {
        Histogram::of(&values.chunks(7).collect::<Vec<_>>(), each)
    }

    #[test]
    fn even_values_are_level_and_one_outlier_changes_little() {
        let mut even: Vec<f64> = (0..1600).map(f64::from).collect();
        let level = histogram(&even).unwrap();
        assert!(level.counts.iter().all(|count| (90..=120).contains(count)), "{level:?}");
        assert!(level.drawn().chars().all(|c| c == '▇' || c == '█'), "{}", level.drawn());
        even.push(1e12);
        assert!(histogram(&even).unwrap().to < 2000.0);
    }

    proptest! {
        #[test]
        fn shares_are_those_of_sorted_values(
            values in prop::collection::vec(prop_oneof![any::<f64>(), -2.0..2.0, Just(0.0), Just(-0.0)], 1..200),
            share in 0.0..=1.0,
        ) {
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let parts: Vec<&[f64]> = values.chunks(3).collect();
            let got = Values { parts: &parts, values: each }.at([0.0, share, 1.0]);
            let expected = [0.0, share, 1.0].map(|share| sorted[((values.len() - 1) as f64 * share) as usize]);
            prop_assert_eq!(got.unwrap().map(f64::to_bits), expected.map(f64::to_bits));
        }
    }

    #[test]
    fn heights_are_shares_of_the_highest() {
        let mut values = vec![0.0; 80];
        values.extend([1.0; 40]);
        assert_eq!(histogram(&values).unwrap().drawn(), format!("█{}▄", " ".repeat(BINS - 2)));
        assert_eq!(histogram(&[3.0, 3.0]), None);
        assert_eq!(histogram(&[]), None);
        // Nearly all are equal: the few others still show.
        let mut rare = vec![5.0; 1000];
        rare.push(9.0);
        assert!(histogram(&rare).unwrap().drawn().ends_with('▁'));
    }
}
