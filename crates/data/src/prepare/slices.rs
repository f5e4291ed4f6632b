//! Membership of slices.

use arrow::array::Array;

use crate::card::{SliceCard, SliceTest};
use crate::error::DataError;
use crate::prepare::numbers::{missing, numbers, texts};
use crate::prepare::text::word_count;
use crate::table::Piece;

/// Whether each row of a piece belongs to a slice.
///
/// # Errors
/// When the column is not there or is of another type.
pub(crate) fn members(slice: &SliceCard, piece: &Piece) -> Result<Vec<bool>, DataError> {
    let column = piece.column(slice.column)?;
    match slice.test {
        // Comparisons with NaN, a missing number, are false.
        SliceTest::Below(bound) => Ok(numbers(&column)?.iter().map(|value| *value < bound).collect()),
        SliceTest::AtLeast(bound) => Ok(numbers(&column)?.iter().map(|value| *value >= bound).collect()),
        SliceTest::Missing => missing(&column),
        SliceTest::WordsAtLeast(words) => {
            let texts = texts(&column)?;
            Ok((0..texts.len()).map(|at| texts.is_valid(at) && word_count(texts.value(at)) >= words).collect())
        }
    }
}
