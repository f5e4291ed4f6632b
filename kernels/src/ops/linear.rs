//! Layers of all groups and scenes in one launch: `act(x·W + b)` with dropout. Rows of a scene are a range of the batch;
//! STAR's products `W ⊙ W_scene` are formed while tiles are loaded and never written to memory.

#![expect(clippy::used_underscore_binding, reason = "a launch defines the type that its kernel is written for")]

use cubecl::ir::StorageType;
use cubecl::prelude::*;

use crate::elementary::{hyperbolic_tangent, sigmoid};
use crate::random::word;
use crate::rows::rows_of;
use crate::tile::{Tile, element_col, element_row, elements, factor, multiply, no_sums};

/// Words of a [`forward`] job: input (at, stride, width), W, one more than `W_scene` or 0, one more than b or 0, one more
/// than `b_scene` or 0, output (at, stride, width), scene, activation, dropout (key, key, threshold, scale).
pub const FORWARD: usize = 16;

/// x
pub const IDENTITY: u32 = 0;
/// max(x, 0)
pub const RELU: u32 = 1;
/// 1 / (1 + e^-x)
pub const SIGMOID: u32 = 2;
/// tanh x
pub const TANH: u32 = 3;

/// An element of W, or of `W ⊙ W_scene`.
#[cube]
pub fn weight(dense: &Array<f32>, at: u32, scene_at: u32, element: u32) -> f32 {
    let mut w = dense[(at + element) as usize];
    if scene_at > 0u32 {
        w *= dense[(scene_at - 1u32 + element) as usize];
    }
    w
}

/// `act(x)`
#[cube]
pub fn activated(x: f32, activation: u32) -> f32 {
    let mut y = x;
    if activation == RELU {
        // A comparison, so that what is no number stays none.
        if x < 0.0f32 {
            y = 0.0f32;
        }
    } else if activation == SIGMOID {
        y = sigmoid(x);
    } else if activation == TANH {
        y = hyperbolic_tangent(x);
    }
    y
}

/// Where dropout's words lie in a job.
pub const DROPOUT: usize = 12;

/// An element after dropout: 0, or scaled so that its mean stays. `words` is where dropout's lie.
#[cube]
pub fn dropped(y: f32, jobs: &Array<u32>, words: usize, element: u32, step_low: u32, step_high: u32) -> f32 {
    let threshold = jobs[words + 2];
    let mut kept = y;
    if threshold > 0u32 {
        kept *= f32::reinterpret(jobs[words + 3]);
        if word(element, step_low, step_high, jobs[words], jobs[words + 1]) < threshold {
            kept = 0.0f32;
        }
    }
    kept
}

/// `drops` says whether a job may drop elements: random words take more code than all the rest. Cubes are (columns, rows,
/// jobs) of tiles.
#[cube(launch_unchecked)]
pub fn forward<F: Float>(
    values: &mut Array<f32>,
    dense: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    step_low: u32,
    step_high: u32,
    #[comptime] drops: bool,
    #[comptime] tile: Tile,
    #[define(F)] _element: StorageType,
) {
    let job = (first + CUBE_POS_Z * comptime!(FORWARD as u32)) as usize;
    let rows = rows_of(batch, jobs[job + 10]);
    let width = jobs[job + 9];
    let row_first = rows.start + CUBE_POS_Y * comptime!(tile.rows as u32);
    let col_first = CUBE_POS_X * comptime!(tile.cols as u32);
    if row_first >= rows.end || col_first >= width {
        terminate!();
    }
    let x_at = jobs[job];
    let x_stride = jobs[job + 1];
    let depth = jobs[job + 2];
    let w_at = jobs[job + 3];
    let scene_w = jobs[job + 4];
    let unit = UNIT_POS as usize;
    let mut left = SharedMemory::<F>::new(comptime!(tile.left()));
    let mut right = SharedMemory::<F>::new(comptime!(tile.right()));
    let mut sums = no_sums(tile);
    let mut from = 0u32;
    while from < depth {
        let mut i = unit;
        while i < comptime!(tile.rows * tile.depth) {
            let row = row_first + (i / tile.depth) as u32;
            let col = from + (i % tile.depth) as u32;
            let mut x = 0.0f32;
            if row < rows.end && col < depth {
                x = values[(x_at + row * x_stride + col) as usize];
            }
            left[(i % tile.depth) * comptime!(tile.left_row()) + i / tile.depth] = factor::<F>(x, tile);
            i += comptime!(tile.units());
        }
        let mut i = unit;
        while i < comptime!(tile.right()) {
            let row = from + (i / tile.cols) as u32;
            let col = col_first + (i % tile.cols) as u32;
            let mut w = 0.0f32;
            if row < depth && col < width {
                w = weight(dense, w_at, scene_w, row * width + col);
            }
            right[i] = factor::<F>(w, tile);
            i += comptime!(tile.units());
        }
        sync_cube();
        multiply::<F>(&mut sums, &left, &right, tile);
        sync_cube();
        from += comptime!(tile.depth as u32);
    }
    let b = jobs[job + 5];
    let scene_b = jobs[job + 6];
    let out_at = jobs[job + 7];
    let out_stride = jobs[job + 8];
    let activation = jobs[job + 11];
    let sums = elements(&sums, tile);
    #[unroll]
    for i in 0..comptime!(tile.sums()) {
        let row = row_first + element_row(tile, i);
        let col = col_first + element_col(tile, i);
        if row < rows.end && col < width {
            let mut sum = sums[i];
            if b > 0u32 {
                let mut bias = dense[(b - 1u32 + col) as usize];
                if scene_b > 0u32 {
                    bias += dense[(scene_b - 1u32 + col) as usize];
                }
                sum += bias;
            }
            let mut y = activated(sum, activation);
            if comptime!(drops) {
                y = dropped(y, jobs, job + DROPOUT, row * width + col, step_low, step_high);
            }
            values[(out_at + row * out_stride + col) as usize] = y;
        }
    }
}
