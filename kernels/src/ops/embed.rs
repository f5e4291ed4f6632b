//! Lookups of all fields in one launch.

use cubecl::prelude::*;

use crate::ops::linear::dropped;

/// Words of a [`forward`] job: output (at, stride, width), source, then the table's first element and the batch's word
/// that says where the field's ids start (the next: where their bounds do, 0 for one id a row); or the numeric column and
/// the number of those; then dropout (key, key, threshold, scale).
pub const FORWARD: usize = 10;

/// Where dropout's words lie in a job.
const DROPOUT: usize = 6;

/// A column of numbers.
pub const NUMERIC: u32 = 0;
/// The sum of a table's rows.
pub const SUM: u32 = 1;
/// Their mean.
pub const MEAN: u32 = 2;

/// `drops` says whether a job may drop elements. Cubes are (columns, rows, jobs).
#[cube(launch_unchecked)]
pub fn forward(
    values: &mut Array<f32>,
    tables: &Array<f32>,
    batch: &Array<u32>,
    numbers: &Array<f32>,
    jobs: &Array<u32>,
    first: u32,
    step_low: u32,
    step_high: u32,
    #[comptime] drops: bool,
) {
    let job = (first + CUBE_POS_Z * comptime!(FORWARD as u32)) as usize;
    let width = jobs[job + 2];
    let source = jobs[job + 3];
    let row = ABSOLUTE_POS_Y;
    let col = ABSOLUTE_POS_X;
    if row >= batch[0] || col >= width {
        terminate!();
    }
    let mut value = 0.0f32;
    if source == NUMERIC {
        value = numbers[(row * jobs[job + 5] + jobs[job + 4]) as usize];
    } else {
        let field = jobs[job + 5] as usize;
        let ids = batch[field];
        let bounds = batch[field + 1];
        let mut begin = row;
        let mut end = row + 1u32;
        if bounds > 0u32 {
            begin = batch[(bounds + row) as usize];
            end = batch[(bounds + row) as usize + 1];
        }
        for i in begin..end {
            value += tables[(jobs[job + 4] + batch[(ids + i) as usize] * width + col) as usize];
        }
        if source == MEAN && end > begin + 1u32 {
            value /= f32::cast_from(end - begin);
        }
    }
    if comptime!(drops) {
        value = dropped(value, jobs, job + DROPOUT, row * width + col, step_low, step_high);
    }
    let to = (jobs[job] + row * jobs[job + 1] + col) as usize;
    values[to] = value;
}
