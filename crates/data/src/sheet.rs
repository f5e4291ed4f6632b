//! Rows as CSV or Parquet, some at a time, for people and other programs.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray, UInt64Array};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SheetFormat {
    /// Text with commas, and a header.
    Csv,
    /// Parquet.
    Parquet,
}

impl SheetFormat {
    /// By the ending of a file's name, if it is one of theirs.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_string_lossy().to_lowercase();
        [Self::Csv, Self::Parquet].into_iter().find(|format| format.ending() == ending)
    }

    /// How names of such files end.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// The cells of a column, one a row. Empty ones are nothing in CSV, null in Parquet.
#[derive(Clone, Debug)]
pub enum Cells<'a> {
    /// Whole numbers.
    Whole(Vec<u64>),
    /// In single precision, in the fewest digits that read back to the same bits.
    Single(Vec<f32>),
    /// In double precision, likewise.
    Double(Vec<f64>),
    /// As [`Cells::Double`], where there is one.
    Known(Vec<Option<f64>>),
    /// Texts.
    Texts(Vec<Option<&'a str>>),
}

/// A named column.
pub type SheetColumn<'a> = (String, Cells<'a>);

/// Writes rows.
pub struct SheetWriter<W: Write + Send>(Inner<W>);

enum Inner<W: Write + Send> {
    Csv {
        writer: Box<csv::Writer<W>>,
        begun: bool,
    },
    /// Until the first rows tell the columns.
    Waiting(W),
    Parquet(Box<ArrowWriter<W>>),
    /// A write failed.
    Broken,
}

impl<W: Write + Send> SheetWriter<W> {
    /// Writes to `to`.
    pub fn new(format: SheetFormat, to: W) -> Self {
        Self(match format {
            SheetFormat::Csv => Inner::Csv { writer: Box::new(csv::Writer::from_writer(to)), begun: false },
            SheetFormat::Parquet => Inner::Waiting(to),
        })
    }

    /// Writes rows, given by their columns, which are always the same and of equal length. Those of no row leave a header.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, columns: &[SheetColumn]) -> io::Result<()> {
        if let Inner::Csv { writer, begun } = &mut self.0 {
            if !std::mem::replace(begun, true) {
                writer.write_record(columns.iter().map(|(name, _)| name))?;
            }
            return write_text(writer, columns);
        }
        let batch = batch(columns).map_err(into_io)?;
        self.0 = match std::mem::replace(&mut self.0, Inner::Broken) {
            Inner::Waiting(to) => {
                let level = ZstdLevel::try_new(3).map_err(into_io)?;
                let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
                let writer = ArrowWriter::try_new(to, batch.schema(), Some(properties));
                Inner::Parquet(Box::new(writer.map_err(into_io)?))
            }
            other => other,
        };
        match &mut self.0 {
            Inner::Parquet(writer) => writer.write(&batch).map_err(into_io),
            Inner::Csv { .. } | Inner::Waiting(_) | Inner::Broken => Err(io::Error::other("an earlier write failed")),
        }
    }

    /// Writes what is left, and hands back what was written to.
    ///
    /// # Errors
    /// When it cannot be written, or no columns were ever given.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Inner::Csv { writer, .. } => writer.into_inner().map_err(csv::IntoInnerError::into_error),
            Inner::Parquet(writer) => writer.into_inner().map_err(into_io),
            Inner::Waiting(_) | Inner::Broken => Err(io::Error::other("it has no columns")),
        }
    }
}

/// The error beneath, which may tell a full disk.
fn into_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

