//! Columns of categories: text, or whole numbers that are codes.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, Int64Array, StringArray};
use arrow_schema::DataType;
use hashbrown::HashMap;

use crate::error::DataError;
use crate::prepare::numbers::numbers;
use crate::sub_second::{units, units_a_second, written};
use crate::table::Column;

/// Key of a missing value.
pub(crate) const MISSING: u32 = u32::MAX;

/// Some rows of a column of categories, by their distinct values: whatever is done with a value is done once a
/// piece, not once a row.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    /// Index into `values` for each row, or [`MISSING`].
    pub keys: Cow<'a, [u32]>,
    /// Values; some may occur in no row.
    pub values: Values<'a>,
}

/// Distinct values of a column, by key.
#[derive(Debug)]
pub(crate) enum Values<'a> {
    /// Those of a dictionary.
    Array(&'a StringArray),
    /// Others.
    List(Vec<Cow<'a, str>>),
}

impl<'a> Values<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Array(values) => values.len(),
            Self::List(values) => values.len(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|key| self.at(key))
    }

    fn get(&self, key: usize) -> Option<&str> {
        (key < self.len()).then(|| self.at(key))
    }

    fn at(&self, key: usize) -> &str {
        match self {
            Self::Array(values) if values.is_valid(key) => values.value(key),
            Self::Array(_) => "",
            Self::List(values) => &values[key],
        }
    }

    /// A list of them, to be changed.
    pub(crate) fn to_mut(&mut self) -> &mut Vec<Cow<'a, str>> {
        if let Self::Array(values) = *self {
            *self = Self::List(values.iter().map(|value| Cow::Borrowed(value.unwrap_or_default())).collect());
        }
        match self {
            Self::List(values) => values,
            Self::Array(_) => unreachable!("it has become a list"),
        }
    }
}

impl<'a> Words<'a> {
    /// # Errors
    /// When the column holds neither text nor whole numbers, or a number is not whole.
    pub(crate) fn of(column: &Column<'a>) -> Result<Self, DataError> {
        match column.array.data_type() {
            DataType::Dictionary(key, value) if **key == DataType::Int32 && **value == DataType::Utf8 => {
                Ok(Self::of_dictionary(column.array))
            }
            DataType::Utf8 => Ok(Self::of_text(column.array.as_string())),
            kind if kind.is_integer() || units_a_second(kind).is_some() => {
                let codes = units(column.array).map_err(|_| column.type_error(EXPECTED))?;
                Ok(Self::of_codes(&codes, units_a_second(kind).unwrap_or(1)))
            }
            kind if kind.is_floating() => Self::of_whole_numbers(column),
            _ => Err(column.type_error(EXPECTED)),
        }
    }

    /// Of codes of which some are missing, which pandas makes floating point.
    fn of_whole_numbers(column: &Column<'a>) -> Result<Self, DataError> {
        let values = numbers(column)?;
        let is_code = |value: f64| value.is_nan() || (value.fract() == 0.0 && value.abs() <= MOST_CODE);
        if let Some(at) = values.iter().position(|value| !is_code(*value)) {
            return Err(column.value_error(at, values[at].to_string(), WHOLE));
        }
        let codes: Int64Array = values.into_iter().map(|value| (!value.is_nan()).then_some(value as i64)).collect();
        Ok(Self::of_codes(&codes, 1))
    }

    fn of_dictionary(array: &'a dyn Array) -> Self {
        let dictionary = array.as_dictionary::<Int32Type>();
        let values: &StringArray = dictionary.values().as_string();
        let key = |key: Option<i32>| key.filter(|&key| values.is_valid(key as usize)).map_or(MISSING, |key| key as u32);
        let keys = dictionary.keys();
        // Most columns lack no value, and their keys are these.
        let all_there = keys.null_count() == 0 && values.null_count() == 0;
        Self {
            keys: if all_there {
                Cow::Borrowed(bytemuck::cast_slice(keys.values()))
            } else {
                keys.iter().map(key).collect()
            },
            values: Values::Array(values),
        }
    }

    fn of_text(array: &'a StringArray) -> Self {
        let (mut known, mut values) = (HashMap::new(), vec![]);
        let keys = array.iter().map(|value| {
            value.map_or(MISSING, |value| {
                *known.entry(value).or_insert_with(|| {
                    values.push(Cow::Borrowed(value));
                    values.len() as u32 - 1
                })
            })
        });
        Self { keys: keys.collect(), values: Values::List(values) }
    }

