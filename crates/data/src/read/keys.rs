//! Keys of joins, as texts.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, StringArray};

use crate::sub_second::{units, units_a_second, written};

/// Each distinct key of a column once.
pub(super) fn keys(array: &ArrayRef) -> DictionaryArray<Int32Type> {
    if let Some(keys) = array.as_dictionary_opt::<Int32Type>() {
        return keys.clone();
    }
    let texts = if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
        // Whole numbers of which some are missing have become floating point when pandas has written them: 12.0 is 12.
        numbers.iter().map(|n| n.map(|n| n.to_string())).collect::<StringArray>()
    } else {
        let a_second = units_a_second(array.data_type()).unwrap_or(1);
        let units = units(array).expect("moments and spans are whole numbers of their units");
        units.iter().map(|units| units.map(|units| written(units, a_second))).collect::<StringArray>()
    };
    texts.iter().collect()
}

/// The key of each row.
pub(super) fn texts(keys: &DictionaryArray<Int32Type>) -> impl Iterator<Item = Option<&str>> {
    let values = keys.values().as_string::<i32>();
    let value = |key: i32| values.is_valid(key as usize).then(|| values.value(key as usize));
    keys.keys().iter().map(move |key| key.and_then(value))
}

/// The whole number that a text is once pandas has written it as floating point: `12` of `12.0`. `007` is no number.
pub(super) fn whole(text: &str) -> Option<&str> {
    let (number, zeros) = text.split_once('.')?;
    let digits = number.strip_prefix('-').unwrap_or(number);
    let is_whole = !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0');
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty();
    let is_plain = number == "0" || !digits.starts_with('0');
    (is_whole && is_number && is_plain).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_those_that_pandas_writes_as_floating_point() {
        for (text, expected) in [
            ("12.0", Some("12")),
            ("12.00", Some("12")),
            ("-3.0", Some("-3")),
            ("0.0", Some("0")),
            ("12", None),
            ("12.", None),
            ("12.5", None),
            ("007.0", None),
            ("-0.0", None),
            (".0", None),
            ("1.0.0", None),
            ("v1.0", None),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
    }
}
