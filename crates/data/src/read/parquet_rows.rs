//! Parquet files.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Encoding, Type};
use parquet::errors::ParquetError;

use crate::error::DataError;
use crate::read::batch_rows::BatchRows;
use crate::read::gather::Cleaning;
use crate::read::piece_end::{PIECE_BYTES, PIECE_ROWS};
use crate::read::reading::{Reading, Shape, Wanted};
use crate::read::rows::{Batch, Rows};
use crate::read::typed::shaped;
use crate::table::missing_column;

/// The names of a file's columns.
///
/// # Errors
/// When the file cannot be read or is no Parquet file.
pub(super) fn columns(path: &Path, reading: &Reading) -> Result<Vec<String>, DataError> {
    let (_, metadata) = begin(path)?;
    names(path, reading, &metadata)
}

/// Number of rows of a file.
///
/// # Errors
/// When the file cannot be read or is no Parquet file.
pub(super) fn count(path: &Path) -> Result<u64, DataError> {
    let (_, metadata) = begin(path)?;
    Ok(metadata.metadata().file_metadata().num_rows().unsigned_abs())
}

fn begin(path: &Path) -> Result<(File, ArrowReaderMetadata), DataError> {
    let file = File::open(path).map_err(DataError::reading(path))?;
    if file.metadata().map_err(DataError::reading(path))?.len() == 0 {
        return Err(DataError::EmptyFile { path: path.to_owned(), expected: "a Parquet file" });
    }
    let metadata = guarded(path, || ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()))?;
    Ok((file, metadata))
}

/// The library takes metadata at their word and panics where damaged ones contradict themselves, which it checks as it
/// goes: whatever it reads with is thrown away then.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, DataError> {
    let contradicts = |_| Err(ParquetError::General("its metadata contradict themselves".to_owned()));
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(contradicts).map_err(malformed(path))
}

fn malformed(path: &Path) -> impl Fn(ParquetError) -> DataError + '_ {
    move |error| DataError::Malformed { path: path.to_owned(), format: "Parquet", reason: error.to_string() }
}

fn names(path: &Path, reading: &Reading, metadata: &ArrowReaderMetadata) -> Result<Vec<String>, DataError> {
    let fields = metadata.schema().fields();
    match &reading.columns {
        Some(columns) if columns.len() != fields.len() => Err(DataError::BadHeader {
            origin: path.display().to_string(),
            fault: format!("has {} columns", fields.len()),
            expected: format!("{}, as many as `columns` has names", columns.len()),
        }),
        Some(columns) => Ok(columns.clone()),
        None => Ok(fields.iter().map(|field| field.name().clone()).collect()),
    }
}

/// The rows of one file.
pub(super) struct ParquetRows {
    origin: String,
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
    reader: ParquetRecordBatchReader,
    at_once: BatchRows,
    cleaning: Cleaning,
    /// Each column wanted and its place among those read.
    wanted: Vec<(Wanted, usize)>,
    rows: u64,
    total: u64,
}

impl ParquetRows {
    /// # Errors
    /// When the file cannot be read, is no Parquet file, or lacks a column.
    pub(super) fn open(path: &Path, reading: &Reading, wanted: &[Wanted]) -> Result<Self, DataError> {
        let (file, plain) = begin(path)?;
        let (names, origin) = (names(path, reading, &plain)?, path.display().to_string());
        let place = |wanted: &Wanted| {
            let place = names.iter().position(|name| *name == wanted.name);
            place.ok_or_else(|| missing_column(&origin, &wanted.name, names.clone()))
        };
        let roots: Vec<usize> = wanted.iter().map(place).collect::<Result<_, _>>()?;
        let values = |root: usize| wanted.iter().zip(&roots).any(|(w, r)| *r == root && w.shape == Shape::Value);
        let fields = plain.schema().fields().iter().enumerate();
        let fields: Vec<Arc<Field>> = fields.map(|(root, field)| hint(field, values(root))).collect();
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
        let metadata = guarded(path, || ArrowReaderMetadata::try_new(plain.metadata().clone(), options))?;
        let shaped = |root: usize| wanted.iter().zip(&roots).any(|(w, r)| *r == root && w.shape != Shape::Value);
        let at_once = BatchRows::new(rows_at_once(&plain, &roots), writes_texts_out(&metadata, &roots, shaped));
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
        let reader = reader(path, &file, &metadata, &mask, 0, at_once.rows)?;
        // Columns are read in the order of the file.
        let mut read = roots.clone();
        read.sort_unstable();
        read.dedup();
        let wanted = wanted.iter().cloned().zip(roots.iter().map(|root| read.partition_point(|r| r < root)));
        Ok(Self {
            origin,
            path: path.to_owned(),
            file,
            metadata,
            mask,
            reader,
            at_once,
            cleaning: Cleaning::new(reading),
            wanted: wanted.collect(),
            rows: 0,
            total: plain.metadata().file_metadata().num_rows().unsigned_abs(),
        })
    }
}

