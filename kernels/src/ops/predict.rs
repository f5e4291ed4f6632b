//! Predictions from logits.

use cubecl::prelude::*;

use crate::elementary::{sigmoid, softplus};

/// Words of a [`forward`] job: link, output (at, stride, width), factors (first, number) of (at, stride) each.
pub const FORWARD: usize = 6;

/// Words of a [`backward`] job: link, output (at, stride, width), factors (first, number) of (at, stride, whether to add)
/// each.
pub const BACKWARD: usize = 6;

/// The logit itself.
pub const IDENTITY: u32 = 0;
/// `Π σ(logit)`
pub const SIGMOIDS: u32 = 1;
/// softmax(logits)
pub const SOFTMAX: u32 = 2;

/// Cubes are (rows, 1, jobs).
#[cube(launch_unchecked)]
pub fn forward(values: &mut Array<f32>, batch: &Array<u32>, jobs: &Array<u32>, first: u32) {
    let job = (first + CUBE_POS_Z * comptime!(FORWARD as u32)) as usize;
    let row = ABSOLUTE_POS_X;
    if row >= batch[0] {
        terminate!();
    }
    let link = jobs[job];
    let out = jobs[job + 1] + row * jobs[job + 2];
    let width = jobs[job + 3];
    let factors = jobs[job + 4] as usize;
    let z = jobs[factors] + row * jobs[factors + 1];
    if link == IDENTITY {
        for c in 0..width {
            values[(out + c) as usize] = values[(z + c) as usize];
        }
    } else if link == SIGMOIDS {
        if jobs[job + 5] == 1u32 {
            values[out as usize] = sigmoid(values[z as usize]);
        } else {
            let mut log = 0.0f32;
            for i in 0..jobs[job + 5] {
                let factor = factors + 2 * i as usize;
                log -= softplus(-values[(jobs[factor] + row * jobs[factor + 1]) as usize]);
            }
            values[out as usize] = log.exp();
        }
    } else {
        let mut largest = values[z as usize];
        for c in 1..width {
            largest = max(largest, values[(z + c) as usize]);
        }
        let mut sum = 0.0f32;
        for c in 0..width {
            sum += (values[(z + c) as usize] - largest).exp();
        }
        for c in 0..width {
            values[(out + c) as usize] = (values[(z + c) as usize] - largest).exp() / sum;
        }
    }
}

/// Derivatives of all factors' logits, in order: a product may have one twice. Cubes are (rows, 1, jobs).
#[cube(launch_unchecked)]
pub fn backward(grads: &mut Array<f32>, values: &Array<f32>, batch: &Array<u32>, jobs: &Array<u32>, first: u32) {
    let job = (first + CUBE_POS_Z * comptime!(BACKWARD as u32)) as usize;
    let row = ABSOLUTE_POS_X;
    if row >= batch[0] {
        terminate!();
    }
    let link = jobs[job];
    let out = jobs[job + 1] + row * jobs[job + 2];
    let width = jobs[job + 3];
    let mut mean = 0.0f32;
    if link == SOFTMAX {
        for c in 0..width {
            mean += values[(out + c) as usize] * grads[(out + c) as usize];
        }
    }
    for number in 0..jobs[job + 5] {
        let factor = (jobs[job + 4] + 3u32 * number) as usize;
        let z = jobs[factor] + row * jobs[factor + 1];
        for c in 0..width {
            let g = grads[(out + c) as usize];
            let p = values[(out + c) as usize];
            let at = (z + c) as usize;
            let mut d = g;
            if link == SIGMOIDS {
                d = g * p * sigmoid(-values[at]);
            } else if link == SOFTMAX {
                d = p * (g - mean);
            }
            if jobs[factor + 2] > 0u32 {
                d += grads[at];
            }
            grads[at] = d;
        }
    }
}
