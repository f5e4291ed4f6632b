//! How numbers are written where there is no table of them.

use mmtl_metrics::Metric;

/// A value with four decimals; with a power of ten where that would show too few or too many digits.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (0.001..100_000.0).contains(&size) { decimals(value) } else { format!("{value:.3e}") }
}

/// A metric's value: on a scale from 0 to 1 four decimals are what papers print, however small it is.
pub fn score(metric: Metric, value: f64) -> String {
    if metric.is_share() { decimals(value) } else { number(value) }
}

fn decimals(value: f64) -> String {
    let written = format!("{value:.4}");
    if written == "-0.0000" { "0.0000".to_owned() } else { written }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits_or_so() {
        let of = [0.0, 0.6543, 12.345_67, -0.001, 0.000_999, 123_456.0].map(number);
        assert_eq!(of, ["0.0000", "0.6543", "12.3457", "-0.0010", "9.990e-4", "1.235e5"]);
        assert_eq!(score(Metric::Auc, 0.000_01), "0.0000");
        assert_eq!(score(Metric::Accuracy, -0.000_01), "0.0000");
        assert_eq!(score(Metric::Mse, 0.000_01), "1.000e-5");
    }
}
