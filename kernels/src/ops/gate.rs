//! Softmax over the experts that a gate may use; its logits are a layer's, see [`crate::ops::linear`].

#![expect(clippy::trivially_copy_pass_by_ref, reason = "a slice is of the host's size only on the host")]

use cubecl::prelude::*;

use crate::rows::element;

/// Words of a job: gate (at, stride, experts), where its mask starts among the words (1 where it may use an expert),
/// temperature.
pub const JOB: usize = 5;

/// Logits to weights, in place; 0 where the mask forbids. Cubes are (rows, 1, jobs).
#[cube(launch_unchecked)]
pub fn forward(values: &mut Array<f32>, batch: &Array<u32>, jobs: &Array<u32>, first: u32) {
    let job = (first + CUBE_POS_Z * comptime!(JOB as u32)) as usize;
    if ABSOLUTE_POS_X < batch[0] {
        softmax(&mut values.to_slice_mut(), jobs, job, ABSOLUTE_POS_X, 0usize);
    }
}

/// The same of one row, of those in memory or of a tile of so many.
#[cube]
pub fn softmax(values: &mut SliceMut<f32>, jobs: &Array<u32>, job: usize, row: u32, #[comptime] tile: usize) {
    let at = jobs[job];
    let stride = jobs[job + 1];
    let experts = jobs[job + 2];
    let mask = jobs[job + 3];
    let temperature = f32::reinterpret(jobs[job + 4]);
    let mut largest = f32::min_value();
    for e in 0..experts {
        if jobs[(mask + e) as usize] > 0u32 {
            largest = max(largest, values[element(at, stride, row, e, tile)] / temperature);
        }
    }
    let mut sum = 0.0f32;
    for e in 0..experts {
        let to = element(at, stride, row, e, tile);
        let mut power = 0.0f32;
        if jobs[(mask + e) as usize] > 0u32 {
            power = (values[to] / temperature - largest).exp();
        }
        values[to] = power;
        sum += power;
    }
    for e in 0..experts {
        let to = element(at, stride, row, e, tile);
        values[to] = values[to] / sum;
    }
}

/// Derivatives of weights to those of logits, in place. Cubes are (rows, 1, jobs).
#[cube(launch_unchecked)]
pub fn backward(grads: &mut Array<f32>, values: &Array<f32>, batch: &Array<u32>, jobs: &Array<u32>, first: u32) {
    let job = (first + CUBE_POS_Z * comptime!(JOB as u32)) as usize;
    if ABSOLUTE_POS_X < batch[0] {
        slopes(&mut grads.to_slice_mut(), &values.to_slice(), jobs, job, jobs[job], ABSOLUTE_POS_X, 0usize);
    }
}

/// The same of one row, whose derivatives lie at `to` as its values do where the job says.
#[cube]
pub fn slopes(
    grads: &mut SliceMut<f32>,
    values: &Slice<f32>,
    jobs: &Array<u32>,
    job: usize,
    to: u32,
    row: u32,
    #[comptime] tile: usize,
) {
    let at = jobs[job];
    let stride = jobs[job + 1];
    let experts = jobs[job + 2];
    let temperature = f32::reinterpret(jobs[job + 4]);
    let mut mean = 0.0f32;
    for e in 0..experts {
        mean += values[element(at, stride, row, e, tile)] * grads[element(to, stride, row, e, tile)];
    }
    for e in 0..experts {
        let p = values[element(at, stride, row, e, tile)];
        let own = element(to, stride, row, e, tile);
        grads[own] = p * (grads[own] - mean) / temperature;
    }
}
