//! Amounts for people.

use thousands::Separable;

/// Bytes, as in `512 MiB` and `3.2 GiB`.
pub fn bytes(bytes: u64) -> String {
    const KIB: f64 = 1024.0;
    let mib = bytes as f64 / KIB / KIB;
    match mib / KIB {
        gib if gib >= 1000.0 => format!("{:.1} TiB", gib / KIB),
        gib if gib >= 100.0 => format!("{gib:.0} GiB"),
        gib if gib >= 1.0 => format!("{gib:.1} GiB"),
        _ => format!("{mib:.0} MiB"),
    }
}

/// A rate in at least two digits, as in `3.2` and `12,345`.
pub fn rate(rate: f64) -> String {
    if !rate.is_finite() {
        return "–".to_owned();
    }
    if rate.abs() < 100.0 { format!("{rate:.1}") } else { (rate.round() as i64).separate_with_commas() }
}

/// A share, as in `61 %`.
pub fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.0} %", share * 100.0) } else { "–".to_owned() }
}

/// As [`percent`], for shares that may be small, as in `0.05 %`.
pub fn small_percent(share: f64) -> String {
    if share > 0.0 && share < 0.1 { format!("{:.2} %", share * 100.0) } else { percent(share) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_few_digits() {
        let of = [0, 512 << 20, 3_435_973_837, 139 << 30, 2 << 40].map(bytes);
        assert_eq!(of, ["0 MiB", "512 MiB", "3.2 GiB", "139 GiB", "2.0 TiB"]);
        assert_eq!([0.04, 3.21, 99.94, 12_345.6, f64::NAN].map(rate), ["0.0", "3.2", "99.9", "12,346", "–"]);
        assert_eq!([0.0, 0.000_54, 0.0999, 0.1].map(small_percent), ["0 %", "0.05 %", "9.99 %", "10 %"]);
        assert_eq!([0.0, 0.614, 1.0, f64::INFINITY].map(percent), ["0 %", "61 %", "100 %", "–"]);
    }
}
