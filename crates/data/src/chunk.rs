//! The rows of a data set, a few thousand at a time, laid out for gathering random rows: a row's ids lie side by
//! side, and so do its numbers and its labels. A column-major layout would cost one cache miss a field and row.

use arrow_buffer::{BooleanBuffer, ScalarBuffer};

/// log₂ of [`CHUNK_ROWS`].
const SHIFT: u32 = 14;

/// Rows of every chunk but the last. Small enough that one chunk of 500 numeric fields takes 32 MiB while it is
/// written, large enough that the table of chunks stays in the cache.
pub(crate) const CHUNK_ROWS: usize = 1 << SHIFT;

/// Up to [`CHUNK_ROWS`] rows. The buffers are either of this process or of a mapped file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chunk {
    /// `[rows]`
    pub row_ids: ScalarBuffer<u64>,
    /// [`crate::Part::code`], `[rows]`
    pub parts: ScalarBuffer<u8>,
    /// `[rows]`
    pub scenes: ScalarBuffer<u32>,
    /// `[rows, categorical fields but the scene's]`
    pub ids: ScalarBuffer<u32>,
    /// `[rows, numeric fields]`
    pub numeric: ScalarBuffer<f32>,
    /// One for each token field.
    pub tokens: Vec<Tokens>,
    /// Original units, NaN where unknown or outside the task's space, `[rows, tasks]`
    pub labels: ScalarBuffer<f64>,
    /// `[rows]`, if rows are weighted
    pub weights: Option<ScalarBuffer<f32>>,
    /// `[rows]`, if rows are grouped
    pub groups: Option<ScalarBuffer<u64>>,
    /// One for each slice, `[rows]`
    pub slices: Vec<BooleanBuffer>,
}

/// The ids of a token field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tokens {
    /// All ids, row after row.
    pub ids: ScalarBuffer<u32>,
    /// `rows + 1` bounds into `ids`.
    pub starts: ScalarBuffer<i32>,
}

impl Tokens {
    #[inline]
    pub(crate) fn row(&self, at: usize) -> &[u32] {
        &self.ids[self.starts[at] as usize..self.starts[at + 1] as usize]
    }
}

impl Chunk {
    pub(crate) fn rows(&self) -> usize {
        self.row_ids.len()
    }

    /// Bytes of all its columns.
    pub(crate) fn bytes(&self) -> usize {
        let tokens = self.tokens.iter().map(|tokens| size_of_val(&*tokens.ids) + size_of_val(&*tokens.starts));
        let optional = self.weights.as_deref().map_or(0, size_of_val) + self.groups.as_deref().map_or(0, size_of_val);
        let of_rows = size_of_val(&*self.row_ids) + size_of_val(&*self.parts) + size_of_val(&*self.scenes);
        let of_fields = size_of_val(&*self.ids) + size_of_val(&*self.numeric) + tokens.sum::<usize>();
        let slices = self.slices.iter().map(|members| members.len().div_ceil(8)).sum::<usize>();
        of_rows + of_fields + size_of_val(&*self.labels) + optional + slices
    }
}

/// The chunk of a row, and the row's place in it.
#[inline]
pub(crate) fn place(row: u32) -> (usize, usize) {
    ((row >> SHIFT) as usize, row as usize & (CHUNK_ROWS - 1))
}
