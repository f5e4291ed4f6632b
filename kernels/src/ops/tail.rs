//! The tail of a plan in one launch ([`crate::program::Tail`]): the ops of its last levels, forward and back, for all experts,
//! tasks and scenes. A cube takes a part of the rows, tile by tile; everything of a tile stays in shared memory. What leaves is
//! the losses, the derivatives of what the tail reads, and the part's sums of its parameters' gradients, which
//! [`crate::parts::add`] adds.
//!
//! Each step is a list of jobs as a launch of its kind works on, in the same words, but that places are columns on chip
//! ([`crate::chip`]). T. Müller et al., Real-time Neural Radiance Caching for Path Tracing, SIGGRAPH 2021, do it for plain
//! multi-layer perceptrons.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "shared memory is of no size only on the host")]

use cubecl::prelude::*;
use mmtl_plan::Factors;

use crate::chip::Chip;
use crate::ops::loss;
use crate::ops::tail_elements::{deactivations, gates, mixes, slopes_of_gates, slopes_of_mixes, sums};
use crate::ops::tail_products::{inputs, layers, weights};
use crate::parts::{first_part, part_of, parts_of};
use crate::rows::{Rows, element, rows_of};

/// Words of a step: what it does, its jobs (first, number), the most columns of one.
pub const STEP: usize = 4;

/// Words of a [`LOAD`] or [`STORE`] job: a group in memory (at, stride, width), its column on chip.
pub const COPY: usize = 4;

/// Values to chip.
pub const LOAD: u32 = 0;
/// As [`crate::ops::linear::forward`], and so on with those below.
pub const LAYERS: u32 = 1;
/// [`crate::ops::gate::forward`]
pub const GATES: u32 = 2;
/// [`crate::ops::mix::forward`]
pub const MIXES: u32 = 3;
/// [`crate::ops::sum::sum_slots`] of values.
pub const SUMS: u32 = 4;
/// [`loss::value`]
pub const LOSSES: u32 = 5;
/// [`loss::gradient`]
pub const LOSS_GRADIENTS: u32 = 6;
/// [`crate::ops::sum::sum_slots`] of derivatives.
pub const SUM_GRADIENTS: u32 = 7;
/// [`crate::ops::mix::backward`]
pub const MIX_GRADIENTS: u32 = 8;
/// [`crate::ops::gate::backward`]
pub const GATE_GRADIENTS: u32 = 9;
/// [`crate::ops::linear_gradient::deactivate`]
pub const DEACTIVATIONS: u32 = 10;
/// [`crate::ops::linear_gradient::input_gradient`]
pub const INPUTS: u32 = 11;
/// The same of inputs whose derivatives go to memory.
pub const INPUT_IN_MEMORY: u32 = 12;
/// [`crate::ops::linear_gradient::weight_gradient`]
pub const WEIGHTS: u32 = 13;
/// Derivatives to memory.
pub const STORE: u32 = 14;

/// A tile of a cube's rows.
#[derive(CubeType, CubeTypeMut, Clone, Copy)]
pub struct TileOfRows {
    /// The first of them, in the batch.
    pub first: u32,
    /// The one after the last of the cube's.
    pub end: u32,
    /// Their scene, 0 where scenes share tiles.
    pub scene: u32,
    /// Whether the cube has had a tile before, to whose sums this one's are added.
    pub again: u32,
}

/// Rows of a part, and their scene.
#[derive(CubeType, CubeTypeMut, Clone, Copy)]
struct Part {
    rows: Rows,
    scene: u32,
}

/// The rows of a cube: the part of that number, which is one scene's where `scenes` is more than 0. Scenes that have few rows
/// leave numbers of no part.
#[cube]
fn part(batch: &Array<u32>, scenes: u32, length: u32) -> Part {
    let number = CUBE_POS_X;
    let whole = rows_of(batch, 0u32);
    let mut part = Part { rows: part_of(whole, number, length), scene: 0u32.runtime() };
    if scenes > 0u32 {
        part.rows.end = part.rows.start;
        for scene in 0..scenes {
            let rows = rows_of(batch, scene + 1u32);
            let first = first_part(rows, scene + 1u32, length);
            if number >= first && number < first + parts_of(rows, length) {
                part.rows = part_of(rows, number - first, length);
                part.scene = scene;
            }
        }
    }
    part
}

