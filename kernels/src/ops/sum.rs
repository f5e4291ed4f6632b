//! Sums of slots, and copies, which are sums of one: forward for `Add` and `Concat`, and back.

use cubecl::prelude::*;

/// Words of a job: output (at, stride, width), whether to add, terms (first, number) of (at, stride) each.
pub const JOB: usize = 6;

/// `out = Σ terms`, within the slots' values or within their derivatives; 0 without terms. Cubes are (columns, rows,
/// jobs).
#[cube(launch_unchecked)]
pub fn sum_slots(slots: &mut Array<f32>, batch: &Array<u32>, jobs: &Array<u32>, first: u32) {
    let job = (first + CUBE_POS_Z * comptime!(JOB as u32)) as usize;
    let row = ABSOLUTE_POS_Y;
    let col = ABSOLUTE_POS_X;
    if row >= batch[0] || col >= jobs[job + 2] {
        terminate!();
    }
    let mut sum = 0.0f32;
    for i in 0..jobs[job + 5] {
        let term = (jobs[job + 4] + 2u32 * i) as usize;
        sum += slots[(jobs[term] + row * jobs[term + 1] + col) as usize];
    }
    let at = (jobs[job] + row * jobs[job + 1] + col) as usize;
    if jobs[job + 3] > 0u32 {
        sum += slots[at];
    }
    slots[at] = sum;
}
