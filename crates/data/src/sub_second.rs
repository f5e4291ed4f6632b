//! Columns of moments and of spans of time, in whatever unit they are counted: what lies below a second is kept.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, TimeUnit};

/// How many of its units a second has, of a column of moments (`Timestamp`) or spans (`Duration`); `None` of others.
pub(crate) fn units_a_second(kind: &DataType) -> Option<i64> {
    match kind {
        DataType::Timestamp(unit, None) | DataType::Duration(unit) => Some(units_of(*unit)),
        _ => None,
    }
}

pub(crate) fn units_of(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// The numbers of a column of moments or spans.
///
/// # Errors
/// When it is of another type.
pub(crate) fn units(array: &dyn Array) -> Result<Int64Array, ArrowError> {
    cast(array, &DataType::Int64).map(|units| units.as_primitive::<Int64Type>().clone())
}

/// Units as seconds. In one number of nanoseconds the last bits of whole seconds would be lost.
pub(crate) fn in_seconds(units: i64, a_second: i64) -> f64 {
    (units / a_second) as f64 + (units % a_second) as f64 / a_second as f64
}

/// Units as seconds, written with the digits that they have: whole seconds alike in every unit.
pub(crate) fn written(units: i64, a_second: i64) -> String {
    let (whole, rest) = (units / a_second, (units % a_second).unsigned_abs());
    if rest == 0 {
        return whole.to_string();
    }
    let (sign, digits) = (if units < 0 { "-" } else { "" }, a_second.ilog10() as usize);
    let rest = format!("{rest:0digits$}");
    format!("{sign}{}.{}", whole.unsigned_abs(), rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_written_as_the_seconds_they_are() {
        for (units, a_second, text) in [
            (1_717_243_200, 1, "1717243200"),
            (1_717_243_200_000, 1_000, "1717243200"),
            (1_717_243_200_250, 1_000, "1717243200.25"),
            (1_717_243_200_000_001, 1_000_000, "1717243200.000001"),
            (-1, 1_000, "-0.001"),
            (-1_500_000_000, 1_000_000_000, "-1.5"),
            (i64::MIN, 1_000_000_000, "-9223372036.854775808"),
            (0, 1_000, "0"),
        ] {
            assert_eq!(written(units, a_second), text);
            assert_eq!(in_seconds(units, a_second), text.parse::<f64>().unwrap(), "{text}");
        }
    }
}
