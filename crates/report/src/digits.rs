//! How many digits a table's numbers have: enough to see the spread, and no more.

use mmtl_metrics::{Metric, Summary};

/// How the numbers of a table are written, all alike so that they can be compared by eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digits {
    /// This many decimals.
    Fixed(usize),
    /// A power of ten and three decimals: for numbers too large or too small for anything else.
    Scientific,
}

/// Numbers from 10⁷ on, or all below 10⁻⁵, are written with a power of ten.
const EXPONENTS: std::ops::RangeInclusive<i32> = -5..=6;
/// Significant digits that a typical standard deviation gets.
const OF_SPREAD: i32 = 2;
/// Significant digits that a typical mean gets at least; with no spread to go by, one more.
const OF_MEAN: i32 = 3;
/// Significant digits that the largest mean gets at most: a float of 32 bits holds no more.
const AT_MOST: i32 = 7;

impl Digits {
    /// The digits for these cells of one table.
    pub(crate) fn of(metric: Metric, cells: &[Summary]) -> Self {
        // On a scale from 0 to 1 four decimals are what papers print.
        if metric.is_share() { Self::Fixed(4) } else { Self::by_spread(cells) }
    }

    fn by_spread(cells: &[Summary]) -> Self {
        let mut means: Vec<i32> = cells.iter().filter_map(|cell| exponent(cell.mean)).collect();
        let mut spreads: Vec<i32> = cells.iter().filter_map(|cell| exponent(cell.sd?)).collect();
        means.sort_unstable();
        spreads.sort_unstable();
        let (Some(typical), Some(largest)) = (median(&means), means.last().copied()) else {
            return Self::Fixed(4);
        };
        if !EXPONENTS.contains(&largest) {
            return Self::Scientific;
        }
        let at_least = OF_MEAN - 1 - typical;
        let wanted = median(&spreads).map_or(at_least + 1, |spread| OF_SPREAD - 1 - spread);
        let decimals = wanted.max(at_least).min(AT_MOST - 1 - largest).max(0);
        Self::Fixed(decimals as usize)
    }

    /// A number.
    pub(crate) fn number(self, value: f64) -> String {
        match self {
            Self::Fixed(decimals) => positive_zero(format!("{value:.decimals$}")),
            Self::Scientific => positive_zero(format!("{value:.3e}")),
        }
    }

    /// A difference, with its sign.
    pub(crate) fn difference(self, value: f64) -> String {
        let number = self.number(value);
        if number.starts_with('-') { number } else { format!("+{number}") }
    }
}

/// A number that rounds to zero has no sign.
fn positive_zero(number: String) -> String {
    let is_zero = number.bytes().take_while(|byte| *byte != b'e').all(|byte| matches!(byte, b'-' | b'0' | b'.'));
    if is_zero { number.trim_start_matches('-').to_owned() } else { number }
}

/// The power of ten of a number's first digit; zero has none. Read from its shortest decimal form, since `log10` may
/// round up to a whole number just below a power of ten.
fn exponent(value: f64) -> Option<i32> {
    let written = format!("{value:e}");
    let (digits, exponent) = written.split_once('e')?;
    if digits.trim_start_matches('-') == "0" { None } else { exponent.parse().ok() }
}

fn median(sorted: &[i32]) -> Option<i32> {
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(cells: &[(f64, f64)]) -> Digits {
        let cells: Vec<Summary> = cells.iter().map(|(mean, sd)| Summary { n: 3, mean: *mean, sd: Some(*sd) }).collect();
        Digits::of(Metric::Mse, &cells)
    }

    #[test]
    fn two_digits_of_the_spread_show() {
        assert_eq!(digits(&[(1.2345, 0.012)]), Digits::Fixed(3));
        assert_eq!(digits(&[(1.2345, 0.0999)]), Digits::Fixed(3));
        assert_eq!(digits(&[(1.2345, 0.1)]), Digits::Fixed(2));
        assert_eq!(digits(&[(123_456.0, 789.0)]), Digits::Fixed(0));
        // The typical one decides, not one that hardly varied.
        assert_eq!(digits(&[(1.2, 0.012), (1.3, 0.02), (1.4, 0.000_001)]), Digits::Fixed(3));
    }

    #[test]
    fn a_mean_keeps_three_digits_and_has_no_more_than_seven() {
        assert_eq!(digits(&[(1.2345, 5.0)]), Digits::Fixed(2));
        assert_eq!(digits(&[(0.001_234, 0.5)]), Digits::Fixed(5));
        assert_eq!(digits(&[(1.2345, 1e-9)]), Digits::Fixed(6));
        assert_eq!(digits(&[(9_999_999.0, 1e-9)]), Digits::Fixed(0));
    }

    #[test]
    fn without_spread_a_mean_gets_four_digits() {
        assert_eq!(Digits::of(Metric::Mae, &[Summary { n: 1, mean: 12.3, sd: None }]), Digits::Fixed(2));
        assert_eq!(digits(&[(12.3, 0.0)]), Digits::Fixed(2));
        assert_eq!(digits(&[]), Digits::Fixed(4));
        assert_eq!(digits(&[(0.0, 0.0)]), Digits::Fixed(4));
    }

    #[test]
    fn beyond_the_bounds_a_power_of_ten_is_written() {
        assert_eq!(digits(&[(9.99e6, 1e6)]), Digits::Fixed(0));
        assert_eq!(digits(&[(1e7, 1e6)]), Digits::Scientific);
        assert_eq!(digits(&[(1e-5, 1e-6)]), Digits::Fixed(7));
        assert_eq!(digits(&[(9.99e-6, 1e-6)]), Digits::Scientific);
        assert_eq!(Digits::Scientific.number(12_345_678.0), "1.235e7");
        assert_eq!(Digits::Scientific.difference(-0.0), "+0.000e0");
    }

    #[test]
    fn auc_and_accuracy_have_four_decimals() {
        let cells = [Summary { n: 3, mean: 0.9, sd: Some(0.1) }];
        assert_eq!(Digits::of(Metric::Auc, &cells), Digits::Fixed(4));
        assert_eq!(Digits::of(Metric::Accuracy, &cells), Digits::Fixed(4));
        assert_eq!(Digits::of(Metric::LogLoss, &cells), Digits::Fixed(3));
    }

    #[test]
    fn a_difference_has_a_sign_unless_it_rounds_to_zero() {
        let digits = Digits::Fixed(2);
        assert_eq!(digits.difference(0.126), "+0.13");
        assert_eq!(digits.difference(-0.126), "-0.13");
        assert_eq!(digits.difference(-0.001), "+0.00");
        assert_eq!(digits.number(-0.001), "0.00");
        assert_eq!(digits.number(-10.0), "-10.00");
    }
}
