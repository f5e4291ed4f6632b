//! Which values of a categorical field are frequent.

/// Values 0, 1, 2 … with probabilities proportional to `(value + 1)^-exponent` (Zipf); exponent 0 is uniform.
#[derive(Clone, Debug)]
pub(super) struct Popularity {
    cumulative: Vec<f64>,
}

impl Popularity {
    pub(super) fn zipf(cardinality: usize, exponent: f64) -> Self {
        Self::of((1..=cardinality).map(|rank| libm::pow(rank as f64, -exponent)))
    }

    /// Values with probabilities proportional to `shares`.
    pub(super) fn of(shares: impl Iterator<Item = f64>) -> Self {
        let mut total = 0.0;
        let sums: Vec<f64> = shares
            .map(|share| {
                total += share;
                total
            })
            .collect();
        Self { cumulative: sums.iter().map(|sum| sum / total).collect() }
    }

    /// The value that a uniform draw from (0, 1) stands for.
    pub(super) fn value(&self, draw: f64) -> usize {
        self.cumulative.partition_point(|bound| *bound <= draw).min(self.cumulative.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_fall_where_the_shares_say() {
        let shares = Popularity::of([1.0, 2.0, 1.0].into_iter());
        let draws = [0.0001, 0.2499, 0.25, 0.7499, 0.75, 0.9999, 1.0];
        assert_eq!(draws.map(|draw| shares.value(draw)), [0, 0, 1, 1, 2, 2, 2]);
        let zipf = Popularity::zipf(3, 1.0);
        assert_eq!([0.54, 0.55, 0.81, 0.82].map(|draw| zipf.value(draw)), [0, 1, 1, 2]);
        assert_eq!(Popularity::zipf(4, 0.0).value(0.5), 2);
    }
}
