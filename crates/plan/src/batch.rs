//! Rows ready for a plan. Prepared on the host, shaped by the schema and not by the plan.

use std::ops::Range;

use crate::engine::EngineError;
use crate::op::Reduction;
use crate::schema::{FieldKind, Schema, TaskKind};
use crate::segments::Segments;

/// Rows grouped by scene (stable within the batch), so that per-scene weights act on contiguous row ranges.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Stable ids of the rows in the data set, `[rows]`.
    pub row_ids: Vec<u64>,
    /// `scenes + 1` bounds: the rows of scene `s` are `scene_starts[s]..scene_starts[s + 1]`.
    pub scene_starts: Vec<u32>,
    /// Ids of each schema field; empty for numeric ones.
    pub lookups: Vec<Lookup>,
    /// Numeric fields, `[rows, numeric columns]`.
    pub numeric: Vec<f32>,
    /// Targets, `[tasks, rows]`: 0 or 1, a standardised value, or a class. Where the weight is 0: anything finite.
    pub labels: Vec<f32>,
    /// Row weights, `[tasks, rows]`; 0 where a label is unknown or the row lies outside the task's space.
    pub weights: Vec<f32>,
    /// Group ids (user, request), `[rows]`, or empty when the data has none.
    pub groups: Vec<u64>,
    /// For each vocabulary, where each id occurs in `lookups`: [`Batch::rebuild_segments`] after any change of them.
    pub segments: Vec<Segments>,
}

/// Ids of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// All ids, row after row.
    pub ids: Vec<u32>,
    /// `rows + 1` bounds into `ids`; `None` when every row has exactly one.
    pub starts: Option<Vec<u32>>,
}

impl Lookup {
    /// One id a row.
    pub fn single(ids: Vec<u32>) -> Self {
        Self { ids, starts: None }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.as_ref().map_or(self.ids.len(), |s| s.len().saturating_sub(1))
    }

    /// The ids of one row.
    #[inline]
    pub fn row(&self, row: usize) -> &[u32] {
        match &self.starts {
            None => &self.ids[row..=row],
            Some(starts) => &self.ids[starts[row] as usize..starts[row + 1] as usize],
        }
    }
}