fn write_text<W: Write>(writer: &mut csv::Writer<W>, columns: &[SheetColumn]) -> io::Result<()> {
    let rows = columns.first().map_or(0, |(_, cells)| cells.len());
    let mut text = String::new();
    for row in 0..rows {
        for (_, cells) in columns {
            text.clear();
            cells.push(row, &mut text);
            writer.write_field(&text)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    Ok(())
}

fn batch(columns: &[SheetColumn]) -> Result<RecordBatch, ParquetError> {
    let arrays = columns.iter().map(|(name, cells)| (name, cells.array(), true));
    Ok(RecordBatch::try_from_iter_with_nullable(arrays)?)
}

impl Cells<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Whole(cells) => cells.len(),
            Self::Single(cells) => cells.len(),
            Self::Double(cells) => cells.len(),
            Self::Known(cells) => cells.len(),
            Self::Texts(cells) => cells.len(),
        }
    }

    fn push(&self, row: usize, text: &mut String) {
        // Writing into a string never fails.
        let _ = match self {
            Self::Whole(cells) => write!(text, "{}", cells[row]),
            Self::Single(cells) => write!(text, "{:?}", cells[row]),
            Self::Double(cells) => write!(text, "{:?}", cells[row]),
            Self::Known(cells) => cells[row].map_or(Ok(()), |cell| write!(text, "{cell:?}")),
            Self::Texts(cells) => text.write_str(cells[row].unwrap_or_default()),
        };
    }

    fn array(&self) -> ArrayRef {
        match self {
            Self::Whole(cells) => Arc::new(UInt64Array::from(cells.clone())),
            Self::Single(cells) => Arc::new(Float32Array::from(cells.clone())),
            Self::Double(cells) => Arc::new(Float64Array::from(cells.clone())),
            Self::Known(cells) => Arc::new(Float64Array::from(cells.clone())),
            Self::Texts(cells) => Arc::new(StringArray::from(cells.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    fn columns(rows: usize) -> Vec<SheetColumn<'static>> {
        let texts = [Some("a,b"), None, Some("say \"so\"")];
        vec![
            ("row".to_owned(), Cells::Whole((1..=rows as u64).collect())),
            ("text".to_owned(), Cells::Texts(texts[..rows].to_vec())),
            ("single".to_owned(), Cells::Single([0.1, 1e-30, f32::NAN][..rows].to_vec())),
            ("double".to_owned(), Cells::Double([0.1, 3.0, -0.0][..rows].to_vec())),
            ("known".to_owned(), Cells::Known([Some(1.0), None, Some(0.5)][..rows].to_vec())),
        ]
    }

    #[test]
    fn text_has_quotes_where_needed_and_all_digits() {
        let mut writer = SheetWriter::new(SheetFormat::Csv, vec![]);
        writer.write(&columns(2)).unwrap();
        writer.write(&columns(3)).unwrap();
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        let first = "1,\"a,b\",0.1,0.1,1.0\n2,,1e-30,3.0,\n";
        assert_eq!(text, format!("row,text,single,double,known\n{first}{first}3,\"say \"\"so\"\"\",NaN,-0.0,0.5\n"));
    }

    #[test]
    fn parquet_holds_the_same() {
        let mut writer = SheetWriter::new(SheetFormat::Parquet, vec![]);
        writer.write(&columns(3)).unwrap();
        let bytes = bytes::Bytes::from(writer.finish().unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        let read: Vec<RecordBatch> = reader.collect::<Result<_, _>>().unwrap();
        let debug = |batch: &RecordBatch| format!("{:?}", batch.columns());
        assert_eq!(debug(&read[0]), debug(&batch(&columns(3)).unwrap()));
    }

    #[test]
    fn no_rows_leave_a_header_and_no_columns_an_error() {
        for format in [SheetFormat::Csv, SheetFormat::Parquet] {
            let mut writer = SheetWriter::new(format, vec![]);
            writer.write(&columns(0)).unwrap();
            assert!(!writer.finish().unwrap().is_empty());
        }
        assert!(SheetWriter::new(SheetFormat::Parquet, vec![]).finish().is_err());
        let named = |name: &str| SheetFormat::of(Path::new(name));
        assert_eq!((named("a.csv"), named("a.PARQUET")), (Some(SheetFormat::Csv), Some(SheetFormat::Parquet)));
        assert_eq!((named("a.csv.gz"), named("csv")), (None, None));
    }
}
