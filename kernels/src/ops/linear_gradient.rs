//! The backward pass of layers of all groups and scenes.

#![expect(clippy::used_underscore_binding, reason = "a launch defines the type that its kernel is written for")]

use cubecl::ir::StorageType;
use cubecl::prelude::*;

use crate::ops::linear::{RELU, SIGMOID, TANH, weight};
use crate::parts::{first_part, part_of};
use crate::random::word;
use crate::rows::rows_of;
use crate::tile::{Tile, element_col, element_row, elements, factor, multiply, no_sums};

/// Words of a [`deactivate`] job: output (at, stride, width), activation, dropout (key, key, threshold, scale).
pub const DEACTIVATE: usize = 8;

/// Words of an [`input_gradient`] job: input (at, stride, width), scene, whether to add, terms (first, number).
pub const INPUT: usize = 7;

/// Words of a term of an input's gradient: output (at, stride, width), W, one more than `W_scene` or 0.
pub const TERM: usize = 5;

/// Words of a [`weight_gradient`] job: input (at, stride, width), output (at, stride, width), where its sums start in a part
/// (those of the bias follow those of W), scene, whether there is a bias.
pub const WEIGHT: usize = 9;

/// Turns derivatives of outputs into those of the sums before activation and dropout, in place. Cubes are (columns, rows,
/// jobs).
#[cube(launch_unchecked)]
pub fn deactivate(
    grads: &mut Array<f32>,
    values: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    step_low: u32,
    step_high: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(DEACTIVATE as u32)) as usize;
    let width = jobs[job + 2];
    let row = ABSOLUTE_POS_Y;
    let col = ABSOLUTE_POS_X;
    if row >= batch[0] || col >= width {
        terminate!();
    }
    let at = (jobs[job] + row * jobs[job + 1] + col) as usize;
    grads[at] = deactivated(grads[at], values[at], jobs, job, row * width + col, step_low, step_high);
}

/// The derivative of an element's sum, from that of the element and the element itself.
#[cube]
pub fn deactivated(
    of_output: f32,
    output: f32,
    jobs: &Array<u32>,
    job: usize,
    element: u32,
    step_low: u32,
    step_high: u32,
) -> f32 {
    let mut d = of_output;
    let mut y = output;
    let activation = jobs[job + 3];
    let threshold = jobs[job + 6];
    let mut dropped = false;
    if threshold > 0u32 {
        let scale = f32::reinterpret(jobs[job + 7]);
        dropped = word(element, step_low, step_high, jobs[job + 4], jobs[job + 5]) < threshold;
        d *= scale;
        y /= scale;
    }
    if activation == RELU {
        if y <= 0.0f32 {
            d = 0.0f32;
        }
    } else if activation == SIGMOID {
        d = d * y * (1.0f32 - y);
    } else if activation == TANH {
        d *= fma(-y, y, 1.0f32);
    }
    if dropped {
        d = 0.0f32;
    }
    d
}

