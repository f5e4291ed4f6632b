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

/// The rows of one file. While values of some are told apart, the next are cut.
pub(super) struct Delimited {
    cutter: Cutter,
    /// Columns that are being filled, each with its place in the file.
    cutting: Vec<(usize, Gather)>,
    /// Columns that are full.
    full: Vec<(usize, Gather)>,
    /// What became of those that are being filled; `None` before the first.
    cut: Option<Result<Option<Cut>, DataError>>,
}

/// Cuts records into fields.
struct Cutter {
    path: PathBuf,
    origin: String,
    records: Records,
    header: bool,
    /// Names of all columns.
    columns: Vec<String>,
    rows: u64,
}

/// Some consecutive rows.
struct Cut {
    /// How many there were before them, and how many they are.
    before: u64,
    rows: u64,
    /// Of the file, up to the last of them.
    share: f64,
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
        let gathers = || wanted.iter().map(place).collect::<Result<Vec<_>, _>>();
        let (cutting, full) = (gathers()?, gathers()?);
        let cutter = Cutter { path: path.to_owned(), origin, records, header: reading.header, columns, rows: 0 };
        Ok(Self { cutter, cutting, full, cut: None })
    }
}

impl Cutter {
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

    /// Adds the fields of the next rows to `columns`, each with its place; `None` at the end.
    fn cut(&mut self, columns: &mut [(usize, Gather)]) -> Result<Option<Cut>, DataError> {
        let mut end = PieceEnd::default();
        while !end.reached() {
            if !self.records.advance().map_err(|error| self.records.bytes().fault(error, self.rows + end.rows))? {
                break;
            }
            if self.records.len() != self.columns.len() {
                return Err(self.ragged(self.rows + end.rows + 1));
            }
            end.rows += 1;
            for (place, column) in &mut *columns {
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
        let before = self.rows;
        self.rows += end.rows;
        Ok(Some(Cut { before, rows: end.rows, share: self.records.bytes().share() }))
    }
}

impl Rows for Delimited {
    fn batch(&mut self) -> Result<Option<Batch>, DataError> {
        let Self { cutter, cutting, full, cut: next } = self;
        let Some(cut) = next.take().unwrap_or_else(|| cutter.cut(cutting))? else { return Ok(None) };
        std::mem::swap(cutting, full);
        let mut arrays = Ok(vec![]);
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| arrays = take_all(full));
            *next = Some(cutter.cut(cutting));
        });
        let Cut { before, rows, share } = cut;
        let arrays = arrays.map_err(|(place, value)| broken(&cutter.origin, &cutter.columns[place], before, value))?;
        Ok(Some(Batch { rows, arrays, share, made_of: None }))
    }
}
