//! Which rows of a batch a job is about, and what the words of a batch on the device mean.

use cubecl::prelude::*;

/// Consecutive rows.
#[derive(CubeType, CubeTypeMut, Clone, Copy)]
pub struct Rows {
    /// The first.
    pub start: u32,
    /// The one after the last.
    pub end: u32,
}

/// The element of a slot's row and column in memory, or on chip in a tile of so many rows ([`crate::chip`]).
#[cube]
pub fn element(at: u32, stride: u32, row: u32, column: u32, #[comptime] tile: usize) -> usize {
    let mut element = at + column;
    if comptime!(tile > 0) {
        element = element * comptime!(tile as u32) + row;
    } else {
        element += row * stride;
    }
    element as usize
}

/// Rows of a scene, given by one more than its index; of the whole batch for 0.
#[cube]
pub fn rows_of(batch: &Array<u32>, scene: u32) -> Rows {
    let mut rows = Rows { start: 0u32.runtime(), end: batch[0] };
    if scene > 0u32 {
        // The scenes' first rows start at word 1, and the end of the last follows.
        rows.start = batch[scene as usize];
        rows.end = batch[scene as usize + 1];
    }
    rows
}