/// Cubes are parts of `length` rows, of which those from `from` on and before `until` are passed. `derivatives` is the column
/// that those begin at, `scenes` as [`part`] has it; a part's sums of gradients have `size` elements, of losses there are
/// `parts_of_loss` for each objective. `drops` says whether a layer may drop elements, `stars`
/// whether one may have products of two matrices, `factors` what those of products are rounded to: there are too few rows
/// for matrix units.
#[cube(launch_unchecked)]
pub fn run(
    losses: &mut Array<f32>,
    parts: &mut Array<f32>,
    grads: &mut Array<f32>,
    values: &Array<f32>,
    dense: &Array<f32>,
    batch: &Array<u32>,
    numbers: &Array<f32>,
    of_objectives: &Array<f32>,
    jobs: &Array<u32>,
    first: u32,
    steps: u32,
    derivatives: u32,
    scenes: u32,
    parts_at: u32,
    size: u32,
    length: u32,
    from: u32,
    until: u32,
    losses_at: u32,
    parts_of_loss: u32,
    objectives: u32,
    header: u32,
    step_low: u32,
    step_high: u32,
    #[comptime] drops: bool,
    #[comptime] stars: bool,
    #[comptime] factors: Factors,
    #[comptime] chip: Chip,
) {
    let mut memory = SharedMemory::<f32>::new(comptime!(chip.len()));
    let part = part(batch, scenes, length);
    let own_parts = parts_at + CUBE_POS_X * size;
    let own_losses = losses_at + CUBE_POS_X;
    let mut objective = UNIT_POS;
    if from > 0u32 {
        objective = objectives;
    }
    while objective < objectives {
        losses[(own_losses + objective * parts_of_loss) as usize] = 0.0f32;
        objective += comptime!(chip.units as u32);
    }
    let mut tile = TileOfRows { first: part.rows.start + from, end: part.rows.end, scene: part.scene, again: from };
    let last = min(part.rows.end, part.rows.start + until);
    while tile.first < last {
        for number in 0..steps {
            let step = (first + number * comptime!(STEP as u32)) as usize;
            let kind = jobs[step];
            if kind == LOAD {
                load(&mut memory, values, jobs, step, tile, chip);
            } else if kind == LAYERS {
                layers(&mut memory, dense, jobs, step, tile, scenes, step_low, step_high, drops, stars, factors, chip);
            } else if kind == GATES {
                gates(&mut memory, jobs, step, chip);
            } else if kind == MIXES {
                mixes(&mut memory, jobs, step, chip);
            } else if kind == SUMS {
                sums(&mut memory, jobs, step, 0u32, chip);
            } else if kind == LOSSES {
                values_of_losses(
                    &mut memory,
                    losses,
                    batch,
                    numbers,
                    jobs,
                    step,
                    tile,
                    own_losses,
                    parts_of_loss,
                    header,
                    chip,
                );
            } else if kind == LOSS_GRADIENTS {
                slopes_of_losses(
                    &mut memory,
                    batch,
                    numbers,
                    of_objectives,
                    jobs,
                    step,
                    tile,
                    derivatives,
                    header,
                    chip,
                );
            } else if kind == SUM_GRADIENTS {
                sums(&mut memory, jobs, step, derivatives, chip);
            } else if kind == MIX_GRADIENTS {
                slopes_of_mixes(&mut memory, jobs, step, derivatives, chip);
            } else if kind == GATE_GRADIENTS {
                slopes_of_gates(&mut memory, jobs, step, derivatives, chip);
            } else if kind == DEACTIVATIONS {
                deactivations(&mut memory, jobs, step, tile, derivatives, step_low, step_high, chip);
            } else if kind == INPUTS || kind == INPUT_IN_MEMORY {
                inputs(&mut memory, grads, dense, jobs, step, tile, scenes, derivatives, stars, factors, chip);
            } else if kind == WEIGHTS {
                weights(&memory, parts, jobs, step, tile, own_parts, derivatives, factors, chip);
            } else {
                store(&memory, grads, jobs, step, tile, derivatives, chip);
            }
            sync_cube();
        }
        tile.first += comptime!(chip.rows as u32);
        tile.again = 1u32;
    }
}

