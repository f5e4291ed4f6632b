//! Products of a tail's tile, whose rows are few: a unit has them all in registers, and reads each weight once.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "shared memory is of no size only on the host")]

use cubecl::prelude::*;
use mmtl_plan::Factors;

use crate::chip::{Chip, STAGE};
use crate::ops::linear::{DROPOUT, FORWARD, activated, dropped, weight};
use crate::ops::linear_gradient::{INPUT, TERM, WEIGHT};
use crate::ops::tail::{INPUT_IN_MEMORY, TileOfRows};
use crate::rows::element;
use crate::tile::rounded;

/// Units beside each other that share the sum of an input's derivative: they read a row of a matrix side by side.
const LANES: u32 = 8;

/// Rows of a matrix whose gradients a unit makes, for the columns whose derivatives it has.
const DEEP: u32 = 32;

/// A tile's elements of a column, as factors.
#[cube]
fn factors_of_column(
    memory: &SharedMemory<f32>,
    at: u32,
    col: u32,
    #[comptime] factors: Factors,
    #[comptime] chip: Chip,
) -> Array<f32> {
    let mut rows = column(memory, at, col, chip);
    #[unroll]
    for i in 0..chip.rows {
        rows[i] = rounded(rows[i], factors);
    }
    rows
}

/// A tile's elements of a column.
#[cube]
fn column(memory: &SharedMemory<f32>, at: u32, col: u32, #[comptime] chip: Chip) -> Array<f32> {
    let from = element(at, 0u32, 0u32, col, chip.rows);
    let mut rows = Array::<f32>::new(chip.rows);
    #[unroll]
    for i in 0..chip.rows {
        rows[i] = memory[from + i];
    }
    rows
}

/// An element of W, or of `W ⊙ W_scene` where `stars` says that a layer may have those, as a factor.
#[cube]
fn weight_of(
    dense: &Array<f32>,
    at: u32,
    scene_at: u32,
    number: u32,
    #[comptime] stars: bool,
    #[comptime] factors: Factors,
) -> f32 {
    let mut w = dense[(at + number) as usize];
    if comptime!(stars) {
        w = weight(dense, at, scene_at, number);
    }
    rounded(w, factors)
}

/// Sums of a tile's rows in so many columns.
#[cube]
fn no_sums(#[comptime] chip: Chip) -> Array<f32> {
    let mut sums = Array::<f32>::new(comptime!(chip.across * chip.rows));
    #[unroll]
    for i in 0..comptime!(chip.across * chip.rows) {
        sums[i] = 0.0f32;
    }
    sums
}

/// A unit's first item of a job, after so many of the jobs before: items of all go round the units.
#[cube]
fn turn(before: u32, #[comptime] chip: Chip) -> u32 {
    let units = comptime!(chip.units as u32);
    (UNIT_POS + units - before % units) % units
}

/// `act(x·W + b)` with dropout. A unit has columns of a group, each a step from the last.
#[cube]
pub fn layers(
    memory: &mut SharedMemory<f32>,
    dense: &Array<f32>,
    jobs: &Array<u32>,
    step: usize,
    tile: TileOfRows,
    scenes: u32,
    step_low: u32,
    step_high: u32,
    #[comptime] drops: bool,
    #[comptime] stars: bool,
    #[comptime] factors: Factors,
    #[comptime] chip: Chip,
) {
    let each = max(scenes, 1u32);
    let mut before = 0u32;
    for group in 0..jobs[step + 2] / each {
        let job = (jobs[step + 1] + (group * each + tile.scene) * comptime!(FORWARD as u32)) as usize;
        let width = jobs[job + 9];
        let blocks = width.div_ceil(comptime!(chip.across as u32));
        let mut col = turn(before, chip);
        while col < blocks {
            let mut sums = no_sums(chip);
            for k in 0..jobs[job + 2] {
                let x = factors_of_column(memory, jobs[job], k, factors, chip);
                #[unroll]
                for a in 0..chip.across {
                    // Columns that are not there have the weights of the last.
                    let c = min(col + comptime!(a as u32) * blocks, width - 1u32);
                    let w = weight_of(dense, jobs[job + 3], jobs[job + 4], k * width + c, stars, factors);
                    #[unroll]
                    for i in 0..chip.rows {
                        let at = comptime!(a * chip.rows + i);
                        sums[at] = fma(x[i], w, sums[at]);
                    }
                }
            }
            #[unroll]
            for a in 0..chip.across {
                let c = col + comptime!(a as u32) * blocks;
                if c < width {
                    let mut bias = 0.0f32;
                    if jobs[job + 5] > 0u32 {
                        bias = dense[(jobs[job + 5] - 1u32 + c) as usize];
                        if jobs[job + 6] > 0u32 {
                            bias += dense[(jobs[job + 6] - 1u32 + c) as usize];
                        }
                    }
                    let to = element(jobs[job + 7], 0u32, 0u32, c, chip.rows);
                    #[unroll]
                    for i in 0..chip.rows {
                        memory[to + i] = sums[comptime!(a * chip.rows + i)] + bias;
                    }
                }
            }
            let mut c = col;
            while c < width {
                for row in 0..comptime!(chip.rows as u32) {
                    let at = element(jobs[job + 7], 0u32, row, c, chip.rows);
                    let mut y = activated(memory[at], jobs[job + 11]);
                    if comptime!(drops) {
                        y = dropped(y, jobs, job + DROPOUT, (tile.first + row) * width + c, step_low, step_high);
                    }
                    memory[at] = y;
                }
                c += blocks;
            }
            col += comptime!(chip.units as u32);
        }
        before += blocks;
    }
}

