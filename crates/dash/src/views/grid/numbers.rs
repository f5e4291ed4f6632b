//! How numbers are written, all of one heat map alike so that they can be compared by eye.

use mmtl_metrics::Metric;

/// The digits of a heat map's numbers. They follow the means alone: with those of tables, which follow the spread, all
/// numbers would change their length while scores come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    decimals: usize,
}

/// Significant digits of a typical number.
const SIGNIFICANT: i32 = 4;
/// From here on, and below its inverse, a number is written with a power of ten: one run that diverged must not widen
/// all columns.
const LARGE: f64 = 1e6;

impl Digits {
    /// The digits for such means.
    pub fn of(metric: Metric, means: impl Iterator<Item = f64>) -> Self {
        let decimals = if metric.is_share() {
            // On a scale from 0 to 1 four decimals are what papers print.
            4
        } else {
            let mut sizes: Vec<f64> = means.map(f64::abs).filter(|mean| (1e-6..LARGE).contains(mean)).collect();
            sizes.sort_unstable_by(f64::total_cmp);
            let typical = sizes.get(sizes.len() / 2).map_or(0, |mean| mean.log10().floor() as i32);
            (SIGNIFICANT - 1 - typical).clamp(0, 7) as usize
        };
        Self { decimals }
    }

    /// A number.
    pub fn number(self, value: f64) -> String {
        let size = value.abs();
        if size >= LARGE || (size > 0.0 && size < 1.0 / LARGE) {
            return format!("{value:.1e}");
        }
        let number = format!("{value:.*}", self.decimals);
        // A number that rounds to zero has no sign.
        let is_zero = number.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
        if is_zero { number.trim_start_matches('-').to_owned() } else { number }
    }

    /// A difference, with its sign.
    pub fn difference(self, value: f64) -> String {
        let number = self.number(value);
        if number.starts_with('-') { number } else { format!("+{number}") }
    }

    /// A spread, as in `±.0021`: the zero that all of them begin with is left out.
    pub fn spread(self, sd: f64) -> String {
        let number = self.number(sd);
        format!("±{}", number.strip_prefix('0').filter(|rest| rest.starts_with('.')).unwrap_or(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auc_has_four_decimals_and_an_error_four_digits() {
        assert_eq!(Digits::of(Metric::Auc, [0.9].into_iter()).number(0.81234), "0.8123");
        let digits = Digits::of(Metric::Mse, [102.3, 105.0, 1e300].into_iter());
        assert_eq!([digits.number(103.26), digits.number(1e300)], ["103.3", "1.0e300"]);
        assert_eq!(Digits::of(Metric::Mae, [].into_iter()).number(1.0), "1.000");
    }

    #[test]
    fn differences_have_signs_and_spreads_no_leading_zero() {
        let digits = Digits { decimals: 2 };
        assert_eq!([0.126, -0.126, -0.001].map(|value| digits.difference(value)), ["+0.13", "-0.13", "+0.00"]);
        assert_eq!([0.021, 1.5, 0.0].map(|sd| digits.spread(sd)), ["±.02", "±1.50", "±.00"]);
    }
}
