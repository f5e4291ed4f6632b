//! Delimited text: CSV, TSV and the like.

use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::read::gather::{Cleaning, Gather, take_all};
use crate::read::piece_end::PieceEnd;
use crate::read::reading::{Reading, Wanted};
use crate::read::records::Records;
use crate::read::rows::{Batch, Rows, broken};
use crate::table::missing_column;

/// The names of a file's columns.
///
/// # Errors
/// When the file cannot be read, is empty, or has no header where one is needed or a bad one.
pub(super) fn columns(path: &Path, reading: &Reading, table: &str) -> Result<Vec<String>, DataError> {
    begin(path, reading, table).map(|(_, columns)| columns)
}

/// A file's records after the header, and the names of its columns.
fn begin(path: &Path, reading: &Reading, table: &str) -> Result<(Records, Vec<String>), DataError> {
    let dialect = reading.dialect(reading.format_of(path), table)?;
    let mut records = Records::open(path, &dialect, reading.encoding)?;
    let origin = path.display().to_string();
    if !reading.header {
        let Some(columns) = &reading.columns else {
            return Err(DataError::BadHeader {
                origin,
                fault: "is said to be missing".into(),
                expected: "`columns`, a name for each column".into(),
            });
        };
        return Ok((records, columns.clone()));
    }
    if !records.advance().map_err(|error| records.bytes().fault(error, 0))? {
        return Err(DataError::EmptyFile { path: path.to_owned(), expected: "a header" });
    }
    if let Some(columns) = &reading.columns {
        if columns.len() != records.len() {
            let fault = format!("has {} fields", records.len());
            let expected = format!("{}, as many as `columns` has names", columns.len());
            return Err(DataError::BadHeader { origin, fault, expected });
        }
        return Ok((records, columns.clone()));
    }
    let columns = names(&records, reading.typed_header).map_err(|field| {
        let fault = format!("has {:?} in place {}", String::from_utf8_lossy(records.field(field)), field + 1);
        let expected = "UTF-8 text, or `encoding = \"latin-1\"` in the card's `[read]`".into();
        DataError::BadHeader { origin: origin.clone(), fault, expected }
    })?;
    for (at, name) in columns.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        if let Some(first) = columns[..at].iter().position(|other| other == name) {
            let fault = format!("has `{name}` in places {} and {}", first + 1, at + 1);
            let expected = "each name once; `columns` in the card's `[read]` gives other names".into();
            return Err(DataError::BadHeader { origin, fault, expected });
        }
    }
    Ok((records, columns))
}

/// The fields of the header; `Err`: which one is no text.
fn names(header: &Records, typed: bool) -> Result<Vec<String>, usize> {
    let name = |at: usize| {
        let cell = std::str::from_utf8(header.field(at)).map_err(|_| at)?;
        let name = if typed { cell.rsplit_once(':').map_or(cell, |(name, _)| name) } else { cell };
        Ok(name.trim().to_owned())
    };
    (0..header.len()).map(name).collect()
}

/// The rows of one file.
pub(super) struct Delimited {
    path: PathBuf,
    origin: String,
    records: Records,
    header: bool,
    /// Names of all columns.
    columns: Vec<String>,
    /// The place of each column wanted, and the column.
    wanted: Vec<(usize, Gather)>,
    rows: u64,
}

impl Delimited {
    /// # Errors
    /// When the file cannot be read, or lacks a column.
    pub(super) fn open(path: &Path, reading: &Reading, wanted: &[Wanted], table: &str) -> Result<Self, DataError> {
        let (records, columns) = begin(path, reading, table)?;
        let (origin, cleaning) = (path.display().to_string(), Cleaning::new(reading));
        let place = |wanted: &Wanted| match columns.iter().position(|name| *name == wanted.name) {
            Some(place) => Ok((place, Gather::new(wanted, &cleaning))),
            None => Err(missing_column(&origin, &wanted.name, columns.clone())),
        };
        let wanted = wanted.iter().map(place).collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), origin, records, header: reading.header, columns, wanted, rows: 0 })
    }

    fn ragged(&self, row: u64) -> DataError {
        let several_lines = (0..self.records.len()).any(|at| self.records.field(at).contains(&b'\n'));
        let hint = match (several_lines, row) {
            (true, _) => "; one of them holds several lines: is a quote never closed?",
            (false, 1) => "; is the `delimiter` another one?",
            (false, _) => "",
        };
        let (origin, got, expected) = (self.origin.clone(), self.records.len(), self.columns.len());
        DataError::RaggedRow { origin, row, got, expected, hint }
    }
}

impl Rows for Delimited {
    fn batch(&mut self) -> Result<Option<Batch>, DataError> {
        let mut end = PieceEnd::default();
        while !end.reached() {
            if !self.records.advance().map_err(|error| self.records.bytes().fault(error, self.rows + end.rows))? {
                break;
            }
            if self.records.len() != self.columns.len() {
                return Err(self.ragged(self.rows + end.rows + 1));
            }
            end.rows += 1;
            for (place, column) in &mut self.wanted {
                let field = self.records.field(*place);
                end.bytes += field.len();
                column.push(field);
            }
        }
        if end.rows == 0 {
            return match self.rows {
                0 if !self.header => Err(DataError::EmptyFile { path: self.path.clone(), expected: "rows" }),
                _ => Ok(None),
            };
        }
        let arrays = take_all(&mut self.wanted);
        let arrays = arrays.map_err(|(place, value)| broken(&self.origin, &self.columns[place], self.rows, value))?;
        self.rows += end.rows;
        Ok(Some(Batch { rows: end.rows, arrays, share: self.records.bytes().share(), made_of: None }))
    }
}
