//! Chunks as record batches. A row's ids, numbers and labels are fixed-size lists, so that they lie side by side.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, FixedSizeListArray, ListArray, PrimitiveArray, RecordBatch,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use crate::chunk::{Chunk, Tokens};
use crate::layout::Layout;
use crate::manifest::Manifest;

/// Key of the manifest in the Arrow schema's metadata.
pub(super) const MANIFEST: &str = "mmtl.manifest";

fn element(kind: DataType) -> FieldRef {
    Arc::new(Field::new("item", kind, false))
}

/// Arrow counts elements of a list in i32; no data set has as many fields or tasks.
fn list_width(width: usize) -> i32 {
    i32::try_from(width).expect("fewer than 2³¹ fields")
}

/// The Arrow schema of a data set's chunks, with the manifest as JSON.
pub(super) fn arrow_schema(manifest: &Manifest) -> Result<SchemaRef, ArrowError> {
    let layout = Layout::of(&manifest.schema);
    let mut fields = vec![
        Field::new("row_id", DataType::UInt64, false),
        Field::new("part", DataType::UInt8, false),
        Field::new("scene", DataType::UInt32, false),
    ];
    let mut list = |name: &str, kind: DataType, width: usize| {
        if width > 0 {
            fields.push(Field::new(name, DataType::FixedSizeList(element(kind), list_width(width)), false));
        }
    };
    list("ids", DataType::UInt32, layout.id_fields.len());
    list("numeric", DataType::Float32, layout.numeric);
    list("labels", DataType::Float64, layout.tasks);
    for field in &layout.token_fields {
        let name = format!("tokens.{}", manifest.schema.fields[*field].name);
        fields.push(Field::new(name, DataType::List(element(DataType::UInt32)), false));
    }
    if manifest.weighted {
        fields.push(Field::new("weight", DataType::Float32, false));
    }
    if manifest.grouped {
        fields.push(Field::new("group", DataType::UInt64, false));
    }
    fields.extend(manifest.slices.iter().map(|slice| Field::new(format!("slice.{slice}"), DataType::Boolean, false)));
    let json = serde_json::to_string(manifest).map_err(|e| ArrowError::ExternalError(Box::new(e)))?;
    Ok(Arc::new(Schema::new_with_metadata(fields, HashMap::from([(MANIFEST.to_owned(), json)]))))
}

/// A chunk as a record batch of `schema`; nothing is copied.
pub(super) fn record_batch(schema: &SchemaRef, chunk: &Chunk) -> Result<RecordBatch, ArrowError> {
    let rows = chunk.rows();
    let mut arrays: Vec<ArrayRef> = vec![
        primitive::<UInt64Type>(&chunk.row_ids),
        primitive::<UInt8Type>(&chunk.parts),
        primitive::<UInt32Type>(&chunk.scenes),
    ];
    let lists = [
        primitive::<UInt32Type>(&chunk.ids),
        primitive::<Float32Type>(&chunk.numeric),
        primitive::<Float64Type>(&chunk.labels),
    ];
    for values in lists.into_iter().filter(|values| !values.is_empty()) {
        let (width, kind) = (values.len() / rows, values.data_type().clone());
        arrays.push(Arc::new(FixedSizeListArray::try_new(element(kind), list_width(width), values, None)?));
    }
    for tokens in &chunk.tokens {
        let offsets = OffsetBuffer::new(tokens.starts.clone());
        let values = primitive::<UInt32Type>(&tokens.ids);
        arrays.push(Arc::new(ListArray::try_new(element(DataType::UInt32), offsets, values, None)?));
    }
    arrays.extend(chunk.weights.as_ref().map(primitive::<Float32Type>));
    arrays.extend(chunk.groups.as_ref().map(primitive::<UInt64Type>));
    arrays.extend(chunk.slices.iter().map(|slice| Arc::new(BooleanArray::new(slice.clone(), None)) as ArrayRef));
    RecordBatch::try_new(schema.clone(), arrays)
}

fn primitive<T: ArrowPrimitiveType>(values: &ScalarBuffer<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.clone(), None))
}

/// The chunk of a record batch; nothing is copied. `None` when the batch is not one of `manifest`.
pub(super) fn chunk(manifest: &Manifest, batch: &RecordBatch) -> Option<Chunk> {
    let layout = Layout::of(&manifest.schema);
    let column = |name: &str| batch.column_by_name(name);
    let tokens = layout.token_fields.iter().map(|field| {
        let list = column(&format!("tokens.{}", manifest.schema.fields[*field].name))?.as_list_opt::<i32>()?;
        Some(Tokens { ids: scalars::<UInt32Type>(list.values())?, starts: list.offsets().inner().clone() })
    });
    let slices =
        manifest.slices.iter().map(|name| Some(column(&format!("slice.{name}"))?.as_boolean_opt()?.values().clone()));
    Some(Chunk {
        row_ids: scalars::<UInt64Type>(column("row_id")?)?,
        parts: scalars::<UInt8Type>(column("part")?)?,
        scenes: scalars::<UInt32Type>(column("scene")?)?,
        ids: elements::<UInt32Type>(column("ids"), layout.id_fields.len())?,
        numeric: elements::<Float32Type>(column("numeric"), layout.numeric)?,
        labels: elements::<Float64Type>(column("labels"), layout.tasks)?,
        tokens: tokens.collect::<Option<_>>()?,
        weights: optional(manifest.weighted, || scalars::<Float32Type>(column("weight")?))?,
        groups: optional(manifest.grouped, || scalars::<UInt64Type>(column("group")?))?,
        slices: slices.collect::<Option<_>>()?,
    })
}

fn scalars<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<ScalarBuffer<T::Native>> {
    array.as_primitive_opt::<T>().map(|array| array.values().clone())
}

fn elements<T: ArrowPrimitiveType>(array: Option<&ArrayRef>, width: usize) -> Option<ScalarBuffer<T::Native>> {
    if width == 0 {
        return Some(Vec::new().into());
    }
    let list = array?.as_fixed_size_list_opt().filter(|list| list.value_length() == list_width(width))?;
    scalars::<T>(list.values())
}

/// `Some(None)` when it is not wanted, `None` when it is wanted and not there.
#[expect(clippy::option_option, reason = "wanted or not, and there or not, are two questions")]
fn optional<T>(wanted: bool, get: impl FnOnce() -> Option<T>) -> Option<Option<T>> {
    if wanted { get().map(Some) } else { Some(None) }
}
