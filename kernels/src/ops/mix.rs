//! Weighted sums over groups, for all tasks.

#![expect(
    unused_assignments,
    reason = "an `if` as a value is silently wrong in a kernel when its branches are literals, so branches assign"
)]

use cubecl::prelude::*;

/// Words of a job: input (at, stride, width), experts, output (at, stride), mixtures, weights (at, stride: 0 for constants,
/// which then lie among the words).
pub const FORWARD: usize = 9;

/// Words of an [`input_gradient`] or a [`gate_gradient`] job: those of [`FORWARD`], and whether to add.
pub const BACKWARD: usize = 10;

/// The weight of an expert in a mixture.
#[cube]
fn weight(values: &Array<f32>, jobs: &Array<u32>, job: usize, row: u32, mixture: u32, expert: u32) -> f32 {
    let at = jobs[job + 7] + mixture * jobs[job + 3] + expert;
    let stride = jobs[job + 8];
    let mut weight = 0.0f32;
    if stride > 0u32 {
        weight = values[(at + row * stride) as usize];
    } else {
        weight = f32::reinterpret(jobs[at as usize]);
    }
    weight
}

/// Cubes are (columns of all mixtures, rows, jobs).
#[cube(launch_unchecked)]
pub fn forward(values: &mut Array<f32>, batch: &Array<u32>, jobs: &Array<u32>, first: u32) {
    let job = (first + CUBE_POS_Z * comptime!(FORWARD as u32)) as usize;
    let width = jobs[job + 2];
    let row = ABSOLUTE_POS_Y;
    if row >= batch[0] || ABSOLUTE_POS_X >= width * jobs[job + 6] {
        terminate!();
    }
    let mixture = ABSOLUTE_POS_X / width;
    let col = ABSOLUTE_POS_X % width;
    let x_at = jobs[job] + row * jobs[job + 1] + col;
    let stride = jobs[job + 8];
    let w_at = jobs[job + 7] + mixture * jobs[job + 3];
    let mut sum = 0.0f32;
    for e in 0..jobs[job + 3] {
        let mut w = 0.0f32;
        if stride > 0u32 {
            w = values[(w_at + row * stride + e) as usize];
        } else {
            w = f32::reinterpret(jobs[(w_at + e) as usize]);
        }
        sum = fma(w, values[(x_at + e * width) as usize], sum);
    }
    let to = (jobs[job + 4] + row * jobs[job + 5] + ABSOLUTE_POS_X) as usize;
    values[to] = sum;
}

/// Derivatives of the groups mixed. Cubes are (columns of all groups, rows, jobs).
#[cube(launch_unchecked)]
pub fn input_gradient(grads: &mut Array<f32>, values: &Array<f32>, batch: &Array<u32>, jobs: &Array<u32>, first: u32) {
    let job = (first + CUBE_POS_Z * comptime!(BACKWARD as u32)) as usize;
    let width = jobs[job + 2];
    let row = ABSOLUTE_POS_Y;
    if row >= batch[0] || ABSOLUTE_POS_X >= width * jobs[job + 3] {
        terminate!();
    }
    let expert = ABSOLUTE_POS_X / width;
    let col = ABSOLUTE_POS_X % width;
    let d_at = jobs[job + 4] + row * jobs[job + 5] + col;
    let mut sum = 0.0f32;
    for t in 0..jobs[job + 6] {
        sum = fma(weight(values, jobs, job, row, t, expert), grads[(d_at + t * width) as usize], sum);
    }
    let at = (jobs[job] + row * jobs[job + 1] + ABSOLUTE_POS_X) as usize;
    if jobs[job + 9] > 0u32 {
        sum += grads[at];
    }
    grads[at] = sum;
}

/// Derivatives of the weights. Cubes are (weights of a row, rows, jobs).
#[cube(launch_unchecked)]
pub fn gate_gradient(grads: &mut Array<f32>, values: &Array<f32>, batch: &Array<u32>, jobs: &Array<u32>, first: u32) {
    let job = (first + CUBE_POS_Z * comptime!(BACKWARD as u32)) as usize;
    let width = jobs[job + 2];
    let experts = jobs[job + 3];
    let row = ABSOLUTE_POS_Y;
    if row >= batch[0] || ABSOLUTE_POS_X >= experts * jobs[job + 6] {
        terminate!();
    }
    let mixture = ABSOLUTE_POS_X / experts;
    let expert = ABSOLUTE_POS_X % experts;
    let x_at = jobs[job] + row * jobs[job + 1] + expert * width;
    let d_at = jobs[job + 4] + row * jobs[job + 5] + mixture * width;
    let mut sum = 0.0f32;
    for c in 0..width {
        sum = fma(values[(x_at + c) as usize], grads[(d_at + c) as usize], sum);
    }
    let at = (jobs[job + 7] + row * jobs[job + 8] + ABSOLUTE_POS_X) as usize;
    if jobs[job + 9] > 0u32 {
        sum += grads[at];
    }
    grads[at] = sum;
}
