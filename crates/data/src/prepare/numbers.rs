//! Columns of numbers.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_cast::cast;
use arrow_schema::DataType;

use crate::error::DataError;
use crate::prepare::words::Words;
use crate::sub_second::{in_seconds, units, units_a_second};
use crate::table::Column;

/// Whether a type is that of text.
pub(crate) fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 => true,
        DataType::Dictionary(_, value) => **value == DataType::Utf8,
        _ => false,
    }
}

/// The values of a column; NaN where missing. Text is read as numbers, `true` and `false` as 1 and 0, moments as seconds.
///
/// # Errors
/// When the column does not hold numbers, or one is infinite.
pub(crate) fn numbers(column: &Column) -> Result<Vec<f64>, DataError> {
    if is_text(column.array.data_type()) {
        return numbers_of_text(column);
    }
    let kind = column.array.data_type();
    if let Some(a_second) = units_a_second(kind) {
        let units = units(column.array).map_err(|_| column.type_error("numbers"))?;
        return Ok(units.iter().map(|units| units.map_or(f64::NAN, |units| in_seconds(units, a_second))).collect());
    }
    if !kind.is_numeric() && *kind != DataType::Boolean {
        return Err(column.type_error("numbers"));
    }
    let values = cast(column.array, &DataType::Float64).map_err(|_| column.type_error("numbers"))?;
    let values: Vec<f64> = values.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)).collect();
    match values.iter().position(|value| value.is_infinite()) {
        Some(at) => Err(column.value_error(at, values[at].to_string(), "a finite number")),
        None => Ok(values),
    }
}

/// Each distinct text is read once.
fn numbers_of_text(column: &Column) -> Result<Vec<f64>, DataError> {
    let words = Words::of(column)?;
    let of_word: Vec<Option<f64>> = words.values.iter().map(number).collect();
    let value = |(at, key): (usize, &u32)| match of_word.get(*key as usize) {
        None => Ok(f64::NAN),
        Some(Some(value)) => Ok(*value),
        Some(None) => Err(column.value_error(at, words.row(at).unwrap_or_default().to_owned(), "a number")),
    };
    words.keys.iter().enumerate().map(value).collect()
}

fn number(word: &str) -> Option<f64> {
    match word {
        "true" | "True" | "TRUE" => Some(1.0),
        "false" | "False" | "FALSE" => Some(0.0),
        _ => word.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

/// The texts of a column.
///
/// # Errors
/// When the column does not hold text.
pub(crate) fn texts<'a>(column: &Column<'a>) -> Result<&'a arrow_array::StringArray, DataError> {
    column.array.as_string_opt::<i32>().ok_or_else(|| column.type_error("text"))
}

/// Which values of a column are missing: null, or not a number.
///
/// # Errors
/// When the column holds numbers of which one is infinite.
pub(crate) fn missing(column: &Column) -> Result<Vec<bool>, DataError> {
    if column.array.data_type().is_floating() {
        return Ok(numbers(column)?.iter().map(|value| value.is_nan()).collect());
    }
    Ok(match column.array.nulls() {
        Some(nulls) => nulls.iter().map(|is_there| !is_there).collect(),
        None => vec![false; column.array.len()],
    })
}
