//! Columns that have a type of their own become what is wanted.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, ListArray, StringArray};
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};

use crate::error::DataError;
use crate::read::gather::{Broken, Cleaning, Gather};
use crate::read::reading::{Shape, Wanted};
use crate::read::rows::broken;
use crate::sub_second::{units_a_second, units_of, written};

/// Why a column cannot become what is wanted.
pub(super) enum Fault {
    /// Its type.
    Type { got: String, expected: &'static str },
    /// One of its values.
    Text(Broken),
}

impl Fault {
    /// The error for a column of the rows after `rows`.
    pub(super) fn error(self, origin: &str, column: &str, rows: u64) -> DataError {
        match self {
            Self::Type { got, expected } => {
                DataError::ColumnType { origin: origin.to_owned(), column: column.to_owned(), got, expected }
            }
            Self::Text(value) => broken(origin, column, rows, value),
        }
    }
}

/// A column as it is wanted. Truth values become 0 and 1, times of a day and durations seconds, decimals floating point or
/// all their digits, dates and times `Timestamp`; they and numbers stay so where values are wanted, and are written out as numbers where text
/// is.
pub(super) fn shaped(array: &ArrayRef, wanted: &Wanted, cleaning: &Cleaning) -> Result<ArrayRef, Fault> {
    let elements = match array.data_type() {
        DataType::List(_) => Some(array.clone()),
        DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field)
        | DataType::LargeListView(field) => Some(recast(array, &DataType::List(field.clone()))?),
        _ => None,
    };
    match (elements, wanted.shape) {
        (Some(lists), Shape::List) => list(lists.as_list(), wanted, cleaning),
        (Some(_), Shape::Value | Shape::Text) => Err(unfit(array, "one value a row")),
        (None, _) => {
            let plain = plain(array)?;
            match (plain.data_type(), wanted.shape) {
                (DataType::Utf8 | DataType::Dictionary(..), _) => gathered(&plain, wanted, cleaning),
                (_, Shape::Value) => Ok(plain),
                (_, Shape::List) => gathered(&words(&plain)?, wanted, cleaning),
                (_, Shape::Text) => gathered(&text(&plain)?, wanted, cleaning),
            }
        }
    }
}

fn unfit(array: &ArrayRef, expected: &'static str) -> Fault {
    let got = match array.data_type() {
        kind if kind.is_nested() => {
            format!("{} (nested values)", kind.to_string().chars().take(40).collect::<String>())
        }
        kind => kind.to_string(),
    };
    Fault::Type { got, expected }
}

fn recast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Fault> {
    cast(array, to).map_err(|_| unfit(array, ANY))
}

const ANY: &str = "numbers, truth values, texts, dates, times, or lists of them";

/// `Int64`, `Float64`, `Timestamp`, `Duration`, `Utf8`, or `Dictionary<Int32, Utf8>`.
fn plain(array: &ArrayRef) -> Result<ArrayRef, Fault> {
    use DataType as T;
    match array.data_type() {
        T::Int64 | T::Float64 | T::Utf8 => Ok(array.clone()),
        T::Dictionary(key, value) if **key == T::Int32 && **value == T::Utf8 => Ok(array.clone()),
        T::Dictionary(_, value) => plain(&recast(array, value)?),
        T::Boolean | T::Int8 | T::Int16 | T::Int32 | T::UInt8 | T::UInt16 | T::UInt32 => recast(array, &T::Int64),
        // Ids that are hashes do not fit whole numbers with a sign.
        T::UInt64 | T::LargeUtf8 | T::Utf8View | T::Null => recast(array, &T::Utf8),
        T::Float16 | T::Float32 => recast(array, &T::Float64),
        T::Decimal32(precision, scale)
        | T::Decimal64(precision, scale)
        | T::Decimal128(precision, scale)
        | T::Decimal256(precision, scale) => recast(array, &of_decimals(*precision, *scale)),
        T::Date32 | T::Date64 => plain(&recast(array, &T::Timestamp(TimeUnit::Millisecond, None))?),
        T::Timestamp(unit, _) => match whole_seconds(array, *unit)? {
            Some(seconds) => recast(&seconds, &T::Timestamp(TimeUnit::Second, None)),
            None => recast(array, &T::Timestamp(*unit, None)),
        },
        T::Time32(unit) | T::Time64(unit) | T::Duration(unit) => match whole_seconds(array, *unit)? {
            Some(seconds) => Ok(seconds),
            None => recast(&counted(array)?, &T::Duration(*unit)),
        },
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => utf8(array),
        T::Interval(_)
        | T::List(_)
        | T::LargeList(_)
        | T::FixedSizeList(..)
        | T::ListView(_)
        | T::LargeListView(_)
        | T::Struct(_)
        | T::Union(..)
        | T::Map(..)
        | T::RunEndEncoded(..) => Err(unfit(array, ANY)),
    }
}

