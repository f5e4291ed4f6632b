//! Sums over rows in parts: each part of a job's rows is a cube's of its own, so that enough cubes work on few sums, and
//! parts are added in their order. How many rows a part has follows from shapes alone ([`crate::cutting`]).

use cubecl::prelude::*;

use crate::rows::{Rows, rows_of};

/// Words of an [`add`] job: where the sums lie in each part, their number, where they go; the scene; of sums for each scene
/// that are also added to one, where the first scene's go, elements from a scene's to the next, scenes (else 0), and whether
/// what goes to one is multiplied by the other's parameter, as STAR's, or [`ONLY_SUM`]; whether the parts are a tail's.
pub const ADD: usize = 9;

/// Sums for each scene go only to the one that they are added to.
pub const ONLY_SUM: u32 = 2;

/// Units of a cube of [`add`].
pub const UNITS: u32 = 256;

/// The rows of a part; none where the job has no such part.
#[cube]
pub fn part_of(rows: Rows, part: u32, length: u32) -> Rows {
    let mut of = Rows { start: rows.start + part * length, end: rows.end };
    if of.start + length < rows.end {
        of.end = of.start + length;
    }
    of
}

/// The number of a job's first part among those of all scenes, whose rows follow one another: a scene, given as in
/// [`rows_of`], has at most one part more than its rows fill.
#[cube]
pub fn first_part(rows: Rows, scene: u32, length: u32) -> u32 {
    rows.start / length + max(scene, 1u32) - 1u32
}

/// Number of a job's parts.
#[cube]
pub fn parts_of(rows: Rows, length: u32) -> u32 {
    (rows.end - rows.start).div_ceil(length)
}

/// The sum of a job's parts at an element.
#[cube]
pub fn sum_of(parts: &Array<f32>, batch: &Array<u32>, scene: u32, element: u32, size: u32, length: u32) -> f32 {
    let rows = rows_of(batch, scene);
    let first = first_part(rows, scene, length);
    let mut sum = 0.0f32;
    for part in 0..parts_of(rows, length) {
        sum += parts[((first + part) * size + element) as usize];
    }
    sum
}

/// Gradients of parameters from their parts, each of `size` elements and `length` rows, or those of a tail. Of parameters that each scene has,
/// and one that all share: `dW_scene = dE ⊙ W` and `dW = Σ dE ⊙ W_scene`, or the sums as they are. Cubes are (elements, 1,
/// jobs).
#[cube(launch_unchecked)]
pub fn add(
    gradient: &mut Array<f32>,
    parts: &Array<f32>,
    dense: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    size: u32,
    length: u32,
    tail_at: u32,
    tail_size: u32,
    tail_length: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(ADD as u32)) as usize;
    let scenes = jobs[job + 6];
    let mut at = jobs[job];
    let mut size = size;
    let mut length = length;
    if jobs[job + 8] > 0u32 {
        at += tail_at;
        size = tail_size;
        length = tail_length;
    }
    // A matrix may have more elements than a row of cubes has units.
    let mut i = ABSOLUTE_POS_X;
    while i < jobs[job + 1] {
        let element = at + i;
        let to = (jobs[job + 2] + i) as usize;
        let mut sum = 0.0f32;
        if scenes == 0u32 {
            sum = sum_of(parts, batch, jobs[job + 3], element, size, length);
        } else {
            for scene in 0..scenes {
                let own = sum_of(parts, batch, scene + 1u32, element, size, length);
                let scene_to = (jobs[job + 4] + scene * jobs[job + 5] + i) as usize;
                if jobs[job + 7] == 1u32 {
                    sum = fma(own, dense[scene_to], sum);
                    gradient[scene_to] = own * dense[to];
                } else {
                    sum += own;
                    if jobs[job + 7] == 0u32 {
                        gradient[scene_to] = own;
                    }
                }
            }
        }
        gradient[to] = sum;
        i += CUBE_COUNT_X * comptime!(UNITS);
    }
}
