//! Mean and deviation, gathered value by value.

/// Welford's recurrence (1962) keeps the variance exact to rounding for values whose mean is large against their
/// deviation (prices, timestamps).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Of so many values with this mean, whose squared differences to it add up to `squares`.
    pub(crate) fn new(count: u64, mean: f64, squares: f64) -> Self {
        Self { count, mean, squares }
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// Adds the values of others (Chan, Golub and LeVeque 1983, equation 1.5).
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.count == 0 {
            // Their mean as it is: values that do not vary shall not seem to.
            *self = *other;
            return;
        }
        let (some, others) = (self.count as f64, other.count as f64);
        let apart = other.mean - self.mean;
        self.count += other.count;
        self.mean += apart * others / (some + others);
        self.squares += other.squares + apart * apart * some * others / (some + others);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// 0 without values.
    pub(crate) fn mean(&self) -> f64 {
        self.mean
    }

    /// Sum of squared differences to the mean.
    pub(crate) fn squares(&self) -> f64 {
        self.squares
    }

    /// Population standard deviation; 0 without values.
    pub(crate) fn deviation(&self) -> f64 {
        (self.squares / self.count.max(1) as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_mean_does_not_swallow_the_deviation() {
        let mut moments = Moments::default();
        assert_eq!((moments.mean(), moments.deviation()), (0.0, 0.0));
        for value in [1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0, 1e9 + 6.0] {
            moments.add(value);
        }
        assert_eq!((moments.count(), moments.mean(), moments.deviation()), (4, 1e9 + 3.0, 3.5f64.sqrt()));
    }

    #[test]
    fn values_that_do_not_vary_stay_so_wherever_they_are_gathered() {
        let of = |times: usize| (0..times).fold(Moments::default(), |mut all, _| (all.add(0.1), all).1);
        for parts in [[0, 3, 2], [3, 0, 7], [0, 0, 0], [1, 6, 49]] {
            let mut all = Moments::default();
            for times in parts {
                all.merge(&of(times));
            }
            let count = parts.iter().sum::<usize>();
            let mean = if count == 0 { 0.0 } else { 0.1 };
            assert_eq!((all.count(), all.mean(), all.deviation()), (count as u64, mean, 0.0), "{parts:?}");
        }
    }

    #[test]
    fn values_may_be_gathered_apart() {
        let of = |values: &[f64]| values.iter().fold(Moments::default(), |mut all, value| (all.add(*value), all).1);
        let values = [1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0, 1e9 + 6.0];
        for cut in 0..=values.len() {
            let mut all = of(&values[..cut]);
            all.merge(&of(&values[cut..]));
            assert_eq!(all.count(), 4);
            // Numbers of this size are 10⁻⁷ apart.
            let differ = [all.mean() - (1e9 + 3.0), all.deviation() - 3.5f64.sqrt()];
            assert!(differ.iter().all(|differ| differ.abs() < 3e-7), "{cut}: {differ:?}");
        }
    }
}