/// `dX = Σ dZ·Wᵀ` over all layers and gates that read a group, each group's sum in the order of its terms. Cubes are
/// (columns, rows, jobs) of tiles.
#[cube(launch_unchecked)]
pub fn input_gradient<F: Float>(
    grads: &mut Array<f32>,
    dense: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    #[comptime] tile: Tile,
    #[define(F)] _element: StorageType,
) {
    let job = (first + CUBE_POS_Z * comptime!(INPUT as u32)) as usize;
    let rows = rows_of(batch, jobs[job + 3]);
    let wide = jobs[job + 2];
    let row_first = rows.start + CUBE_POS_Y * comptime!(tile.rows as u32);
    let col_first = CUBE_POS_X * comptime!(tile.cols as u32);
    if row_first >= rows.end || col_first >= wide {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let mut left = SharedMemory::<F>::new(comptime!(tile.left()));
    let mut right = SharedMemory::<F>::new(comptime!(tile.right()));
    let mut sums = no_sums(tile);
    for number in 0..jobs[job + 6] {
        let term = (jobs[job + 5] + number * comptime!(TERM as u32)) as usize;
        let d_at = jobs[term];
        let d_stride = jobs[term + 1];
        let depth = jobs[term + 2];
        let w_at = jobs[term + 3];
        let scene_w = jobs[term + 4];
        let mut from = 0u32;
        while from < depth {
            let mut i = unit;
            while i < comptime!(tile.rows * tile.depth) {
                let row = row_first + (i / tile.depth) as u32;
                let col = from + (i % tile.depth) as u32;
                let mut d = 0.0f32;
                if row < rows.end && col < depth {
                    d = grads[(d_at + row * d_stride + col) as usize];
                }
                left[(i % tile.depth) * comptime!(tile.left_row()) + i / tile.depth] = factor::<F>(d, tile);
                i += comptime!(tile.units());
            }
            let mut i = unit;
            while i < comptime!(tile.right()) {
                let row = from + (i % tile.depth) as u32;
                let col = col_first + (i / tile.depth) as u32;
                let mut w = 0.0f32;
                if row < depth && col < wide {
                    w = weight(dense, w_at, scene_w, col * depth + row);
                }
                right[(i % tile.depth) * tile.cols + i / tile.depth] = factor::<F>(w, tile);
                i += comptime!(tile.units());
            }
            sync_cube();
            multiply::<F>(&mut sums, &left, &right, tile);
            sync_cube();
            from += comptime!(tile.depth as u32);
        }
    }
    let x_at = jobs[job];
    let x_stride = jobs[job + 1];
    let adds = jobs[job + 4];
    let sums = elements(&sums, tile);
    #[unroll]
    for i in 0..comptime!(tile.sums()) {
        let row = row_first + element_row(tile, i);
        let col = col_first + element_col(tile, i);
        if row < rows.end && col < wide {
            let at = (x_at + row * x_stride + col) as usize;
            let mut sum = sums[i];
            if adds > 0u32 {
                sum += grads[at];
            }
            grads[at] = sum;
        }
    }
}

/// Parts of `Xᵀ·dZ` over the rows of a job, each of `length` rows, and of `Σ dZ` where there is a bias. Cubes are (columns,
/// rows of parts, jobs) of tiles of W, of which `tiles` lie above each other.
#[cube(launch_unchecked)]
pub fn weight_gradient<F: Float>(
    parts: &mut Array<f32>,
    values: &Array<f32>,
    grads: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    size: u32,
    length: u32,
    tiles: u32,
    #[comptime] tile: Tile,
    #[define(F)] _element: StorageType,
) {
    let job = (first + CUBE_POS_Z * comptime!(WEIGHT as u32)) as usize;
    let scene = jobs[job + 7];
    let of_job = rows_of(batch, scene);
    let rows = part_of(of_job, CUBE_POS_Y / tiles, length);
    let row_first = CUBE_POS_Y % tiles * comptime!(tile.rows as u32);
    let col_first = CUBE_POS_X * comptime!(tile.cols as u32);
    let x_at = jobs[job];
    let x_stride = jobs[job + 1];
    let wide = jobs[job + 2];
    let d_at = jobs[job + 3];
    let d_stride = jobs[job + 4];
    let width = jobs[job + 5];
    // A layer may have biases only.
    if rows.start >= rows.end || row_first >= max(wide, 1u32) || col_first >= width {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let mut left = SharedMemory::<F>::new(comptime!(tile.left()));
    let mut right = SharedMemory::<F>::new(comptime!(tile.right()));
    let mut sums = no_sums(tile);
    // A unit meets one column of the right factor only.
    let mut column = 0.0f32;
    let mut from = rows.start;
    while from < rows.end {
        let mut i = unit;
        while i < comptime!(tile.rows * tile.depth) {
            let row = from + (i / tile.rows) as u32;
            let col = row_first + (i % tile.rows) as u32;
            let mut x = 0.0f32;
            if row < rows.end && col < wide {
                x = values[(x_at + row * x_stride + col) as usize];
            }
            left[(i / tile.rows) * comptime!(tile.left_row()) + i % tile.rows] = factor::<F>(x, tile);
            i += comptime!(tile.units());
        }
        let mut i = unit;
        while i < comptime!(tile.right()) {
            let row = from + (i / tile.cols) as u32;
            let col = col_first + (i % tile.cols) as u32;
            let mut d = 0.0f32;
            if row < rows.end && col < width {
                d = grads[(d_at + row * d_stride + col) as usize];
            }
            column += d;
            right[i] = factor::<F>(d, tile);
            i += comptime!(tile.units());
        }
        sync_cube();
        multiply::<F>(&mut sums, &left, &right, tile);
        sync_cube();
        from += comptime!(tile.depth as u32);
    }
    let part = (first_part(of_job, scene, length) + CUBE_POS_Y / tiles) * size + jobs[job + 6];
    let sums = elements(&sums, tile);
    #[unroll]
    for i in 0..comptime!(tile.sums()) {
        let row = row_first + element_row(tile, i);
        let col = col_first + element_col(tile, i);
        if row < wide && col < width {
            parts[(part + row * width + col) as usize] = sums[i];
        }
    }
    if jobs[job + 8] > 0u32 && row_first == 0u32 {
        let mut columns = SharedMemory::<f32>::new(comptime!(tile.units()));
        columns[unit] = column;
        sync_cube();
        let col = col_first + UNIT_POS;
        if UNIT_POS < comptime!(tile.cols as u32) && col < width {
            let mut sum = 0.0f32;
            #[unroll]
            for lane in 0..comptime!(tile.units() / tile.cols) {
                sum += columns[lane * tile.cols + unit];
            }
            parts[(part + wide * width + col) as usize] = sum;
        }
    }
}
