//! A data set: rows, their parts, scenes, labels and slices.

use std::sync::Arc;

use arrow_buffer::BooleanBuffer;
use mmtl_plan::{Schema, TaskKind};

use crate::base::{BaseSums, TaskBase};
use crate::chunk::{Chunk, place};
use crate::layout::{Layout, Place};
use crate::manifest::Manifest;
use crate::part::Part;
use crate::room::Room;

/// Rows ready for training and scoring: in memory, or mapped from the cache. Cheap to clone; clones share the rows.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub(crate) inner: Arc<Rows>,
}

#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) manifest: Manifest,
    pub(crate) layout: Layout,
    pub(crate) room: Room,
    pub(crate) chunks: Vec<Chunk>,
    parts: [Vec<u32>; 3],
    slices: Vec<Slice>,
}

/// A named subset of the rows that is scored but never routed. The slice of all rows is implicit.
#[derive(Clone, Debug)]
pub struct Slice {
    name: String,
    members: Vec<BooleanBuffer>,
}

impl Slice {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it holds `row`, a row index of its data set.
    pub fn contains(&self, row: u32) -> bool {
        let (chunk, at) = place(row);
        self.members[chunk].value(at)
    }
}

impl Dataset {
    /// Of chunks that fit the manifest's schema; every chunk but the last is full.
    pub(crate) fn from_chunks(manifest: Manifest, chunks: Vec<Chunk>) -> Self {
        let by_part = || {
            let mut parts = [const { Vec::new() }; 3];
            for (row, code) in (0u32..).zip(chunks.iter().flat_map(|chunk| chunk.parts.iter())) {
                parts[*code as usize].push(row);
            }
            parts
        };
        let members = |s: usize| chunks.iter().map(|chunk| chunk.slices[s].clone()).collect();
        let slices = manifest.slices.iter().enumerate();
        let slices = slices.map(|(s, name)| Slice { name: name.clone(), members: members(s) }).collect();
        let layout = Layout::of(&manifest.schema);
        let (parts, room) = rayon::join(by_part, || Room::of(&manifest.schema, &layout, &chunks));
        Self { inner: Arc::new(Rows { manifest, layout, room, chunks, parts, slices }) }
    }

    /// What the data offers a model. Target scales are those of the known train rows of each task's space.
    pub fn schema(&self) -> &Schema {
        &self.inner.manifest.schema
    }

    /// Hexadecimal BLAKE3 hash of the sources' contents, the settings, the preprocessing's version and the seeds
    /// that decide the rows and their split.
    pub fn fingerprint(&self) -> &str {
        &self.inner.manifest.fingerprint
    }

    /// Number of rows of all parts.
    pub fn len(&self) -> usize {
        self.inner.chunks.iter().map(Chunk::rows).sum()
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the rows: of the mapped file's pages, which programs that open it share, or of this program's memory.
    pub fn bytes(&self) -> u64 {
        self.inner.chunks.iter().map(Chunk::bytes).sum::<usize>() as u64
    }

    /// Row indices of one part, ascending.
    pub fn rows(&self, part: Part) -> &[u32] {
        &self.inner.parts[usize::from(part.code())]
    }

    /// The part of a row.
    pub fn part(&self, row: u32) -> Part {
        let (chunk, at) = self.at(row);
        Part::ALL[chunk.parts[at] as usize]
    }

    /// The row's stable id: unique, and the same whatever the order of rows in the source.
    pub fn row_id(&self, row: u32) -> u64 {
        let (chunk, at) = self.at(row);
        chunk.row_ids[at]
    }

    /// The row's scene, an index into [`Schema::scenes`].
    pub fn scene(&self, row: u32) -> usize {
        let (chunk, at) = self.at(row);
        chunk.scenes[at] as usize
    }

    /// The group (user, request) of a row, if the data has groups.
    pub fn group(&self, row: u32) -> Option<u64> {
        let (chunk, at) = self.at(row);
        chunk.groups.as_ref().map(|groups| groups[at])
    }

    /// The label in original units (0 or 1, a real number, a class); `None` when it is unknown or the row lies
    /// outside the task's space.
    pub fn label(&self, task: usize, row: u32) -> Option<f64> {
        let (chunk, at) = self.at(row);
        let label = chunk.labels[at * self.inner.layout.tasks + task];
        (!label.is_nan()).then_some(label)
    }

    /// The row's weight, 1 where the data has none.
    pub fn weight(&self, row: u32) -> f32 {
        let (chunk, at) = self.at(row);
        chunk.weights.as_ref().map_or(1.0, |weights| weights[at])
    }

    /// Named subsets of the rows; the slice of all rows is implicit.
    pub fn slices(&self) -> &[Slice] {
        &self.inner.slices
    }

    /// Label statistics of a task over all known train rows of its space.
    pub fn base(&self, task: usize) -> &TaskBase {
        &self.inner.manifest.bases[task]
    }

    /// Label statistics of a task over the known ones of `rows`.
    pub fn base_of(&self, task: usize, rows: &[u32]) -> TaskBase {
        let mut sums = BaseSums::new(self.kind(task));
        let known = rows.iter().filter_map(|&row| Some((self.label(task, row)?, self.weight(row))));
        known.for_each(|(label, weight)| sums.add(label, weight));
        sums.base()
    }

    /// The ids of a categorical or token field in one row; empty for a numeric one.
    pub fn ids(&self, field: usize, row: u32) -> &[u32] {
        let (chunk, at) = self.at(row);
        match self.inner.layout.places[field] {
            Place::Scene => &chunk.scenes[at..=at],
            Place::Ids(column) => {
                let first = at * self.inner.layout.id_fields.len() + column;
                &chunk.ids[first..=first]
            }
            Place::Tokens(column) => chunk.tokens[column].row(at),
            Place::Numeric(_) => &[],
        }
    }

    /// The value of a numeric field in one row; `None` for other kinds.
    pub fn number(&self, field: usize, row: u32) -> Option<f32> {
        let (chunk, at) = self.at(row);
        match self.inner.layout.places[field] {
            Place::Numeric(column) => Some(chunk.numeric[at * self.inner.layout.numeric + column]),
            Place::Scene | Place::Ids(_) | Place::Tokens(_) => None,
        }
    }

    pub(crate) fn kind(&self, task: usize) -> TaskKind {
        self.schema().tasks[task].kind
    }

    #[inline]
    pub(crate) fn at(&self, row: u32) -> (&Chunk, usize) {
        let (chunk, at) = place(row);
        (&self.inner.chunks[chunk], at)
    }
}
