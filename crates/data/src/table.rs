//! A table of raw columns that can be read from front to back, any number of times.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::DataType;
use mmtl_plan::nearest;

use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// What [`Table::scan`] hands its rows to.
pub type EachPiece<'a> = &'a mut dyn FnMut(&Piece) -> Result<(), DataError>;

/// A table of raw columns.
pub trait Table: Send + Sync {
    /// Number of rows, where it is known before they are read.
    fn rows(&self) -> Option<u64>;

    /// Adds all that decides the contents.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn contents(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError>;

    /// Hands all rows to `each`, some thousand at a time, in order.
    ///
    /// # Errors
    /// When a file cannot be read, and whatever `each` returns.
    fn scan(&self, each: EachPiece) -> Result<(), DataError>;
}

/// Some consecutive rows of a table.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What errors call the table.
    pub origin: String,
    /// Number of the first row in the table.
    pub first_row: u64,
    /// Number of rows of the same file before it.
    pub first_in_file: u64,
    /// Share of the whole table, by bytes or rows, up to the end of the piece.
    pub share: f64,
    /// The columns.
    pub batch: RecordBatch,
    /// Where else values are from.
    pub origins: Origins,
}

/// Where values are from that are not simply those of the table's rows, for whoever has to find a wrong one.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// The row of the file that each row was made of, from 0; `None` where each is one.
    pub rows: Option<Vec<u64>>,
    /// Columns that are joined, each with its table.
    pub joined: Arc<Vec<(String, String)>>,
}

/// One column of a piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column<'a> {
    piece: &'a Piece,
    name: &'a str,
    pub array: &'a ArrayRef,
}

impl Piece {
    /// Rows as they stand in the one file of a table.
    pub(crate) fn of_one_file(origin: &str, first_row: u64, share: f64, batch: RecordBatch) -> Self {
        let origins = Origins::default();
        Self { origin: origin.to_owned(), first_row, first_in_file: first_row, share, batch, origins }
    }

    /// A table of one piece.
    #[cfg(test)]
    pub(crate) fn whole(origin: &str, batch: RecordBatch) -> Self {
        Self::of_one_file(origin, 0, 1.0, batch)
    }

    pub(crate) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// # Errors
    /// When the table has no such column.
    pub(crate) fn column<'a>(&'a self, name: &'a str) -> Result<Column<'a>, DataError> {
        let schema = self.batch.schema_ref();
        let array = self.batch.column_by_name(name);
        array.map(|array| Column { piece: self, name, array }).ok_or_else(|| {
            missing_column(&self.origin, name, schema.fields().iter().map(|field| field.name().clone()).collect())
        })
    }
}

/// Whether a type is that of moments: counted from 1970 on in a unit of their own, whatever a card says that numbers have.
pub(crate) fn is_moment(kind: &DataType) -> bool {
    matches!(kind, DataType::Timestamp(_, None))
}

/// The error for a column that is not there.
pub(crate) fn missing_column(origin: &str, column: &str, columns: Vec<String>) -> DataError {
    DataError::MissingColumn {
        origin: origin.to_owned(),
        column: column.to_owned(),
        nearest: nearest(column, columns.iter().map(String::as_str)),
        columns,
    }
}

impl Column<'_> {
    /// The error for a column that does not hold what is `expected`.
    pub(crate) fn type_error(&self, expected: &'static str) -> DataError {
        let got = match self.array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => "text".to_owned(),
            kind if kind.is_integer() => "whole numbers".to_owned(),
            kind if kind.is_floating() || matches!(kind, DataType::Duration(_)) => "numbers".to_owned(),
            kind if is_moment(kind) => "times".to_owned(),
            kind => kind.to_string(),
        };
        DataError::ColumnType { origin: self.piece.origin.clone(), column: self.name.to_owned(), got, expected }
    }

    /// The error for the value at `at` of the piece.
    pub(crate) fn value_error(&self, at: usize, value: String, expected: impl Into<String>) -> DataError {
        let Origins { rows, joined } = &self.piece.origins;
        let before = rows.as_ref().map_or(self.piece.first_in_file + at as u64, |rows| rows[at]);
        let joined = joined.iter().find(|(column, _)| column == self.name);
        DataError::BadValue {
            origin: match joined {
                Some((_, table)) => format!("`{}` as joined with `{table}`", self.piece.origin),
                None => format!("`{}`", self.piece.origin),
            },
            row: before + 1,
            column: self.name.to_owned(),
            value,
            expected: expected.into(),
        }
    }
}