/// Reads the rows after the first `before`, so many at once.
fn reader(
    path: &Path,
    file: &File,
    metadata: &ArrowReaderMetadata,
    mask: &ProjectionMask,
    before: u64,
    at_once: usize,
) -> Result<ParquetRecordBatchReader, DataError> {
    let file = file.try_clone().map_err(DataError::reading(path))?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
    let builder = builder.with_projection(mask.clone()).with_batch_size(at_once);
    guarded(path, || builder.with_offset(usize::try_from(before).unwrap_or(usize::MAX)).build())
}

/// Whether texts that the file has once for many rows are written out for each of them.
fn writes_texts_out(metadata: &ArrowReaderMetadata, roots: &[usize], shaped: impl Fn(usize) -> bool) -> bool {
    let (schema, fields) = (metadata.parquet_schema(), metadata.schema().fields());
    let written_out = |leaf: usize| {
        let root = schema.get_column_root_idx(leaf);
        roots.contains(&root) && (shaped(root) || !matches!(fields[root].data_type(), DataType::Dictionary(..)))
    };
    metadata.metadata().row_groups().iter().flat_map(|group| group.columns().iter().enumerate()).any(
        |(leaf, column)| {
            let once = |encoding| matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
            column.column_type() == Type::BYTE_ARRAY && column.encodings().any(once) && written_out(leaf)
        },
    )
}

/// Asks the reader for dictionaries where a text is wanted by its distinct values.
fn hint(field: &Arc<Field>, by_value: bool) -> Arc<Field> {
    match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if by_value => {
            let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(field.as_ref().clone().with_data_type(dictionary))
        }
        _ => field.clone(),
    }
}

/// Fewer rows at once where they are long.
fn rows_at_once(metadata: &ArrowReaderMetadata, roots: &[usize]) -> usize {
    let schema = metadata.parquet_schema();
    let bytes: i64 = metadata
        .metadata()
        .row_groups()
        .iter()
        .flat_map(|group| group.columns().iter().enumerate())
        .filter(|(leaf, _)| roots.contains(&schema.get_column_root_idx(*leaf)))
        .map(|(_, column)| column.uncompressed_size().max(0))
        .fold(0, i64::saturating_add);
    let rows = metadata.metadata().file_metadata().num_rows().max(1);
    let of_row = usize::try_from(bytes / rows).unwrap_or(usize::MAX).max(1);
    (PIECE_BYTES / of_row).clamp(64, PIECE_ROWS as usize)
}

impl ParquetRows {
    /// Begins anew, after the rows that were read.
    fn begin(&mut self) -> Result<(), DataError> {
        self.reader = reader(&self.path, &self.file, &self.metadata, &self.mask, self.rows, self.at_once.rows)?;
        Ok(())
    }

    /// The next rows. The texts of a batch may be more than their offsets can count, which those of a smaller one are not.
    fn read(&mut self) -> Result<Option<RecordBatch>, DataError> {
        loop {
            let reader = &mut self.reader;
            match guarded(&self.path, || reader.next().transpose().map_err(ParquetError::from)) {
                Err(_) if self.at_once.after_failure() => self.begin()?,
                read => return read,
            }
        }
    }
}

impl Rows for ParquetRows {
    fn batch(&mut self) -> Result<Option<Batch>, DataError> {
        let Some(batch) = self.read()? else { return Ok(None) };
        if batch.num_rows() == 0 {
            return self.batch();
        }
        let mut arrays: Vec<ArrayRef> = vec![];
        for (wanted, place) in &self.wanted {
            let array = shaped(batch.column(*place), wanted, &self.cleaning);
            arrays.push(array.map_err(|fault| fault.error(&self.origin, &wanted.name, self.rows))?);
        }
        let rows = batch.num_rows() as u64;
        self.rows += rows;
        if self.rows < self.total && self.at_once.after(batch.num_rows(), batch.columns(), &arrays) {
            self.begin()?;
        }
        let share = self.rows as f64 / self.total.max(self.rows) as f64;
        Ok(Some(Batch { rows, arrays, share, made_of: None }))
    }
}
