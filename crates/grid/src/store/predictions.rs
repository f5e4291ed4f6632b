//! `predictions.parquet`: what a run predicts of validation and test rows, so that intervals, ensembles and new metrics
//! need no retraining. Columns: `row` (the data set's row id), `part`, `scene`, and for each task `prediction.TASK` and
//! `label.TASK` (empty where unknown or outside the task's space).

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array, RecordBatch,
    StringArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::error::GridError;
use crate::store::atomic::replace_with;
use crate::store::format::FormatVersion;

const VERSION: FormatVersion = FormatVersion(1);

/// Key of the version in the file's metadata.
const VERSION_KEY: &str = "mmtl.predictions";

/// Predictions of some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// The data set's row ids.
    pub rows: Vec<u64>,
    /// For each row, `valid` or `test`.
    pub parts: Words,
    /// For each row, its scene.
    pub scenes: Words,
    /// One for each task that the run predicts.
    pub tasks: Vec<TaskPredictions>,
}

/// One word a row, of a few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// All words.
    pub words: Vec<String>,
    /// For each row, an index into them.
    pub of_row: Vec<u32>,
}

impl Words {
    /// That of one row; empty if the row's index is out of place.
    pub fn word(&self, row: usize) -> &str {
        self.words.get(self.of_row[row] as usize).map_or("", String::as_str)
    }
}

impl TaskPredictions {
    /// Those of some rows, in their order.
    pub fn rows(&self, rows: &[usize]) -> Numbers {
        let of_row = |row: &usize| row * self.width..(row + 1) * self.width;
        match &self.values {
            Numbers::F32(values) => Numbers::F32(rows.iter().flat_map(|row| &values[of_row(row)]).copied().collect()),
            Numbers::F64(values) => Numbers::F64(rows.iter().flat_map(|row| &values[of_row(row)]).copied().collect()),
        }
    }
}

/// Predictions of one task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskPredictions {
    /// Name of the task.
    pub task: String,
    /// Numbers a row: classes of a multiclass task, else 1.
    pub width: usize,
    /// `[rows, width]`, row-major, in original units.
    pub values: Numbers,
    /// For each row its label in original units; `None` where unknown or outside the task's space.
    pub labels: Vec<Option<f64>>,
}

/// Numbers in the format in which they were scored, so that scores can be computed again to the bit.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

/// Writes predictions, whole or not at all: the same bytes for the same predictions.
///
/// # Errors
/// When columns have different lengths, or the file cannot be written.
pub fn write(path: &Path, predictions: &Predictions) -> Result<(), GridError> {
    let batch = to_batch(predictions).map_err(|error| GridError::unwritable(path, error))?;
    let level = ZstdLevel::try_new(3).map_err(|error| GridError::unwritable(path, error))?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    replace_with(path, |file| {
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).map_err(io::Error::other)?;
        writer.write(&batch).map_err(io::Error::other)?;
        writer.close().map(drop).map_err(io::Error::other)
    })
}

/// Reads predictions.
///
/// # Errors
/// When the file cannot be read, is newer than this program, or damaged.
pub fn read(path: &Path) -> Result<Predictions, GridError> {
    let file = File::open(path).map_err(GridError::reading(path))?;
    // The reader panics at some damaged footers, such as a column of negative length.
    let batch = std::panic::catch_unwind(|| read_batch(path, file))
        .map_err(|_| GridError::damaged(path, "its footer makes no sense"))??;
    from_batch(&batch).map_err(|reason| GridError::damaged(path, reason))
}

fn read_batch(path: &Path, file: File) -> Result<RecordBatch, GridError> {
    let damaged = |error: parquet::errors::ParquetError| GridError::damaged(path, error);
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
    let schema = builder.schema().clone();
    let version = schema.metadata().get(VERSION_KEY).and_then(|version| version.parse().ok());
    let version = version.ok_or_else(|| GridError::damaged(path, "it holds no predictions"))?;
    FormatVersion(version).check(VERSION, path)?;
    let batches: Vec<RecordBatch> =
        builder.build().map_err(damaged)?.collect::<Result<_, _>>().map_err(|error| GridError::damaged(path, error))?;
    arrow_select::concat::concat_batches(&schema, &batches).map_err(|error| GridError::damaged(path, error))
}

