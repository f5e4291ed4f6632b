//! Tables in Parquet files that ship with the program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use crate::card::{Card, Use};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::source::Tables;
use crate::table::{EachPiece, Piece, Table, missing_column};

/// Rows read at a time.
const PIECE_ROWS: usize = 8192;

/// Some columns of a Parquet file.
pub struct ParquetFile {
    path: PathBuf,
    origin: String,
    columns: Vec<String>,
    metadata: ArrowReaderMetadata,
}

impl ParquetFile {
    /// Only `columns` are ever read. Running text stays plain; other text comes as a dictionary, so that each distinct
    /// value is handled once.
    pub(crate) fn open(path: PathBuf, columns: &[(&str, Use)]) -> Result<Self, DataError> {
        let file = File::open(&path).map_err(DataError::reading(&path))?;
        let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(malformed(&path))?;
        let origin = path.display().to_string();
        let has = plain.schema().fields();
        if let Some((absent, _)) = columns.iter().find(|(column, _)| has.find(column).is_none()) {
            return Err(missing_column(&origin, absent, has.iter().map(|field| field.name().clone()).collect()));
        }
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let hint = |field: &Arc<Field>| match field.data_type() {
            DataType::Utf8 if !columns.contains(&(field.name(), Use::Text)) => {
                Arc::new(field.as_ref().clone().with_data_type(dictionary.clone()))
            }
            _ => field.clone(),
        };
        let hinted = Arc::new(Schema::new(has.iter().map(hint).collect::<Vec<_>>()));
        let options = ArrowReaderOptions::new().with_schema(hinted);
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(malformed(&path))?;
        Ok(Self { origin, path, columns: columns.iter().map(|(column, _)| (*column).to_owned()).collect(), metadata })
    }
}

/// The tables of files with the columns that rows need which are only predicted.
///
/// # Errors
/// When a file cannot be read or lacks one of them.
pub(crate) fn others(card: Card, files: &[PathBuf]) -> Result<Tables, DataError> {
    let columns = card.input_columns();
    let open =
        |path: &PathBuf| ParquetFile::open(path.clone(), &columns).map(|table| Box::new(table) as Box<dyn Table>);
    let tables = files.iter().map(open).collect::<Result<_, _>>()?;
    Ok((card, tables))
}

fn malformed(path: &Path) -> impl Fn(ParquetError) -> DataError + '_ {
    move |error| DataError::Malformed { path: path.to_owned(), format: "Parquet", reason: error.to_string() }
}

impl Table for ParquetFile {
    fn rows(&self) -> Option<u64> {
        Some(self.metadata.metadata().file_metadata().num_rows().unsigned_abs())
    }

    fn contents(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        let file = File::open(&self.path).map_err(DataError::reading(&self.path))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file).map_err(DataError::reading(&self.path))?;
        fingerprint.bytes("contents", hasher.finalize().as_bytes());
        Ok(())
    }

    fn scan(&self, each: EachPiece) -> Result<(), DataError> {
        let file = File::open(&self.path).map_err(DataError::reading(&self.path))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let mask = ProjectionMask::columns(builder.parquet_schema(), self.columns.iter().map(String::as_str));
        let reader =
            builder.with_projection(mask).with_batch_size(PIECE_ROWS).build().map_err(malformed(&self.path))?;
        let (mut first_row, total) = (0, self.rows().unwrap_or(0));
        for batch in reader {
            let batch = batch.map_err(|error| malformed(&self.path)(error.into()))?;
            let end = first_row + batch.num_rows() as u64;
            let share = end as f64 / total.max(end) as f64;
            let piece = Piece::of_one_file(&self.origin, first_row, share, batch);
            first_row = end;
            each(&piece)?;
        }
        Ok(())
    }
}