/// `dX = Σ dZ·Wᵀ`. Units that are neighbours have columns of dZ in turn, and are added in order.
#[cube]
pub fn inputs(
    memory: &mut SharedMemory<f32>,
    grads: &mut Array<f32>,
    dense: &Array<f32>,
    jobs: &Array<u32>,
    step: usize,
    tile: TileOfRows,
    scenes: u32,
    derivatives: u32,
    #[comptime] stars: bool,
    #[comptime] factors: Factors,
    #[comptime] chip: Chip,
) {
    let stage = comptime!(chip.stage());
    let each = max(scenes, 1u32);
    let blocks = jobs[step + 3].div_ceil(comptime!(chip.across as u32));
    let items = jobs[step + 2] / each * blocks;
    let at_once = comptime!(chip.units as u32 / LANES);
    // As many of a unit's columns at a time as the stage holds.
    let rounds = comptime!((chip.units * chip.across).div_ceil(STAGE));
    let across = comptime!(chip.across / rounds);
    let mut first = 0u32;
    while first < items {
        let sums =
            terms(memory, dense, jobs, step, first, items, blocks, each, tile.scene, derivatives, stars, factors, chip);
        #[unroll]
        for round in 0..rounds {
            #[unroll]
            for a in 0..across {
                let to = stage + (comptime!(a * chip.units) + UNIT_POS as usize) * chip.rows;
                #[unroll]
                for i in 0..chip.rows {
                    memory[to + i] = sums[comptime!((round * across + a) * chip.rows + i)];
                }
            }
            sync_cube();
            let mut i = UNIT_POS;
            while i < at_once * comptime!((across * chip.rows) as u32) {
                let row = i % comptime!(chip.rows as u32);
                let own = i / comptime!(chip.rows as u32) % at_once;
                let a = i / comptime!(chip.rows as u32) / at_once;
                // Beyond the last there is nothing to write.
                let item = min(first + own, items - 1u32);
                let job = (jobs[step + 1] + (item / blocks * each + tile.scene) * comptime!(INPUT as u32)) as usize;
                let k = item % blocks + (comptime!((round * across) as u32) + a) * blocks;
                if first + own < items && k < jobs[job + 2] {
                    let from = a * comptime!(chip.units as u32) + own * LANES;
                    let mut sum = 0.0f32;
                    for lane in 0..LANES {
                        sum += memory[stage + ((from + lane) * comptime!(chip.rows as u32) + row) as usize];
                    }
                    if jobs[step] == INPUT_IN_MEMORY {
                        if tile.first + row < tile.end {
                            let to = element(jobs[job], jobs[job + 1], tile.first + row, k, 0usize);
                            grads[to] = sum;
                        }
                    } else {
                        let to = element(derivatives + jobs[job], 0u32, row, k, chip.rows);
                        if jobs[job + 4] > 0u32 {
                            sum += memory[to];
                        }
                        memory[to] = sum;
                    }
                }
                i += comptime!(chip.units as u32);
            }
            sync_cube();
        }
        first += at_once;
    }
}

