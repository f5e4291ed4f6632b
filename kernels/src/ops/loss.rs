//! Objectives of all tasks: their values in one launch, the derivatives of all logits in another.

#![expect(
    unused_assignments,
    reason = "an `if` as a value is silently wrong in a kernel when its branches are literals, so branches assign"
)]

use cubecl::prelude::*;

use crate::elementary::softplus;

/// Words of a [`value`] job: kind, task, factors (first, number) of (at, stride, width) each.
pub const VALUE: usize = 4;

/// Words of a [`gradient`] job: logits (at, stride, width), whether to add, terms (first, number).
pub const GRADIENT: usize = 6;

/// Words of a term: those of a [`VALUE`] job, the objective, and which factor the logits are.
pub const TERM: usize = 6;

/// `-y log p - (1 - y) log(1 - p)`
pub const CROSS_ENTROPY: u32 = 0;
/// `(z - y)²`
pub const SQUARED: u32 = 1;
/// `-log softmax(z)[y]`
pub const SOFTMAX_CROSS_ENTROPY: u32 = 2;

/// Units of a cube of [`value`].
pub const VALUE_UNITS: usize = 64;

/// Rows whose losses a cube adds up.
pub const VALUE_ROWS: u32 = 256;

/// `log p` and `log (1 - p)` of a product of sigmoids.
#[derive(CubeType, CubeTypeMut, Clone, Copy)]
struct Logs {
    one: f32,
    other: f32,
}

/// `1 - p = Σ_i σ(-a_i) Π_{j<i} σ(a_j)`, summed in log space.
#[cube]
fn logs(values: &Array<f32>, jobs: &Array<u32>, factors: usize, number: u32, row: u32) -> Logs {
    let a = values[(jobs[factors] + row * jobs[factors + 1]) as usize];
    let mut logs = Logs { one: -softplus(-a), other: -softplus(a) };
    for i in 1..number {
        let factor = factors + 3 * i as usize;
        let a = values[(jobs[factor] + row * jobs[factor + 1]) as usize];
        logs.other = log_sum(logs.other, logs.one - softplus(a));
        logs.one -= softplus(-a);
    }
    logs
}

/// `ln (e^a + e^b)`
#[cube]
fn log_sum(a: f32, b: f32) -> f32 {
    max(a, b) + softplus(-(a - b).abs())
}

/// `largest + ln Σ e^(z - largest)`
#[cube]
fn log_sum_exp(values: &Array<f32>, z: u32, width: u32) -> f32 {
    let mut largest = values[z as usize];
    for c in 1..width {
        largest = max(largest, values[(z + c) as usize]);
    }
    let mut sum = 0.0f32;
    for c in 0..width {
        sum += (values[(z + c) as usize] - largest).exp();
    }
    largest + sum.ln()
}

/// Parts of mean losses, one cube each: its units add rows in order, then units are added in order. `out` has `parts` for
/// each objective from `out_at` on; `numbers` the reciprocals of what sums are divided by. Cubes are (parts, 1, jobs).
#[cube(launch_unchecked)]
pub fn value(
    out: &mut Array<f32>,
    values: &Array<f32>,
    batch: &Array<u32>,
    numbers: &Array<f32>,
    jobs: &Array<u32>,
    first: u32,
    out_at: u32,
    parts: u32,
    header: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(VALUE as u32)) as usize;
    let rows = batch[0];
    let end = min((CUBE_POS_X + 1u32) * VALUE_ROWS, rows);
    let labels = batch[header as usize] + jobs[job + 1] * rows;
    let weights = batch[header as usize + 1] + jobs[job + 1] * rows;
    let kind = jobs[job];
    let factors = jobs[job + 2] as usize;
    let mut sum = 0.0f32;
    let mut row = CUBE_POS_X * VALUE_ROWS + UNIT_POS;
    while row < end {
        let weight = numbers[(weights + row) as usize];
        if weight > 0.0f32 {
            let y = numbers[(labels + row) as usize];
            let z = jobs[factors] + row * jobs[factors + 1];
            let mut loss = 0.0f32;
            if kind == CROSS_ENTROPY {
                let logs = logs(values, jobs, factors, jobs[job + 3], row);
                loss = -(y * logs.one) - (1.0f32 - y) * logs.other;
            } else if kind == SQUARED {
                let miss = values[z as usize] - y;
                loss = miss * miss;
            } else {
                loss = log_sum_exp(values, z, jobs[factors + 2]) - values[(z + u32::cast_from(y)) as usize];
            }
            sum += weight * loss;
        }
        row += comptime!(VALUE_UNITS as u32);
    }
    let mut of_units = SharedMemory::<f32>::new(VALUE_UNITS);
    of_units[UNIT_POS as usize] = sum;
    sync_cube();
    if UNIT_POS == 0u32 {
        let mut total = 0.0f32;
        for i in 0..VALUE_UNITS {
            total += of_units[i];
        }
        let objective = CUBE_POS_Z;
        out[(out_at + objective * parts + CUBE_POS_X) as usize] =
            total * numbers[(batch[header as usize + 2] + objective) as usize];
    }
}

/// Derivatives of logits, of all objectives that read them. `of_objectives` are the objectives' weights. Cubes are (rows,
/// 1, jobs).
#[cube(launch_unchecked)]
pub fn gradient(
    grads: &mut Array<f32>,
    values: &Array<f32>,
    batch: &Array<u32>,
    numbers: &Array<f32>,
    of_objectives: &Array<f32>,
    jobs: &Array<u32>,
    first: u32,
    header: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(GRADIENT as u32)) as usize;
    let row = ABSOLUTE_POS_X;
    let rows = batch[0];
    if row >= rows {
        terminate!();
    }
    let width = jobs[job + 2];
    let to = jobs[job] + row * jobs[job + 1];
    if jobs[job + 3] == 0u32 {
        for c in 0..width {
            grads[(to + c) as usize] = 0.0f32;
        }
    }
    for number in 0..jobs[job + 5] {
        let term = (jobs[job + 4] + number * comptime!(TERM as u32)) as usize;
        let kind = jobs[term];
        let task = jobs[term + 1];
        let factors = jobs[term + 2] as usize;
        let objective = jobs[term + 4];
        let weight = numbers[(batch[header as usize + 1] + task * rows + row) as usize];
        let share = of_objectives[objective as usize] * numbers[(batch[header as usize + 2] + objective) as usize];
        if weight > 0.0f32 {
            let y = numbers[(batch[header as usize] + task * rows + row) as usize];
            let z = jobs[job] + row * jobs[job + 1];
            let mut normaliser = 0.0f32;
            if kind == SOFTMAX_CROSS_ENTROPY {
                normaliser = log_sum_exp(values, z, width);
            }
            for c in 0..width {
                let a = values[(z + c) as usize];
                let mut slope = 0.0f32;
                if kind == CROSS_ENTROPY {
                    let log_q = -softplus(a);
                    let mut push = log_q.exp();
                    let mut pull = (-softplus(-a)).exp();
                    if jobs[term + 3] > 1u32 {
                        let logs = logs(values, jobs, factors, jobs[term + 3], row);
                        pull = (logs.one + log_q - logs.other).exp();
                    }
                    push *= y;
                    slope = (1.0f32 - y) * pull - push;
                } else if kind == SQUARED {
                    slope = 2.0f32 * (a - y);
                } else {
                    slope = (a - normaliser).exp();
                    if c == u32::cast_from(y) {
                        slope -= 1.0f32;
                    }
                }
                grads[(to + c) as usize] = grads[(to + c) as usize] + share * weight * slope;
            }
        }
    }
}