    /// Of a value for each row.
    pub(crate) fn each(texts: impl Iterator<Item = Option<String>>) -> Self {
        let mut known = HashMap::new();
        let key = |text: Option<String>| {
            text.map_or(MISSING, |text| {
                let next = known.len() as u32;
                *known.entry(text).or_insert(next)
            })
        };
        let keys = texts.map(key).collect();
        let mut values = vec![Cow::Borrowed(""); known.len()];
        known.into_iter().for_each(|(text, key)| values[key as usize] = Cow::Owned(text));
        Self { keys, values: Values::List(values) }
    }

    /// Whole numbers, or such of units of which a second has so many.
    fn of_codes(array: &Int64Array, a_second: i64) -> Self {
        let (mut known, mut values) = (HashMap::new(), vec![]);
        let keys = array.iter().map(|value| {
            value.map_or(MISSING, |value| {
                *known.entry(value).or_insert_with(|| {
                    values.push(Cow::Owned(written(value, a_second)));
                    values.len() as u32 - 1
                })
            })
        });
        Self { keys: keys.collect(), values: Values::List(values) }
    }

    /// Also of numbers that are no codes.
    ///
    /// # Errors
    /// When the column holds neither text nor numbers.
    pub(crate) fn of_any(column: &Column<'a>) -> Result<Self, DataError> {
        if column.array.data_type().is_floating() { Self::of_numbers(column) } else { Self::of(column) }
    }

    /// Numbers by their bits' shortest text.
    ///
    /// # Errors
    /// When the column does not hold numbers.
    pub(crate) fn of_numbers(column: &Column<'a>) -> Result<Self, DataError> {
        let (mut known, mut values) = (HashMap::new(), vec![]);
        let keys = numbers(column)?.into_iter().map(|value| {
            if value.is_nan() {
                return MISSING;
            }
            *known.entry(value.to_bits()).or_insert_with(|| {
                values.push(Cow::Owned(value.to_string()));
                values.len() as u32 - 1
            })
        });
        Ok(Self { keys: keys.collect(), values: Values::List(values) })
    }

    /// The value of one row.
    pub(crate) fn row(&self, at: usize) -> Option<&str> {
        self.values.get(self.keys[at] as usize)
    }

    /// How often each value occurs among rows for which `counted` holds.
    pub(crate) fn counts(&self, counted: impl Fn(usize) -> bool) -> Vec<u64> {
        let mut counts = vec![0; self.values.len()];
        for (at, &key) in self.keys.iter().enumerate() {
            if key != MISSING && counted(at) {
                counts[key as usize] += 1;
            }
        }
        counts
    }
}

const EXPECTED: &str = "text or whole numbers";
const WHOLE: &str =
    "text or a whole number of at most 53 bits; as a field, other numbers are `numeric`, with `bins` for an id each";
/// Beyond it neighbours are the same number.
const MOST_CODE: f64 = (1_u64 << 53) as f64;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, RecordBatch};

    use super::*;
    use crate::table::Piece;

    fn piece(values: Vec<Option<f64>>) -> Piece {
        let array: ArrayRef = Arc::new(Float64Array::from(values));
        Piece::whole("memory", RecordBatch::try_from_iter([("x", array)]).unwrap())
    }

    #[test]
    fn codes_that_became_floating_point_are_their_digits() {
        let piece = piece(vec![Some(12.0), None, Some(f64::NAN), Some(-0.0), Some(12.0), Some(MOST_CODE)]);
        let words = Words::of(&piece.column("x").unwrap()).unwrap();
        let rows: Vec<_> = (0..6).map(|at| words.row(at)).collect();
        assert_eq!(rows, [Some("12"), None, None, Some("0"), Some("12"), Some("9007199254740992")]);
    }

    #[test]
    fn numbers_that_are_no_codes_are_refused_with_their_row() {
        for (value, shown) in [(0.5, "0.5"), (MOST_CODE + 2.0, "9007199254740994")] {
            let piece = piece(vec![Some(1.0), Some(value)]);
            let error = Words::of(&piece.column("x").unwrap()).unwrap_err().to_string();
            assert_eq!(
                error,
                format!(
                    "row 2 of `memory`: column `x` is {shown}, expected text or a whole number of at most 53 bits; as a field, \
                     other numbers are `numeric`, with `bins` for an id each"
                )
            );
        }
    }
}