/// A lane's share of the sums of an item's columns.
#[cube]
fn terms(
    memory: &SharedMemory<f32>,
    dense: &Array<f32>,
    jobs: &Array<u32>,
    step: usize,
    first: u32,
    items: u32,
    blocks: u32,
    each: u32,
    scene: u32,
    derivatives: u32,
    #[comptime] stars: bool,
    #[comptime] factors: Factors,
    #[comptime] chip: Chip,
) -> Array<f32> {
    let mut sums = no_sums(chip);
    let item = min(first + UNIT_POS / LANES, items - 1u32);
    let job = (jobs[step + 1] + (item / blocks * each + scene) * comptime!(INPUT as u32)) as usize;
    let col = item % blocks;
    let wide = jobs[job + 2];
    let mut terms = jobs[job + 6];
    if first + UNIT_POS / LANES >= items || col >= wide {
        terms = 0u32;
    }
    for number in 0..terms {
        let term = (jobs[job + 5] + number * comptime!(TERM as u32)) as usize;
        let depth = jobs[term + 2];
        let mut c = UNIT_POS % LANES;
        while c < depth {
            let d = factors_of_column(memory, derivatives + jobs[term], c, factors, chip);
            #[unroll]
            for a in 0..chip.across {
                let k = min(col + comptime!(a as u32) * blocks, wide - 1u32);
                let w = weight_of(dense, jobs[term + 3], jobs[term + 4], k * depth + c, stars, factors);
                #[unroll]
                for i in 0..chip.rows {
                    let at = comptime!(a * chip.rows + i);
                    sums[at] = fma(d[i], w, sums[at]);
                }
            }
            c += LANES;
        }
    }
    sums
}

/// `Xᵀ·dZ` over the tile's rows, and `Σ dZ` where there is a bias, after those of the tiles before. A unit has the derivatives
/// of columns of dZ, for so many rows of the matrix; the same in each tile.
#[cube]
pub fn weights(
    memory: &SharedMemory<f32>,
    parts: &mut Array<f32>,
    jobs: &Array<u32>,
    step: usize,
    tile: TileOfRows,
    own_parts: u32,
    derivatives: u32,
    #[comptime] factors: Factors,
    #[comptime] chip: Chip,
) {
    let mut before = 0u32;
    for number in 0..jobs[step + 2] {
        let job = (jobs[step + 1] + number * comptime!(WEIGHT as u32)) as usize;
        let wide = jobs[job + 2];
        let width = jobs[job + 5];
        let own = own_parts + jobs[job + 6];
        let blocks = width.div_ceil(comptime!(chip.across as u32));
        let items = blocks * wide.div_ceil(DEEP);
        let mut item = turn(before, chip);
        while item < items {
            let from = item / blocks * DEEP;
            let col = item % blocks;
            let mut d = no_sums(chip);
            #[unroll]
            for a in 0..chip.across {
                let c = min(col + comptime!(a as u32) * blocks, width - 1u32);
                let of_column = factors_of_column(memory, derivatives + jobs[job + 3], c, factors, chip);
                #[unroll]
                for i in 0..chip.rows {
                    d[comptime!(a * chip.rows + i)] = of_column[i];
                }
            }
            for k in from..min(from + DEEP, wide) {
                let x = factors_of_column(memory, jobs[job], k, factors, chip);
                #[unroll]
                for a in 0..chip.across {
                    let c = col + comptime!(a as u32) * blocks;
                    if c < width {
                        let to = (own + k * width + c) as usize;
                        let mut sum = 0.0f32;
                        if tile.again > 0u32 {
                            sum = parts[to];
                        }
                        #[unroll]
                        for i in 0..chip.rows {
                            sum = fma(x[i], d[comptime!(a * chip.rows + i)], sum);
                        }
                        parts[to] = sum;
                    }
                }
            }
            if jobs[job + 8] > 0u32 && from == 0u32 {
                #[unroll]
                for a in 0..chip.across {
                    let c = col + comptime!(a as u32) * blocks;
                    if c < width {
                        let to = (own + wide * width + c) as usize;
                        let mut sum = 0.0f32;
                        if tile.again > 0u32 {
                            sum = parts[to];
                        }
                        // A bias multiplies nothing.
                        let whole = column(memory, derivatives + jobs[job + 3], c, chip);
                        #[unroll]
                        for i in 0..chip.rows {
                            sum += whole[i];
                        }
                        parts[to] = sum;
                    }
                }
            }
            item += comptime!(chip.units as u32);
        }
        before += items;
    }
}
