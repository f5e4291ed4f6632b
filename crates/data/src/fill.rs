//! Gathers rows into a batch: the hot path beside training. Nothing is allocated for a batch that has held as many
//! rows before, whichever they were.

use std::ops::Range;

use mmtl_plan::{Batch, Schema, TaskKind};

use crate::chunk::Chunk;
use crate::dataset::Dataset;
use crate::layout::Place;
use crate::prefetch::prefetch;

/// Rows that are gathered together, while those of the next block are on their way from memory.
const BLOCK: usize = 32;

impl Dataset {
    /// Where each row of a batch comes from: the batch that [`Dataset::fill`] makes of `rows` holds at position `p`
    /// the row `rows[order[p]]`. Rows of one scene keep their order.
    pub fn scene_order(&self, rows: &[u32], order: &mut Vec<u32>) {
        order.clear();
        order.extend(0..rows.len() as u32);
        // A stable sort of few distinct keys; called for predictions only, where a merge buffer does not matter.
        order.sort_by_key(|&i| self.scene(rows[i as usize]));
    }

    /// Makes `batch` hold `rows` for training: as [`Dataset::gather`] does, with segments.
    ///
    /// # Panics
    /// When a row index is not below [`Dataset::len`].
    pub fn fill(&self, rows: &[u32], batch: &mut Batch) {
        self.gather(rows, batch);
        self.inner.room.make_segments(self.schema(), rows.len(), batch);
        batch.rebuild_segments(self.schema());
    }

    /// Makes `batch` hold `rows`, grouped by scene (stable within each), with labels standardised, weights 0 where a
    /// label is unknown, and empty segments, which predictions do without. Whatever `batch` held before is overwritten,
    /// and its buffers are reused.
    ///
    /// # Panics
    /// When a row index is not below [`Dataset::len`].
    pub fn gather(&self, rows: &[u32], batch: &mut Batch) {
        self.place_rows(rows, batch);
        self.shape(rows.len(), batch);
        batch.clear_segments(self.schema());
        self.ask_for(0..rows.len().min(BLOCK), batch);
        for first in (0..rows.len()).step_by(BLOCK) {
            let block = first..rows.len().min(first + BLOCK);
            self.ask_for(block.end..rows.len().min(block.end + BLOCK), batch);
            self.gather_ids(block.clone(), batch);
            for position in block {
                let (chunk, at) = self.at(batch.row_ids[position] as u32);
                self.gather_fields(chunk, at, position, batch);
                gather_labels(self.schema(), chunk, at, position, batch);
                batch.row_ids[position] = chunk.row_ids[at];
            }
        }
    }

    /// Starts to bring rows from memory, where they lie anywhere: most of a gather would be waiting for them.
    fn ask_for(&self, positions: Range<usize>, batch: &Batch) {
        let layout = &self.inner.layout;
        for &row in &batch.row_ids[positions] {
            let (chunk, at) = self.at(row as u32);
            prefetch(&chunk.ids, at, layout.id_fields.len());
            prefetch(&chunk.numeric, at, layout.numeric);
            prefetch(&chunk.labels, at, layout.tasks);
            prefetch(&chunk.scenes, at, 1);
            prefetch(&chunk.row_ids, at, 1);
        }
    }

    /// Ids of categorical fields, field after field.
    fn gather_ids(&self, positions: Range<usize>, batch: &mut Batch) {
        let layout = &self.inner.layout;
        let width = layout.id_fields.len();
        let mut places = [&[][..]; BLOCK];
        let rows = &batch.row_ids[positions.clone()];
        for (place, &row) in places.iter_mut().zip(rows) {
            let (chunk, at) = self.at(row as u32);
            *place = &chunk.ids[at * width..(at + 1) * width];
        }
        for (column, &field) in layout.id_fields.iter().enumerate() {
            let to = &mut batch.lookups[field].ids[positions.clone()];
            to.iter_mut().zip(&places).for_each(|(to, place)| *to = place[column]);
        }
    }

    /// Counting sort by scene. Row indices stand in `row_ids` until their ids are gathered, which saves a buffer.
    fn place_rows(&self, rows: &[u32], batch: &mut Batch) {
        let starts = &mut batch.scene_starts;
        starts.clear();
        starts.resize(self.schema().scenes.len() + 1, 0);
        for &row in rows {
            starts[self.scene(row) + 1] += 1;
        }
        for scene in 1..starts.len() {
            starts[scene] += starts[scene - 1];
        }
        batch.row_ids.clear();
        batch.row_ids.resize(rows.len(), 0);
        for &row in rows {
            let next = &mut starts[self.scene(row)];
            batch.row_ids[*next as usize] = u64::from(row);
            *next += 1;
        }
        // Every start has moved to the next scene's.
        starts.rotate_right(1);
        starts[0] = 0;
    }

    fn shape(&self, rows: usize, batch: &mut Batch) {
        let layout = &self.inner.layout;
        batch.lookups.resize_with(layout.places.len(), Default::default);
        for (lookup, place) in batch.lookups.iter_mut().zip(&layout.places) {
            lookup.ids.clear();
            match place {
                Place::Scene | Place::Ids(_) => {
                    lookup.ids.resize(rows, 0);
                    lookup.starts = None;
                }
                Place::Numeric(_) => lookup.starts = None,
                Place::Tokens(_) => {
                    let starts = lookup.starts.get_or_insert_default();
                    starts.clear();
                    starts.push(0);
                }
            }
        }
        self.inner.room.make_tokens(rows, batch);
        let grouped = self.inner.manifest.grouped;
        batch.numeric.resize(rows * layout.numeric, 0.0);
        batch.labels.resize(rows * layout.tasks, 0.0);
        batch.weights.resize(rows * layout.tasks, 0.0);
        batch.groups.resize(if grouped { rows } else { 0 }, 0);
    }

    fn gather_fields(&self, chunk: &Chunk, at: usize, position: usize, batch: &mut Batch) {
        let layout = &self.inner.layout;
        batch.lookups[self.schema().scene_field].ids[position] = chunk.scenes[at];
        for (&field, tokens) in layout.token_fields.iter().zip(&chunk.tokens) {
            let lookup = &mut batch.lookups[field];
            lookup.ids.extend_from_slice(tokens.row(at));
            let end = lookup.ids.len() as u32;
            lookup.starts.get_or_insert_default().push(end);
        }
        let numeric = layout.numeric;
        batch.numeric[position * numeric..(position + 1) * numeric]
            .copy_from_slice(&chunk.numeric[at * numeric..(at + 1) * numeric]);
        if let Some(groups) = &chunk.groups {
            batch.groups[position] = groups[at];
        }
    }
}

fn gather_labels(schema: &Schema, chunk: &Chunk, at: usize, position: usize, batch: &mut Batch) {
    let (rows, tasks) = (batch.row_ids.len(), schema.tasks.len());
    let weight = chunk.weights.as_ref().map_or(1.0, |weights| weights[at]);
    for (t, task) in schema.tasks.iter().enumerate() {
        let label = chunk.labels[at * tasks + t];
        let trained_on = match task.kind {
            TaskKind::Binary | TaskKind::Multiclass { .. } => label,
            TaskKind::Regression { scale } => scale.standardise(label),
        };
        let known = !label.is_nan();
        batch.labels[t * rows + position] = if known { trained_on as f32 } else { 0.0 };
        batch.weights[t * rows + position] = if known { weight } else { 0.0 };
    }
}
