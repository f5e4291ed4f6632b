//! The encoded rows of a data set as one Parquet file, for twins in other frameworks.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, UInt32Builder};
use arrow_array::{ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use mmtl_plan::{Field, FieldKind};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

use crate::dataset::Dataset;
use crate::sheet::{Cells, SheetWriter};

/// Rows of a batch that is written at once.
const ROWS: u32 = 65_536;

/// Writes every row: `row_id`, `part`, `scene`, `weight`, `field/NAME` (ids, lists of ids or standardised numbers) and
/// `label/TASK` (original units; null where unknown or outside the task's space).
///
/// # Errors
/// When it cannot be written.
pub fn export(dataset: &Dataset, out: impl Write + Send) -> Result<(), ParquetError> {
    let rows = dataset.len() as u32;
    let mut writer = None;
    let mut out = Some(out);
    let mut first = 0;
    loop {
        let last = (first + ROWS).min(rows);
        let batch = batch(dataset, &(first..last).collect::<Vec<_>>())?;
        if let Some(out) = out.take() {
            writer = Some(ArrowWriter::try_new(out, batch.schema(), None)?);
        }
        if let Some(writer) = &mut writer {
            writer.write(&batch)?;
        }
        first = last;
        if first == rows {
            return writer.map_or(Ok(()), |writer| writer.close().map(drop));
        }
    }
}

/// Writes every row's `row_id`, `part` and `scene`.
///
/// # Errors
/// When they cannot be written.
pub fn export_split<W: Write + Send>(dataset: &Dataset, out: &mut SheetWriter<W>) -> io::Result<()> {
    let scenes = &dataset.schema().scenes;
    let rows = dataset.len() as u32;
    for first in (0..rows).step_by(ROWS as usize) {
        let rows = || first..(first + ROWS).min(rows);
        out.write(&[
            ("row_id".to_owned(), Cells::Whole(rows().map(|row| dataset.row_id(row)).collect())),
            ("part".to_owned(), Cells::Texts(rows().map(|row| Some(dataset.part(row).name())).collect())),
            ("scene".to_owned(), Cells::Texts(rows().map(|row| Some(scenes[dataset.scene(row)].as_str())).collect())),
        ])?;
    }
    Ok(())
}

fn batch(dataset: &Dataset, rows: &[u32]) -> Result<RecordBatch, ParquetError> {
    let schema = dataset.schema();
    let ids = UInt64Array::from_iter_values(rows.iter().map(|&row| dataset.row_id(row)));
    let parts = StringArray::from_iter_values(rows.iter().map(|&row| dataset.part(row).name()));
    let scenes = UInt32Array::from_iter_values(rows.iter().map(|&row| dataset.scene(row) as u32));
    let weights = Float32Array::from_iter_values(rows.iter().map(|&row| dataset.weight(row)));
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("row_id".to_owned(), Arc::new(ids)),
        ("part".to_owned(), Arc::new(parts)),
        ("scene".to_owned(), Arc::new(scenes)),
        ("weight".to_owned(), Arc::new(weights)),
    ];
    for (number, field) in schema.fields.iter().enumerate() {
        columns.push((format!("field/{}", field.name), values(dataset, number, field, rows)));
    }
    for (task, spec) in schema.tasks.iter().enumerate() {
        let labels: Float64Array = rows.iter().map(|&row| dataset.label(task, row)).collect();
        columns.push((format!("label/{}", spec.name), Arc::new(labels)));
    }
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))?)
}

fn values(dataset: &Dataset, number: usize, field: &Field, rows: &[u32]) -> ArrayRef {
    match field.kind {
        FieldKind::Categorical { .. } => {
            Arc::new(rows.iter().map(|&row| dataset.ids(number, row).first().copied()).collect::<UInt32Array>())
        }
        FieldKind::Tokens { .. } => {
            let mut lists = ListBuilder::new(UInt32Builder::new());
            for &row in rows {
                lists.append_value(dataset.ids(number, row).iter().map(|&id| Some(id)));
            }
            Arc::new(lists.finish())
        }
        FieldKind::Numeric => Arc::new(rows.iter().map(|&row| dataset.number(number, row)).collect::<Float32Array>()),
    }
}
