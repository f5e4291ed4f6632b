//! Objectives of all tasks: their values in one launch, the derivatives of all logits in another.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "a slice is of the host's size only on the host")]
#![expect(
    unused_assignments,
    reason = "an `if` as a value is silently wrong in a kernel when its branches are literals, so branches assign"
)]

use cubecl::prelude::*;

use crate::elementary::softplus;
use crate::rows::element;

/// Words of a [`value`] job: kind, task, factors (first, number) of (at, stride, width) each, the bits of the share of a
/// label that is spread over all classes.
pub const VALUE: usize = 5;

/// Words of a [`gradient`] job: logits (at, stride, width), whether to add, terms (first, number).
pub const GRADIENT: usize = 6;

/// Words of a term: those of a [`VALUE`] job, the objective, and which factor the logits are.
pub const TERM: usize = 7;

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

/// A row of the batch, and where its values lie: that row of slots in memory, or that of a tile of so many rows on chip.
#[derive(CubeType, Clone, Copy)]
pub struct Row {
    /// In the batch.
    pub number: u32,
    /// Where its values are.
    pub at: u32,
    /// Rows of a tile, 0 in memory.
    #[cube(comptime)]
    pub tile: usize,
}

/// `1 - p = Σ_i σ(-a_i) Π_{j<i} σ(a_j)`, summed in log space.
#[cube]
fn logs(values: &Slice<f32>, jobs: &Array<u32>, factors: usize, number: u32, row: Row) -> Logs {
    let a = values[element(jobs[factors], jobs[factors + 1], row.at, 0u32, row.tile)];
    let mut logs = Logs { one: -softplus(-a), other: -softplus(a) };
    for i in 1..number {
        let factor = factors + 3 * i as usize;
        let a = values[element(jobs[factor], jobs[factor + 1], row.at, 0u32, row.tile)];
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

/// The share of the second of two classes in a label.
#[cube]
fn of_two(y: f32, smoothing: f32) -> f32 {
    (1.0f32 - smoothing) * y + 0.5f32 * smoothing
}

/// `largest + ln Σ e^(z - largest)` of logits (at, stride, width) from a word on.
#[cube]
fn log_sum_exp(values: &Slice<f32>, jobs: &Array<u32>, logits: usize, row: Row) -> f32 {
    let at = jobs[logits];
    let stride = jobs[logits + 1];
    let width = jobs[logits + 2];
    let mut largest = values[element(at, stride, row.at, 0u32, row.tile)];
    for c in 1..width {
        largest = max(largest, values[element(at, stride, row.at, c, row.tile)]);
    }
    let mut sum = 0.0f32;
    for c in 0..width {
        sum += (values[element(at, stride, row.at, c, row.tile)] - largest).exp();
    }
    largest + sum.ln()
}

/// A row's weighted loss, by the words of a [`VALUE`] job.
#[cube]
pub fn of_row(
    values: &Slice<f32>,
    batch: &Array<u32>,
    numbers: &Array<f32>,
    jobs: &Array<u32>,
    job: usize,
    header: u32,
    row: Row,
) -> f32 {
    let of_task = jobs[job + 1] * batch[0] + row.number;
    let weight = numbers[(batch[header as usize + 1] + of_task) as usize];
    let mut loss = 0.0f32;
    if weight > 0.0f32 {
        let kind = jobs[job];
        let factors = jobs[job + 2] as usize;
        let y = numbers[(batch[header as usize] + of_task) as usize];
        let smoothing = f32::reinterpret(jobs[job + 4]);
        if kind == CROSS_ENTROPY {
            let y = of_two(y, smoothing);
            let logs = logs(values, jobs, factors, jobs[job + 3], row);
            loss = -(y * logs.one) - (1.0f32 - y) * logs.other;
        } else if kind == SQUARED {
            let miss = values[element(jobs[factors], jobs[factors + 1], row.at, 0u32, row.tile)] - y;
            loss = miss * miss;
        } else {
            let at = jobs[factors];
            let stride = jobs[factors + 1];
            let width = jobs[factors + 2];
            let each = smoothing / f32::cast_from(width);
            let mut held_to = (1.0f32 - smoothing) * values[element(at, stride, row.at, u32::cast_from(y), row.tile)];
            // A class that no label has a share of may be impossible, and 0 · ∞ is no number.
            if smoothing > 0.0f32 {
                for c in 0..width {
                    held_to += each * values[element(at, stride, row.at, c, row.tile)];
                }
            }
            loss = log_sum_exp(values, jobs, factors, row) - held_to;
        }
        loss *= weight;
    }
    loss
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
    let end = min((CUBE_POS_X + 1u32) * VALUE_ROWS, batch[0]);
    let mut sum = 0.0f32;
    let mut row = CUBE_POS_X * VALUE_ROWS + UNIT_POS;
    while row < end {
        let of = Row { number: row, at: row, tile: 0usize };
        sum += of_row(&values.to_slice(), batch, numbers, jobs, job, header, of);
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
    if row >= batch[0] {
        terminate!();
    }
    let mut grads = grads.to_slice_mut();
    let of = Row { number: row, at: row, tile: 0usize };
    zero(&mut grads, jobs, job, jobs[job], of);
    slopes(&mut grads, &values.to_slice(), batch, numbers, of_objectives, jobs, job, jobs[job], header, of);
}

/// Makes derivatives of a [`GRADIENT`] job 0, unless those to come are added to them.
#[cube]
pub fn zero(grads: &mut SliceMut<f32>, jobs: &Array<u32>, job: usize, to: u32, row: Row) {
    if jobs[job + 3] == 0u32 {
        for c in 0..jobs[job + 2] {
            let at = element(to, jobs[job + 1], row.at, c, row.tile);
            grads[at] = 0.0f32;
        }
    }
}

/// Adds the derivatives of a row's logits to those at `to`.
#[cube]
pub fn slopes(
    grads: &mut SliceMut<f32>,
    values: &Slice<f32>,
    batch: &Array<u32>,
    numbers: &Array<f32>,
    of_objectives: &Array<f32>,
    jobs: &Array<u32>,
    job: usize,
    to: u32,
    header: u32,
    row: Row,
) {
    let stride = jobs[job + 1];
    for number in 0..jobs[job + 5] {
        let term = (jobs[job + 4] + number * comptime!(TERM as u32)) as usize;
        let kind = jobs[term];
        let of_task = jobs[term + 1] * batch[0] + row.number;
        let factors = jobs[term + 2] as usize;
        let smoothing = f32::reinterpret(jobs[term + 4]);
        let objective = jobs[term + 5];
        let weight = numbers[(batch[header as usize + 1] + of_task) as usize];
        let share = of_objectives[objective as usize] * numbers[(batch[header as usize + 2] + objective) as usize];
        if weight > 0.0f32 {
            let y = numbers[(batch[header as usize] + of_task) as usize];
            let mut normaliser = 0.0f32;
            if kind == SOFTMAX_CROSS_ENTROPY {
                normaliser = log_sum_exp(values, jobs, job, row);
            }
            for c in 0..jobs[job + 2] {
                let a = values[element(jobs[job], stride, row.at, c, row.tile)];
                let mut slope = 0.0f32;
                if kind == CROSS_ENTROPY {
                    let log_q = -softplus(a);
                    let mut push = log_q.exp();
                    let mut pull = (-softplus(-a)).exp();
                    if jobs[term + 3] > 1u32 {
                        let logs = logs(values, jobs, factors, jobs[term + 3], row);
                        pull = (logs.one + log_q - logs.other).exp();
                    }
                    let y = of_two(y, smoothing);
                    push *= y;
                    slope = (1.0f32 - y) * pull - push;
                } else if kind == SQUARED {
                    slope = 2.0f32 * (a - y);
                } else {
                    slope = (a - normaliser).exp() - smoothing / f32::cast_from(jobs[job + 2]);
                    if c == u32::cast_from(y) {
                        slope -= 1.0f32 - smoothing;
                    }
                }
                let at = element(to, stride, row.at, c, row.tile);
                grads[at] = grads[at] + share * weight * slope;
            }
        }
    }
}
