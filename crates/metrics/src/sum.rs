//! Compensated summation: the sum of many rows as exact as one rounding, in the order given.
//!
//! A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", ZAMM 54 (1974): like Kahan's
//! method, but right also when an addend exceeds the running sum. Ten million terms lose nothing visible, where a plain
//! loop loses about √n ulps; pairwise summation would do nearly as well but needs all terms in memory.

/// A running sum of f64 with a correction term. The same terms in the same order give the same bits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    /// Adds one term. A term that is not finite makes the total not finite.
    pub fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        self.lost += if self.sum.abs() >= term.abs() { (self.sum - sum) + term } else { (term - sum) + self.sum };
        self.sum = sum;
    }

    /// The sum of all terms so far; not finite if a term was not or the sum overflowed.
    #[must_use]
    pub fn total(self) -> f64 {
        self.sum + self.lost
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut sum = Self::default();
        for term in terms {
            sum.add(term);
        }
        sum
    }
}

/// Σ w·v / Σ w over `(value, weight)`; `None` if that is not a finite number (no terms, no weight, overflow).
pub(crate) fn weighted_mean(terms: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (mut values, mut weights) = (Sum::default(), Sum::default());
    for (value, weight) in terms {
        values.add(weight * value);
        weights.add(weight);
    }
    Some(values.total() / weights.total()).filter(|mean| mean.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_survive_large_ones() {
        let sum: Sum = [1.0, 1e100, 1.0, -1e100].into_iter().collect();
        assert_eq!(sum.total(), 2.0); // a plain loop and Kahan's method give 0
    }

    #[test]
    fn a_million_tenths() {
        let sum: Sum = std::iter::repeat_n(0.1, 1_000_000).collect();
        assert_eq!(sum.total(), 100_000.0);
        let plain: f64 = std::iter::repeat_n(0.1, 1_000_000).sum();
        assert_ne!(plain, 100_000.0);
    }

    #[test]
    fn a_mean_without_weight_is_none() {
        assert_eq!(weighted_mean(std::iter::empty()), None);
        assert_eq!(weighted_mean([(1.0, 0.0)].into_iter()), None);
        assert_eq!(weighted_mean([(f64::MAX, 2.0)].into_iter()), None);
        assert_eq!(weighted_mean([(1.0, 1.0), (4.0, 2.0)].into_iter()), Some(3.0));
    }
}
