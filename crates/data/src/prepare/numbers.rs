//! Columns of numbers.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use crate::error::DataError;
use crate::table::Column;

/// The values of a column; NaN where missing.
///
/// # Errors
/// When the column does not hold numbers, or one is infinite.
pub(crate) fn numbers(column: &Column) -> Result<Vec<f64>, DataError> {
    if !column.array.data_type().is_numeric() {
        return Err(column.type_error("numbers"));
    }
    let values = cast(column.array, &DataType::Float64).map_err(|_| column.type_error("numbers"))?;
    let values: Vec<f64> = values.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)).collect();
    match values.iter().position(|value| value.is_infinite()) {
        Some(at) => Err(column.value_error(at, values[at].to_string(), "a finite number")),
        None => Ok(values),
    }
}

/// The texts of a column.
///
/// # Errors
/// When the column does not hold text.
pub(crate) fn texts<'a>(column: &Column<'a>) -> Result<&'a arrow::array::StringArray, DataError> {
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
    Ok((0..column.array.len()).map(|at| column.array.is_null(at)).collect())
}