impl Batch {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.row_ids.len()
    }

    /// Bytes that its buffers take, those that they have grown to and do not use now included.
    pub fn bytes(&self) -> usize {
        let ids: usize = self.lookups.iter().map(|lookup| bytes(&lookup.ids)).sum();
        let starts: usize = self.lookups.iter().flat_map(|lookup| &lookup.starts).map(bytes).sum();
        let of_rows = bytes(&self.row_ids) + bytes(&self.groups) + bytes(&self.scene_starts);
        let numbers = bytes(&self.numeric) + bytes(&self.labels) + bytes(&self.weights);
        ids + starts + of_rows + numbers + self.segments.iter().map(Segments::bytes).sum::<usize>()
    }

    /// The rows of one scene.
    pub fn scene(&self, scene: usize) -> Range<usize> {
        self.scene_starts[scene] as usize..self.scene_starts[scene + 1] as usize
    }

    /// The scene of one row.
    pub fn scene_of(&self, row: usize) -> usize {
        self.scene_starts.partition_point(|&start| start as usize <= row) - 1
    }

    /// Targets of one task, `[rows]`.
    pub fn labels(&self, task: usize) -> &[f32] {
        &self.labels[task * self.rows()..(task + 1) * self.rows()]
    }

    /// Row weights of one task, `[rows]`.
    pub fn weights(&self, task: usize) -> &[f32] {
        &self.weights[task * self.rows()..(task + 1) * self.rows()]
    }

    /// Reciprocal of what a task's summed loss is divided by; 0 when no row has a weight.
    pub fn reciprocal(&self, task: usize, reduction: Reduction) -> f64 {
        let counted = self.weights(task).iter().filter(|&&weight| weight > 0.0);
        let total: f64 = counted.map(|&weight| f64::from(weight)).sum();
        if total <= 0.0 {
            return 0.0;
        }
        match reduction {
            Reduction::Own => 1.0 / total,
            Reduction::Batch => 1.0 / self.rows() as f64,
        }
    }

    /// Recomputes [`Batch::segments`] from the lookups. Buffers are reused.
    pub fn rebuild_segments(&mut self, schema: &Schema) {
        self.segments.resize_with(schema.vocabularies.len(), Segments::default);
        for (v, segments) in self.segments.iter_mut().enumerate() {
            let of_vocabulary = |f: &usize| schema.fields[*f].kind.vocabulary() == Some(v);
            segments.rebuild((0..schema.fields.len()).filter(of_vocabulary).map(|f| (f, &self.lookups[f])));
        }
    }

    /// Empties [`Batch::segments`], one for each vocabulary. Buffers are kept.
    pub fn clear_segments(&mut self, schema: &Schema) {
        self.segments.resize_with(schema.vocabularies.len(), Segments::default);
        self.segments.iter_mut().for_each(Segments::clear);
    }

    /// Whether every use of an id stands in [`Batch::segments`], as gradients need: there are none in a batch that was
    /// gathered for predictions.
    pub fn is_segmented(&self) -> bool {
        let uses: usize = self.lookups.iter().map(|lookup| lookup.ids.len()).sum();
        uses == self.segments.iter().map(|segments| segments.occurrences.len()).sum::<usize>()
    }

    /// Whether a session of `schema` and at most `max_rows` rows can predict it.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check(&self, schema: &Schema, max_rows: usize) -> Result<(), EngineError> {
        if self.rows() > max_rows {
            return Err(EngineError::Batch(format!("it has {} rows, expected at most {max_rows}", self.rows())));
        }
        self.mismatch(schema).map_or(Ok(()), |what| Err(EngineError::Batch(what)))
    }

    /// Whether such a session can train on it.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check_for_training(&self, schema: &Schema, max_rows: usize) -> Result<(), EngineError> {
        self.check(schema, max_rows)?;
        if let Some(wrong) = self.unknown_class(schema) {
            return Err(EngineError::Batch(wrong));
        }
        if self.is_segmented() {
            return Ok(());
        }
        Err(EngineError::Batch("it was gathered for predictions and has no segments, expected them".to_owned()))
    }

    /// A class that a task does not have, in a row that counts.
    fn unknown_class(&self, schema: &Schema) -> Option<String> {
        schema.tasks.iter().enumerate().find_map(|(number, task)| {
            let TaskKind::Multiclass { classes } = task.kind else { return None };
            let labelled = self.labels(number).iter().zip(self.weights(number)).filter(|&(_, &weight)| weight > 0.0);
            let is_class = |label: f32| label >= 0.0 && label < classes as f32 && label.fract() == 0.0;
            let unknown = labelled.map(|(&label, _)| label).find(|&label| !is_class(label));
            unknown.map(|label| format!("task `{}` has class {label}, expected 0 to {}", task.name, classes - 1))
        })
    }

    /// Says what does not fit `schema`, if anything: a batch that passes cannot make an engine read out of bounds.
    pub fn mismatch(&self, schema: &Schema) -> Option<String> {
        let rows = self.rows();
        let starts_fit = self.scene_starts.len() == schema.scenes.len() + 1
            && self.scene_starts[0] == 0
            && self.scene_starts.is_sorted()
            && self.scene_starts.last().is_some_and(|&end| end as usize == rows);
        if !starts_fit {
            return Some(format!(
                "scene_starts {:?} do not divide {rows} rows into {} scenes",
                self.scene_starts,
                schema.scenes.len()
            ));
        }
        let sizes = [
            ("lookups", self.lookups.len(), schema.fields.len()),
            ("numeric", self.numeric.len(), rows * schema.numeric_columns()),
            ("labels", self.labels.len(), rows * schema.tasks.len()),
            ("weights", self.weights.len(), rows * schema.tasks.len()),
            ("segments", self.segments.len(), schema.vocabularies.len()),
        ];
        if let Some((what, got, expected)) = sizes.iter().find(|(_, got, expected)| got != expected) {
            return Some(format!("{what} has {got} elements, expected {expected}"));
        }
        schema.fields.iter().zip(&self.lookups).find_map(|(field, lookup)| {
            let vocabulary = match field.kind {
                FieldKind::Numeric => return None,
                FieldKind::Categorical { vocabulary } | FieldKind::Tokens { vocabulary, .. } => vocabulary,
            };
            let size = schema.vocabularies[vocabulary].size;
            if lookup.rows() != rows {
                return Some(format!("field `{}` has {} rows, expected {rows}", field.name, lookup.rows()));
            }
            if lookup.starts.is_some() && matches!(field.kind, FieldKind::Categorical { .. }) {
                return Some(format!("field `{}` has lists of ids, expected one id a row", field.name));
            }
            if !lookup.starts.as_ref().is_none_or(|starts| divide(starts, lookup.ids.len())) {
                return Some(format!(
                    "field `{}` has starts that do not divide its {} ids",
                    field.name,
                    lookup.ids.len()
                ));
            }
            let unknown = lookup.ids.iter().find(|&&id| id as usize >= size);
            unknown.map(|id| format!("field `{}` has id {id}, expected below {size}", field.name))
        })
    }
}

/// Bytes that a buffer takes.
pub(crate) fn bytes<T>(buffer: &Vec<T>) -> usize {
    buffer.capacity() * size_of::<T>()
}

/// Whether ascending bounds from 0 to `len` were given.
fn divide(starts: &[u32], len: usize) -> bool {
    starts.first() == Some(&0) && starts.is_sorted() && starts.last().is_some_and(|&end| end as usize == len)
}
