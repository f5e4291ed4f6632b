//! What a tail does element by element: gates, sums, mixtures, activations' derivatives. Rows of a tile are neighbours, and so
//! are the units that have them.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "shared memory is of no size only on the host")]

use cubecl::prelude::*;

use crate::chip::Chip;
use crate::ops::linear_gradient::{DEACTIVATE, deactivated};
use crate::ops::tail::TileOfRows;
use crate::ops::{gate, mix, sum};
use crate::rows::element;

/// [`gate::forward`]: a unit has one row of a gate.
#[cube]
pub fn gates(memory: &mut SharedMemory<f32>, jobs: &Array<u32>, step: usize, #[comptime] chip: Chip) {
    let mut i = UNIT_POS;
    while i < jobs[step + 2] * comptime!(chip.rows as u32) {
        let job = (jobs[step + 1] + i / comptime!(chip.rows as u32) * comptime!(gate::JOB as u32)) as usize;
        gate::softmax(&mut memory.to_slice_mut(), jobs, job, i % comptime!(chip.rows as u32), chip.rows);
        i += comptime!(chip.units as u32);
    }
}

/// [`gate::backward`], likewise.
#[cube]
pub fn slopes_of_gates(
    memory: &mut SharedMemory<f32>,
    jobs: &Array<u32>,
    step: usize,
    derivatives: u32,
    #[comptime] chip: Chip,
) {
    let values = memory.to_slice();
    let mut grads = memory.to_slice_mut();
    let mut i = UNIT_POS;
    while i < jobs[step + 2] * comptime!(chip.rows as u32) {
        let job = (jobs[step + 1] + i / comptime!(chip.rows as u32) * comptime!(gate::JOB as u32)) as usize;
        let row = i % comptime!(chip.rows as u32);
        gate::slopes(&mut grads, &values, jobs, job, derivatives + jobs[job], row, chip.rows);
        i += comptime!(chip.units as u32);
    }
}

/// [`sum::sum_slots`], of values or, shifted by as many columns, of derivatives: a unit has one element.
#[cube]
pub fn sums(memory: &mut SharedMemory<f32>, jobs: &Array<u32>, step: usize, shift: u32, #[comptime] chip: Chip) {
    for number in 0..jobs[step + 2] {
        let job = (jobs[step + 1] + number * comptime!(sum::JOB as u32)) as usize;
        let mut i = UNIT_POS;
        while i < jobs[job + 2] * comptime!(chip.rows as u32) {
            let row = i % comptime!(chip.rows as u32);
            let col = i / comptime!(chip.rows as u32);
            let mut sum = 0.0f32;
            for term in 0..jobs[job + 5] {
                let from = jobs[(jobs[job + 4] + 2u32 * term) as usize];
                sum += memory[element(shift + from, 0u32, row, col, chip.rows)];
            }
            let to = element(shift + jobs[job], 0u32, row, col, chip.rows);
            if jobs[job + 3] > 0u32 {
                sum += memory[to];
            }
            memory[to] = sum;
            i += comptime!(chip.units as u32);
        }
    }
}

/// The weight of an expert in a mixture.
#[cube]
fn mixing(
    memory: &SharedMemory<f32>,
    jobs: &Array<u32>,
    job: usize,
    row: u32,
    mixture: u32,
    expert: u32,
    #[comptime] chip: Chip,
) -> f32 {
    let at = jobs[job + 7];
    let number = mixture * jobs[job + 3] + expert;
    let mut weight = f32::new(0.0);
    if jobs[job + 8] > 0u32 {
        weight += memory[element(at, 0u32, row, number, chip.rows)];
    } else {
        weight += f32::reinterpret(jobs[(at + number) as usize]);
    }
    weight
}

