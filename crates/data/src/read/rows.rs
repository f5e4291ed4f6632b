//! The rows of one file, whatever its format.

use std::path::Path;

use arrow_array::ArrayRef;

use crate::error::DataError;
use crate::read::delimited::{self, Delimited};
use crate::read::explode::{self, Exploded};
use crate::read::gather::Broken;
use crate::read::json_lines::{self, JsonLines};
use crate::read::parquet_rows::{self, ParquetRows};
use crate::read::reading::{Format, Reading, Wanted};

/// Some consecutive rows of a file.
pub(super) struct Batch {
    /// Number of rows, at least one.
    pub rows: u64,
    /// One for each column wanted.
    pub arrays: Vec<ArrayRef>,
    /// Share of the file up to the last row.
    pub share: f64,
    /// The row of the file that each was made of, from 0; `None` where each is one.
    pub made_of: Option<Vec<u64>>,
}

/// The rows of one file, from front to back.
pub(super) trait Rows {
    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read or is not what its format demands.
    fn batch(&mut self) -> Result<Option<Batch>, DataError>;
}

/// The rows of a file of the table that errors call `[table]`.
///
/// # Errors
/// When the file cannot be read, or lacks a column.
pub(super) fn rows(path: &Path, reading: &Reading, wanted: &[Wanted], table: &str) -> Result<Box<dyn Rows>, DataError> {
    if let Some(explode) = &reading.explode {
        let (real, places) = explode::read(explode, wanted);
        let inner = rows_of_file(path, reading, &real, table)?;
        return Ok(Box::new(Exploded::new(inner, path, reading, explode, places, real.len())));
    }
    rows_of_file(path, reading, wanted, table)
}

fn rows_of_file(path: &Path, reading: &Reading, wanted: &[Wanted], table: &str) -> Result<Box<dyn Rows>, DataError> {
    Ok(match reading.format_of(path) {
        Format::Csv | Format::Tsv => Box::new(Delimited::open(path, reading, wanted, table)?),
        Format::JsonLines => Box::new(JsonLines::open(path, reading, wanted)?),
        Format::Parquet => Box::new(ParquetRows::open(path, reading, wanted)?),
    })
}

/// The names of a file's columns.
///
/// # Errors
/// When the file cannot be read or has no header that can be used.
pub(super) fn columns(path: &Path, reading: &Reading, table: &str) -> Result<Vec<String>, DataError> {
    let columns = match reading.format_of(path) {
        Format::Csv | Format::Tsv => delimited::columns(path, reading, table),
        Format::JsonLines => json_lines::columns(path, reading),
        Format::Parquet => parquet_rows::columns(path, reading),
    }?;
    match &reading.explode {
        Some(explode) => explode::columns(path, explode, columns),
        None => Ok(columns),
    }
}

/// The error for a value of the rows after `rows` that is no text.
pub(super) fn broken(origin: &str, column: &str, rows: u64, broken: Broken) -> DataError {
    DataError::BrokenText {
        origin: origin.to_owned(),
        row: rows + broken.at as u64 + 1,
        column: column.to_owned(),
        value: broken.value,
    }
}
