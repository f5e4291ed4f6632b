//! What a forward or backward pass over tiles reads.

use std::ops::Range;

use mmtl_plan::Batch;

use crate::layout::Tile;
use crate::ops::norm::Statistics;
use crate::tables::Tables;
use crate::touched::Touched;

/// What every op may read while rows pass forward.
pub struct Forward<'a> {
    /// The rows.
    pub batch: &'a Batch,
    /// The dense arena.
    pub dense: &'a [f32],
    /// Weights computed once per pass; see [`crate::prepared`].
    pub prepared: &'a [f32],
    /// Embedding tables.
    pub tables: &'a Tables,
    /// What normalisations over rows subtract and divide by.
    pub statistics: &'a [Statistics],
    /// For each objective, the reciprocal of what its summed loss is divided by; 0 when it has no row.
    pub reciprocals: &'a [f64],
    /// The step that keys dropout; `None` in evaluation.
    pub training: Option<u64>,
}

/// What every op may read while gradients pass backward.
pub struct Backward<'a> {
    /// The rows.
    pub batch: &'a Batch,
    /// The dense arena.
    pub dense: &'a [f32],
    /// Weights computed once per pass.
    pub prepared: &'a [f32],
    /// What normalisations over rows subtract and divide by, and the sums their gradients need.
    pub statistics: &'a [Statistics],
    /// Weight of each objective.
    pub weights: &'a [f32],
    /// For each node, whether a gradient reaches it and something before it learns.
    pub live: &'a [bool],
}

/// A tile that has passed back through a node: what the node's gradients are summed from. `grads` holds, in the place of
/// each slot, the loss's derivative with respect to it; a [`mmtl_plan::Linear`]'s before activation and dropout, a
/// [`mmtl_plan::Gate`]'s before the softmax.
pub struct Passed<'a> {
    /// The rows of the batch.
    pub batch: &'a Batch,
    /// The tile.
    pub tile: &'a Tile,
    /// Its slots.
    pub values: &'a [f32],
    /// Their derivatives.
    pub grads: &'a [f32],
}

impl Passed<'_> {
    /// The tile's rows: all, or those of one scene.
    pub fn rows(&self, scene: Option<usize>) -> Range<usize> {
        scene.map_or(0..self.tile.rows, |s| scene_part(self.batch, s, self.tile))
    }

    /// Whether it is the first tile to have rows of a scene, or of the batch; of no rows, whether it is the first of all.
    pub fn is_first(&self, scene: Option<usize>) -> bool {
        let rows = scene.map_or(0..self.batch.rows(), |s| self.batch.scene(s));
        let first = if rows.is_empty() { 0 } else { rows.start };
        (self.tile.first..self.tile.first + self.tile.rows.max(1)).contains(&first)
    }
}

/// What remains to be made into gradients once all tiles have passed.
pub struct Summed<'a> {
    /// The dense arena.
    pub dense: &'a [f32],
    /// Embedding tables.
    pub tables: &'a Tables,
    /// Their rows that the batch looks up.
    pub touched: &'a Touched,
    /// Gradients of STAR's effective weights, and derivatives summed by id.
    pub scratch: &'a [f32],
    /// What normalisations over rows subtract and divide by, and the sums their gradients need.
    pub statistics: &'a [Statistics],
    /// For each node, whether a gradient reaches it.
    pub live: &'a [bool],
}

/// The rows of `tile` that belong to `scene`.
pub fn scene_part(batch: &Batch, scene: usize, tile: &Tile) -> Range<usize> {
    let rows = batch.scene(scene);
    let clamp = |row: usize| row.clamp(tile.first, tile.first + tile.rows) - tile.first;
    clamp(rows.start)..clamp(rows.end)
}