fn to_batch(predictions: &Predictions) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("row".to_owned(), Arc::new(UInt64Array::from(predictions.rows.clone()))),
        ("part".to_owned(), words(&predictions.parts)?),
        ("scene".to_owned(), words(&predictions.scenes)?),
    ];
    for task in &predictions.tasks {
        let values: ArrayRef = match &task.values {
            Numbers::F32(values) => Arc::new(Float32Array::from(values.clone())),
            Numbers::F64(values) => Arc::new(Float64Array::from(values.clone())),
        };
        columns.push((format!("prediction.{}", task.task), in_rows(values, task.width)?));
        columns.push((format!("label.{}", task.task), Arc::new(Float64Array::from(task.labels.clone()))));
    }
    let fields =
        columns.iter().map(|(name, column)| Field::new(name, column.data_type().clone(), column.is_nullable()));
    let metadata = HashMap::from([(VERSION_KEY.to_owned(), VERSION.0.to_string())]);
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), metadata);
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, column)| column).collect())
}

fn words(words: &Words) -> Result<ArrayRef, arrow_schema::ArrowError> {
    let of_row = Int32Array::from_iter_values(words.of_row.iter().map(|word| word.cast_signed()));
    let values = StringArray::from_iter_values(&words.words);
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(of_row, Arc::new(values))?))
}

/// Values as they are where a row has one, else as lists.
fn in_rows(values: ArrayRef, width: usize) -> Result<ArrayRef, arrow_schema::ArrowError> {
    if width == 1 {
        return Ok(values);
    }
    let item = Arc::new(Field::new("item", values.data_type().clone(), false));
    let width = i32::try_from(width).map_err(|error| arrow_schema::ArrowError::SchemaError(error.to_string()))?;
    Ok(Arc::new(FixedSizeListArray::try_new(item, width, values, None)?))
}

fn from_batch(batch: &RecordBatch) -> Result<Predictions, String> {
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("it has no column `{name}`"));
    let rows = column("row")?.as_any().downcast_ref::<UInt64Array>().ok_or("`row` is not u64")?;
    let mut tasks = vec![];
    for field in batch.schema().fields() {
        if let Some(task) = field.name().strip_prefix("prediction.") {
            tasks.push(task_of(task, column(field.name())?, column(&format!("label.{task}"))?)?);
        }
    }
    Ok(Predictions {
        rows: rows.values().to_vec(),
        parts: words_of("part", column("part")?)?,
        scenes: words_of("scene", column("scene")?)?,
        tasks,
    })
}

fn task_of(task: &str, values: &ArrayRef, labels: &ArrayRef) -> Result<TaskPredictions, String> {
    let (values, width) = match values.as_any().downcast_ref::<FixedSizeListArray>() {
        Some(lists) => (lists.values(), lists.value_length().unsigned_abs() as usize),
        None => (values, 1),
    };
    let values = match values.data_type() {
        DataType::Float32 => values.as_any().downcast_ref::<Float32Array>().map(|v| Numbers::F32(v.values().to_vec())),
        DataType::Float64 => values.as_any().downcast_ref::<Float64Array>().map(|v| Numbers::F64(v.values().to_vec())),
        _ => None,
    };
    let values = values.ok_or_else(|| format!("`prediction.{task}` does not hold numbers"))?;
    let labels = labels.as_any().downcast_ref::<Float64Array>().ok_or_else(|| format!("`label.{task}` is not f64"))?;
    Ok(TaskPredictions { task: task.to_owned(), width, values, labels: labels.iter().collect() })
}

