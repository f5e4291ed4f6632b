//! Membership of slices.

use crate::card::SliceCard;
use crate::error::DataError;
use crate::table::Piece;

/// Whether each row of a piece belongs to a slice. One that a missing value leaves open does not.
///
/// # Errors
/// When a column is not there or is of another type.
pub(crate) fn members(slice: &SliceCard, piece: &Piece) -> Result<Vec<bool>, DataError> {
    Ok(slice.test.of(piece)?.into_iter().map(|truth| truth == Some(true)).collect())
}