/// [`mix::forward`]: a unit has one element of a mixture.
#[cube]
pub fn mixes(memory: &mut SharedMemory<f32>, jobs: &Array<u32>, step: usize, #[comptime] chip: Chip) {
    for number in 0..jobs[step + 2] {
        let job = (jobs[step + 1] + number * comptime!(mix::FORWARD as u32)) as usize;
        let width = jobs[job + 2];
        let mut i = UNIT_POS;
        while i < jobs[job + 6] * width * comptime!(chip.rows as u32) {
            let row = i % comptime!(chip.rows as u32);
            let col = i / comptime!(chip.rows as u32);
            let mut sum = 0.0f32;
            for e in 0..jobs[job + 3] {
                let x = memory[element(jobs[job], 0u32, row, e * width + col % width, chip.rows)];
                sum = fma(mixing(memory, jobs, job, row, col / width, e, chip), x, sum);
            }
            let to = element(jobs[job + 4], 0u32, row, col, chip.rows);
            memory[to] = sum;
            i += comptime!(chip.units as u32);
        }
    }
}

/// [`mix::backward`]: a unit has one element of a group mixed, then one weight of a row.
#[cube]
pub fn slopes_of_mixes(
    memory: &mut SharedMemory<f32>,
    jobs: &Array<u32>,
    step: usize,
    derivatives: u32,
    #[comptime] chip: Chip,
) {
    for number in 0..jobs[step + 2] {
        let job = (jobs[step + 1] + number * comptime!(mix::BACKWARD as u32)) as usize;
        let width = jobs[job + 2];
        let experts = jobs[job + 3];
        let mixtures = jobs[job + 6];
        let of_output = derivatives + jobs[job + 4];
        let mut groups = experts * width * comptime!(chip.rows as u32);
        if jobs[job + 9] == mix::NOTHING {
            groups = 0u32;
        }
        let mut i = UNIT_POS;
        while i < groups {
            let row = i % comptime!(chip.rows as u32);
            let col = i / comptime!(chip.rows as u32);
            let mut sum = 0.0f32;
            for t in 0..mixtures {
                let slope = memory[element(of_output, 0u32, row, t * width + col % width, chip.rows)];
                sum = fma(mixing(memory, jobs, job, row, t, col / width, chip), slope, sum);
            }
            let to = element(derivatives + jobs[job], 0u32, row, col, chip.rows);
            if jobs[job + 9] == mix::ADDS {
                sum += memory[to];
            }
            memory[to] = sum;
            i += comptime!(chip.units as u32);
        }
        let mut weights = mixtures * experts * comptime!(chip.rows as u32);
        if jobs[job + 10] == mix::NOTHING {
            weights = 0u32;
        }
        let mut i = UNIT_POS;
        while i < weights {
            let row = i % comptime!(chip.rows as u32);
            let pair = i / comptime!(chip.rows as u32);
            let mut sum = 0.0f32;
            for c in 0..width {
                let slope = memory[element(of_output, 0u32, row, pair / experts * width + c, chip.rows)];
                let x = memory[element(jobs[job], 0u32, row, pair % experts * width + c, chip.rows)];
                sum = fma(x, slope, sum);
            }
            let to = element(derivatives + jobs[job + 7], 0u32, row, pair, chip.rows);
            if jobs[job + 10] == mix::ADDS {
                sum += memory[to];
            }
            memory[to] = sum;
            i += comptime!(chip.units as u32);
        }
    }
}

/// [`crate::ops::linear_gradient::deactivate`]: a unit has one element.
#[cube]
pub fn deactivations(
    memory: &mut SharedMemory<f32>,
    jobs: &Array<u32>,
    step: usize,
    tile: TileOfRows,
    derivatives: u32,
    step_low: u32,
    step_high: u32,
    #[comptime] chip: Chip,
) {
    for number in 0..jobs[step + 2] {
        let job = (jobs[step + 1] + number * comptime!(DEACTIVATE as u32)) as usize;
        let width = jobs[job + 2];
        let mut i = UNIT_POS;
        while i < width * comptime!(chip.rows as u32) {
            let row = i % comptime!(chip.rows as u32);
            let col = i / comptime!(chip.rows as u32);
            let y = memory[element(jobs[job], 0u32, row, col, chip.rows)];
            let at = element(derivatives + jobs[job], 0u32, row, col, chip.rows);
            memory[at] = deactivated(memory[at], y, jobs, job, (tile.first + row) * width + col, step_low, step_high);
            i += comptime!(chip.units as u32);
        }
    }
}
