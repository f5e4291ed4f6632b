//! Mean and deviation, gathered value by value.

/// Welford's recurrence (1962), with weights as West has it (1979), keeps the variance exact to rounding for values whose
/// mean is large against their deviation (prices, timestamps).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    /// Sum of weights: where each value weighs 1, how many there are.
    weight: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Of so many values with this mean, whose squared differences to it add up to `squares`.
    pub(crate) fn new(count: u64, mean: f64, squares: f64) -> Self {
        Self { weight: count as f64, mean, squares }
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.add_weighing(value, 1.0);
    }

    /// Adds a value of a weight above 0.
    pub(crate) fn add_weighing(&mut self, value: f64, weight: f64) {
        self.weight += weight;
        let before = value - self.mean;
        self.mean += before * weight / self.weight;
        self.squares += before * weight * (value - self.mean);
    }

    /// Adds the values of others (Chan, Golub and LeVeque 1983, equation 1.5).
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.weight == 0.0 {
            // Their mean as it is: values that do not vary shall not seem to.
            *self = *other;
            return;
        }
        let (some, others) = (self.weight, other.weight);
        let apart = other.mean - self.mean;
        self.weight += other.weight;
        self.mean += apart * others / (some + others);
        self.squares += other.squares + apart * apart * some * others / (some + others);
    }

    /// How many values there are, where each weighs 1.
    pub(crate) fn count(&self) -> u64 {
        self.weight as u64
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
        if self.weight > 0.0 { (self.squares / self.weight).sqrt() } else { 0.0 }
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
    fn a_value_of_weight_two_is_two() {
        let (mut weighed, mut plain) = (Moments::default(), Moments::default());
        for (value, times) in [(3.0, 2), (5.0, 1), (11.0, 4)] {
            weighed.add_weighing(value, f64::from(times));
            (0..times).for_each(|_| plain.add(value));
        }
        assert_eq!(weighed.count(), 7);
        assert!((weighed.mean() - plain.mean()).abs() < 1e-14);
        assert!((weighed.deviation() - plain.deviation()).abs() < 1e-14);
        let mut light = Moments::default();
        for value in [1.0, 3.0] {
            light.add_weighing(value, 0.125);
        }
        assert_eq!((light.mean(), light.deviation()), (2.0, 1.0));
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