/// Values of groups in memory; 0 beyond the last row.
#[cube]
fn load(
    memory: &mut SharedMemory<f32>,
    values: &Array<f32>,
    jobs: &Array<u32>,
    step: usize,
    tile: TileOfRows,
    #[comptime] chip: Chip,
) {
    for number in 0..jobs[step + 2] {
        let job = (jobs[step + 1] + number * comptime!(COPY as u32)) as usize;
        let width = jobs[job + 2];
        let mut i = UNIT_POS;
        while i < width * comptime!(chip.rows as u32) {
            let row = i / width;
            let mut x = 0.0f32;
            if tile.first + row < tile.end {
                x = values[element(jobs[job], jobs[job + 1], tile.first + row, i % width, 0usize)];
            }
            let to = element(jobs[job + 3], 0u32, row, i % width, chip.rows);
            memory[to] = x;
            i += comptime!(chip.units as u32);
        }
    }
}

/// Derivatives of groups to memory.
#[cube]
fn store(
    memory: &SharedMemory<f32>,
    grads: &mut Array<f32>,
    jobs: &Array<u32>,
    step: usize,
    tile: TileOfRows,
    derivatives: u32,
    #[comptime] chip: Chip,
) {
    for number in 0..jobs[step + 2] {
        let job = (jobs[step + 1] + number * comptime!(COPY as u32)) as usize;
        let width = jobs[job + 2];
        let mut i = UNIT_POS;
        while i < width * comptime!(chip.rows as u32) {
            let row = i / width;
            if tile.first + row < tile.end {
                let to = element(jobs[job], jobs[job + 1], tile.first + row, i % width, 0usize);
                grads[to] = memory[element(derivatives + jobs[job + 3], 0u32, row, i % width, chip.rows)];
            }
            i += comptime!(chip.units as u32);
        }
    }
}

/// A unit has one row of an objective; then one adds the objective's.
#[cube]
fn values_of_losses(
    memory: &mut SharedMemory<f32>,
    losses: &mut Array<f32>,
    batch: &Array<u32>,
    numbers: &Array<f32>,
    jobs: &Array<u32>,
    step: usize,
    tile: TileOfRows,
    own_losses: u32,
    parts_of_loss: u32,
    header: u32,
    #[comptime] chip: Chip,
) {
    let stage = comptime!(chip.stage());
    let objectives = jobs[step + 2];
    let mut i = UNIT_POS;
    while i < objectives * comptime!(chip.rows as u32) {
        let job = (jobs[step + 1] + i / comptime!(chip.rows as u32) * comptime!(loss::VALUE as u32)) as usize;
        let at = i % comptime!(chip.rows as u32);
        let mut loss = 0.0f32;
        if tile.first + at < tile.end {
            let row = loss::Row { number: tile.first + at, at, tile: chip.rows };
            loss = loss::of_row(&memory.to_slice(), batch, numbers, jobs, job, header, row);
        }
        memory[stage + i as usize] = loss;
        i += comptime!(chip.units as u32);
    }
    sync_cube();
    let mut objective = UNIT_POS;
    while objective < objectives {
        let mut sum = 0.0f32;
        for row in 0..comptime!(chip.rows as u32) {
            sum += memory[stage + (objective * comptime!(chip.rows as u32) + row) as usize];
        }
        let to = (own_losses + objective * parts_of_loss) as usize;
        losses[to] = losses[to] + sum * numbers[(batch[header as usize + 2] + objective) as usize];
        objective += comptime!(chip.units as u32);
    }
}

/// A unit has one row of an objective's logits; rows beyond the last have derivatives of 0.
#[cube]
fn slopes_of_losses(
    memory: &mut SharedMemory<f32>,
    batch: &Array<u32>,
    numbers: &Array<f32>,
    of_objectives: &Array<f32>,
    jobs: &Array<u32>,
    step: usize,
    tile: TileOfRows,
    derivatives: u32,
    header: u32,
    #[comptime] chip: Chip,
) {
    let values = memory.to_slice();
    let mut grads = memory.to_slice_mut();
    let mut i = UNIT_POS;
    while i < jobs[step + 2] * comptime!(chip.rows as u32) {
        let job = (jobs[step + 1] + i / comptime!(chip.rows as u32) * comptime!(loss::GRADIENT as u32)) as usize;
        let at = i % comptime!(chip.rows as u32);
        let row = loss::Row { number: tile.first + at, at, tile: chip.rows };
        let to = derivatives + jobs[job];
        loss::zero(&mut grads, jobs, job, to, row);
        if tile.first + at < tile.end {
            loss::slopes(&mut grads, &values, batch, numbers, of_objectives, jobs, job, to, header, row);
        }
        i += comptime!(chip.units as u32);
    }
}