fn words_of(name: &str, column: &ArrayRef) -> Result<Words, String> {
    let wrong = || format!("`{name}` does not hold words");
    let column = column.as_any().downcast_ref::<DictionaryArray<Int32Type>>().ok_or_else(wrong)?;
    let values = column.values().as_any().downcast_ref::<StringArray>().ok_or_else(wrong)?;
    let words: Vec<String> = values.iter().map(|word| word.unwrap_or_default().to_owned()).collect();
    let of_row: Option<Vec<u32>> = column.keys().iter().map(|key| u32::try_from(key?).ok()).collect();
    Ok(Words { words, of_row: of_row.ok_or_else(wrong)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn predictions(rows: usize) -> Predictions {
        let at = |row: usize| row as f64 / 7.0;
        Predictions {
            rows: (0..rows as u64).map(|row| row << 40).collect(),
            parts: Words {
                words: vec!["valid".into(), "test".into()],
                of_row: (0..rows).map(|row| u32::from(2 * row >= rows)).collect(),
            },
            scenes: Words {
                words: vec!["a".into(), "never".into(), "é \"b\"".into()],
                of_row: (0..rows).map(|row| 2 * (row as u32 % 2)).collect(),
            },
            tasks: vec![
                TaskPredictions {
                    task: "click".into(),
                    width: 1,
                    values: Numbers::F32((0..rows).map(|row| at(row) as f32).collect()),
                    labels: (0..rows).map(|row| (row % 3 > 0).then_some((row % 2) as f64)).collect(),
                },
                TaskPredictions {
                    task: "spend".into(),
                    width: 1,
                    values: Numbers::F64((0..rows).map(at).collect()),
                    labels: vec![None; rows],
                },
                TaskPredictions {
                    task: "kind".into(),
                    width: 3,
                    values: Numbers::F32((0..3 * rows).map(|i| at(i) as f32).collect()),
                    labels: vec![Some(2.0); rows],
                },
            ],
        }
    }

    /// The words of each row: which of them no row has is nobody's business.
    fn spelled(words: &Words) -> Vec<&str> {
        words.of_row.iter().map(|word| words.words[*word as usize].as_str()).collect()
    }

    #[test]
    fn predictions_come_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.parquet");
        for rows in [0, 1, 7, 3000] {
            let given = predictions(rows);
            write(&path, &given).unwrap();
            let back = read(&path).unwrap();
            assert_eq!((&back.rows, &back.tasks), (&given.rows, &given.tasks));
            assert_eq!(spelled(&back.parts), spelled(&given.parts));
            assert_eq!(spelled(&back.scenes), spelled(&given.scenes));
            let first = std::fs::read(&path).unwrap();
            write(&path, &given).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), first);
        }
    }

    #[test]
    fn columns_of_different_lengths_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.parquet");
        let mut given = predictions(4);
        given.tasks[0].labels.pop();
        assert!(matches!(write(&path, &given), Err(GridError::Write { .. })));
        let mut given = predictions(4);
        given.scenes.of_row[0] = 9;
        assert!(matches!(write(&path, &given), Err(GridError::Write { .. })));
        assert!(!path.exists());
    }

    #[test]
    fn newer_and_foreign_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.parquet");
        let save = |version: Option<&str>| {
            let metadata: HashMap<_, _> =
                version.map(|version| (VERSION_KEY.to_owned(), version.to_owned())).into_iter().collect();
            let schema = Schema::new_with_metadata(vec![Field::new("row", DataType::UInt64, false)], metadata);
            let rows: ArrayRef = Arc::new(UInt64Array::from(vec![1]));
            let batch = RecordBatch::try_new(Arc::new(schema), vec![rows]).unwrap();
            let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        };
        save(Some("2"));
        assert!(matches!(read(&path), Err(GridError::Newer { found: 2, .. })));
        save(None);
        assert!(read(&path).unwrap_err().to_string().contains("it holds no predictions"));
        save(Some("1"));
        assert!(read(&path).unwrap_err().to_string().contains("it has no column `part`"));
    }

    /// One flip of these makes a column's length negative, at which the reader panics.
    #[test]
    fn every_flip_of_a_footer_is_survived() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.parquet");
        write(&path, &predictions(20)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in whole.len() / 2..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 3;
            std::fs::write(&path, &bytes).unwrap();
            let _ = read(&path);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn damage_is_an_error(at in 0.0..1.0f64, flip in 1..=255u8, cut in any::<bool>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("predictions.parquet");
            write(&path, &predictions(20)).unwrap();
            let mut bytes = std::fs::read(&path).unwrap();
            let at = (at * bytes.len() as f64) as usize;
            if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
            std::fs::write(&path, &bytes).unwrap();
            let read = read(&path);
            prop_assert!(!cut || read.is_err());
        }
    }
}
