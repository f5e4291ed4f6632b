//! Softmax over the experts that a gate may use; its logits are a layer's, see [`crate::ops::linear`].

use cubecl::prelude::*;

/// Words of a job: gate (at, stride, experts), where its mask starts among the words (1 where it may use an expert),
/// temperature.
pub const JOB: usize = 5;

/// Logits to weights, in place; 0 where the mask forbids. Cubes are (rows, 1, jobs).
#[cube(launch_unchecked)]
pub fn forward(values: &mut Array<f32>, batch: &Array<u32>, jobs: &Array<u32>, first: u32) {
    let job = (first + CUBE_POS_Z * comptime!(JOB as u32)) as usize;
    let row = ABSOLUTE_POS_X;
    if row >= batch[0] {
        terminate!();
    }
    let at = jobs[job] + row * jobs[job + 1];
    let experts = jobs[job + 2];
    let mask = jobs[job + 3];
    let temperature = f32::reinterpret(jobs[job + 4]);
    let mut largest = f32::min_value();
    for e in 0..experts {
        if jobs[(mask + e) as usize] > 0u32 {
            largest = max(largest, values[(at + e) as usize] / temperature);
        }
    }
    let mut sum = 0.0f32;
    for e in 0..experts {
        let mut power = 0.0f32;
        if jobs[(mask + e) as usize] > 0u32 {
            power = (values[(at + e) as usize] / temperature - largest).exp();
        }
        values[(at + e) as usize] = power;
        sum += power;
    }
    for e in 0..experts {
        values[(at + e) as usize] = values[(at + e) as usize] / sum;
    }
}

/// Derivatives of weights to those of logits, in place. Cubes are (rows, 1, jobs).
#[cube(launch_unchecked)]
pub fn backward(grads: &mut Array<f32>, values: &Array<f32>, batch: &Array<u32>, jobs: &Array<u32>, first: u32) {
    let job = (first + CUBE_POS_Z * comptime!(JOB as u32)) as usize;
    let row = ABSOLUTE_POS_X;
    if row >= batch[0] {
        terminate!();
    }
    let at = jobs[job] + row * jobs[job + 1];
    let experts = jobs[job + 2];
    let temperature = f32::reinterpret(jobs[job + 4]);
    let mut mean = 0.0f32;
    for e in 0..experts {
        mean += values[(at + e) as usize] * grads[(at + e) as usize];
    }
    for e in 0..experts {
        let p = values[(at + e) as usize];
        grads[(at + e) as usize] = p * (grads[(at + e) as usize] - mean) / temperature;
    }
}