/// What decimals become: whole numbers of more digits than floating point has may be ids, of which each digit counts.
fn of_decimals(precision: u8, scale: i8) -> DataType {
    match (precision, scale) {
        (..=15, _) | (_, ..=-1 | 1..) => DataType::Float64,
        (16..=18, 0) => DataType::Int64,
        (19.., 0) => DataType::Utf8,
    }
}

/// Seconds, where all are whole. Others keep their unit: a number is not read by its neighbours, so values are the same
/// whichever rows a piece has.
fn whole_seconds(array: &ArrayRef, unit: TimeUnit) -> Result<Option<ArrayRef>, Fault> {
    let (units, a_second) = (counted(array)?, units_of(unit));
    let units = units.as_primitive::<Int64Type>();
    if a_second > 1 && units.iter().flatten().any(|units| units % a_second != 0) {
        return Ok(None);
    }
    let seconds: Int64Array = units.unary(|units| units / a_second);
    Ok(Some(Arc::new(seconds)))
}

/// The numbers of a column of times or spans.
fn counted(array: &ArrayRef) -> Result<ArrayRef, Fault> {
    match array.data_type() {
        DataType::Time32(_) => recast(&recast(array, &DataType::Int32)?, &DataType::Int64),
        _ => recast(array, &DataType::Int64),
    }
}

/// Text that its writer has not declared to be any.
fn utf8(array: &ArrayRef) -> Result<ArrayRef, Fault> {
    // Bytes that are no text become nulls.
    let texts = recast(&recast(array, &DataType::Binary)?, &DataType::Utf8)?;
    let lost = (0..array.len()).find(|&at| array.is_valid(at) && texts.is_null(at));
    lost.map_or(Ok(texts), |at| Err(Fault::Text(Broken { at, value: "of bytes".into() })))
}

fn text(array: &ArrayRef) -> Result<ArrayRef, Fault> {
    let Some(a_second) = units_a_second(array.data_type()) else { return recast(array, &DataType::Utf8) };
    let units = counted(array)?;
    let texts = units.as_primitive::<Int64Type>().iter().map(|units| units.map(|units| written(units, a_second)));
    Ok(Arc::new(texts.collect::<StringArray>()))
}

/// Texts of the elements of lists. Whole numbers in floating point, which pandas makes of codes where some are missing, are
/// written as those of a column without lists are, with which they may share ids; what is no number is missing.
fn words(array: &ArrayRef) -> Result<ArrayRef, Fault> {
    match array.data_type() {
        DataType::Utf8 => Ok(array.clone()),
        DataType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>().iter();
            let texts = text(array)?;
            let word = |(number, text): (Option<f64>, Option<&'_ str>)| {
                number.filter(|number| !number.is_nan())?;
                text.map(|text| text.strip_suffix(".0").unwrap_or(text).to_owned())
            };
            Ok(Arc::new(numbers.zip(texts.as_string::<i32>()).map(word).collect::<StringArray>()))
        }
        _ => text(array),
    }
}

/// Texts, cleaned and in their shape.
fn gathered(texts: &ArrayRef, wanted: &Wanted, cleaning: &Cleaning) -> Result<ArrayRef, Fault> {
    let mut column = Gather::new(wanted, cleaning);
    if let Some(dictionary) = texts.as_dictionary_opt::<Int32Type>() {
        let values = dictionary.values().as_string::<i32>();
        for key in dictionary.keys() {
            match key.map(|key| key as usize).filter(|&key| values.is_valid(key)) {
                Some(key) => column.push(values.value(key).as_bytes()),
                None => column.push_missing(),
            }
        }
    } else {
        for text in texts.as_string::<i32>() {
            match text {
                Some(text) => column.push(text.as_bytes()),
                None => column.push_missing(),
            }
        }
    }
    column.take().map_err(Fault::Text)
}

fn list(lists: &ListArray, wanted: &Wanted, cleaning: &Cleaning) -> Result<ArrayRef, Fault> {
    let elements = words(&plain(lists.values())?)?;
    let (elements, offsets) = (elements.as_string::<i32>(), lists.value_offsets());
    let mut column = Gather::new(wanted, cleaning);
    for at in 0..lists.len() {
        if lists.is_null(at) {
            column.push_missing();
            continue;
        }
        for element in offsets[at]..offsets[at + 1] {
            if elements.is_valid(element as usize) {
                column.push_element(elements.value(element as usize).as_bytes());
            }
        }
        column.end_list();
    }
    column.take().map_err(Fault::Text)
}
