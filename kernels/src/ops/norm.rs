//! Normalisation over a group's width, over a batch's rows, or over each scene's rows.

use cubecl::prelude::*;

use crate::parts::{first_part, part_of, parts_of, sum_of};
use crate::rows::rows_of;

/// Words of a [`statistics`] job: input (at, stride, columns), scene, where its statistics start, running means,
/// running variances, momentum, ε, where its sums start in a part.
pub const STATISTICS: usize = 10;

/// Words of a [`forward_rows`] job: input (at, stride, columns), output at, γ, β, γ_scene of the first scene or 0 (one more
/// than it), β_scene, where the first scene's statistics start.
pub const ROWS: usize = 9;

/// Words of a [`reduce`] job: input (at, stride, columns), output at, scene, where its statistics start, γ, one more than
/// the scene's γ_scene or 0, the scene's β_scene, where its sums start in a part.
pub const REDUCE: usize = 10;

/// Sums of a column in a part: mean and squared deviations from it, or Σ dy and Σ dy·x̂.
pub const SUMS: u32 = 2;

/// Words of a [`shared_gradient`] job: columns, γ, β, one more than the first scene's γ_scene or 0, where the first scene's
/// statistics start, scenes.
pub const SHARED: usize = 6;

/// Words of an [`input_rows`] job: those of [`ROWS`], and whether to add.
pub const INPUT_ROWS: usize = 10;

/// Words of a [`forward_width`] job: input (at, stride, width), output at, γ, β, (mean, 1 / deviation) at and stride, ε,
/// group.
pub const WIDTH: usize = 10;

/// Words of an [`input_width`] job: those of [`WIDTH`], and whether to add.
pub const INPUT_WIDTH: usize = 11;

/// Words of a [`width_gradient`] job: those of [`WIDTH`], and where its sums start in a part.
pub const WIDTH_GRADIENT: usize = 11;

/// Statistics of a column: mean, 1 / √(variance + ε), Σ dy, Σ dy·x̂.
pub const KEPT: usize = 4;

/// Columns of a cube that adds up rows.
pub const COLUMNS: usize = 32;

/// Rows that such a cube takes at a time.
pub const LANES: usize = 8;

/// Adds the lanes of a column in order; every lane gets the sum.
#[cube]
fn over_lanes(parts: &mut SharedMemory<f32>, part: f32) -> f32 {
    parts[(UNIT_POS_Y * comptime!(COLUMNS as u32) + UNIT_POS_X) as usize] = part;
    sync_cube();
    let mut sum = 0.0f32;
    for i in 0..LANES {
        sum += parts[i * COLUMNS + UNIT_POS_X as usize];
    }
    sync_cube();
    sum
}

/// Means of columns over the rows of a part, of `length` rows, and squared deviations from them, in two passes. Cubes are
/// (columns, parts, jobs).
#[cube(launch_unchecked)]
pub fn statistics(
    parts: &mut Array<f32>,
    values: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    size: u32,
    length: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(STATISTICS as u32)) as usize;
    let columns = jobs[job + 2];
    let col = ABSOLUTE_POS_X;
    let scene = jobs[job + 3];
    let of_job = rows_of(batch, scene);
    let rows = part_of(of_job, CUBE_POS_Y, length);
    if rows.start >= rows.end {
        terminate!();
    }
    let at = jobs[job] + min(col, columns - 1u32);
    let mut lanes = SharedMemory::<f32>::new(comptime!(COLUMNS * LANES));
    let mut sum = 0.0f32;
    let mut row = rows.start + UNIT_POS_Y;
    while row < rows.end {
        sum += values[(at + row * jobs[job + 1]) as usize];
        row += comptime!(LANES as u32);
    }
    let mean = over_lanes(&mut lanes, sum) / f32::cast_from(rows.end - rows.start);
    let mut spread = 0.0f32;
    let mut row = rows.start + UNIT_POS_Y;
    while row < rows.end {
        let x = values[(at + row * jobs[job + 1]) as usize] - mean;
        spread = fma(x, x, spread);
        row += comptime!(LANES as u32);
    }
    let spread = over_lanes(&mut lanes, spread);
    if UNIT_POS_Y == 0u32 && col < columns {
        let to = (first_part(of_job, scene, length) + CUBE_POS_Y) * size + jobs[job + 9] + col;
        parts[to as usize] = mean;
        parts[(to + columns) as usize] = spread;
    }
}

/// Means and deviations of columns over the rows of a job from those of its parts (Chan, Golub and LeVeque 1979); running
/// ones in evaluation and below 2 rows. In training, advances the running ones. Cubes are (columns, 1, jobs).
#[cube(launch_unchecked)]
pub fn merge(
    statistics: &mut Array<f32>,
    states: &mut Array<f32>,
    parts: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    size: u32,
    length: u32,
    training: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(STATISTICS as u32)) as usize;
    let columns = jobs[job + 2];
    let col = ABSOLUTE_POS_X;
    if col >= columns {
        terminate!();
    }
    let scene = jobs[job + 3];
    let rows = rows_of(batch, scene);
    let n = rows.end - rows.start;
    let running_mean = (jobs[job + 5] + col) as usize;
    let running_variance = (jobs[job + 6] + col) as usize;
    let mut mean = states[running_mean];
    let mut variance = states[running_variance];
    if training > 0u32 && n >= 2u32 {
        let begin = first_part(rows, scene, length);
        let mut spread = 0.0f32;
        let mut seen = 0.0f32;
        mean = 0.0f32;
        for part in 0..parts_of(rows, length) {
            let of = part_of(rows, part, length);
            let count = f32::cast_from(of.end - of.start);
            let at = ((begin + part) * size + jobs[job + 9] + col) as usize;
            let apart = parts[at] - mean;
            let share = count / (seen + count);
            spread += fma(apart * apart, seen * share, parts[at + columns as usize]);
            mean = fma(apart, share, mean);
            seen += count;
        }
        variance = spread / seen;
        let momentum = f32::reinterpret(jobs[job + 7]);
        let unbiased = spread / (seen - 1.0f32);
        states[running_mean] = (1.0f32 - momentum) * states[running_mean] + momentum * mean;
        states[running_variance] = (1.0f32 - momentum) * states[running_variance] + momentum * unbiased;
    }
    let to = jobs[job + 4] + col;
    statistics[to as usize] = mean;
    statistics[(to + columns) as usize] = 1.0f32 / (variance + f32::reinterpret(jobs[job + 8])).sqrt();
}

/// `γ · (x - mean) / √(variance + ε) + β`. `scene_of` is the word of the batch that says where the rows' scenes start.
/// Cubes are (columns, rows, jobs).
#[cube(launch_unchecked)]
pub fn forward_rows(
    values: &mut Array<f32>,
    statistics: &Array<f32>,
    dense: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    scene_of: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(ROWS as u32)) as usize;
    let columns = jobs[job + 2];
    let row = ABSOLUTE_POS_Y;
    let col = ABSOLUTE_POS_X;
    if row >= batch[0] || col >= columns {
        terminate!();
    }
    let mut gamma = dense[(jobs[job + 4] + col) as usize];
    let mut beta = dense[(jobs[job + 5] + col) as usize];
    let mut at = jobs[job + 8] + col;
    if jobs[job + 6] > 0u32 {
        let scene = batch[(batch[scene_of as usize] + row) as usize];
        gamma *= dense[(jobs[job + 6] - 1u32 + scene * columns + col) as usize];
        beta += dense[(jobs[job + 7] + scene * columns + col) as usize];
        at += scene * columns * comptime!(KEPT as u32);
    }
    let place = row * jobs[job + 1] + col;
    let x_hat = (values[(jobs[job] + place) as usize] - statistics[at as usize]) * statistics[(at + columns) as usize];
    let to = (jobs[job + 3] + place) as usize;
    values[to] = fma(gamma, x_hat, beta);
}

/// `Σ dy` and `Σ dy·x̂` over the rows of a part, of `length` rows. Cubes are (columns, parts, jobs).
#[cube(launch_unchecked)]
pub fn reduce(
    parts: &mut Array<f32>,
    statistics: &Array<f32>,
    values: &Array<f32>,
    grads: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    size: u32,
    length: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(REDUCE as u32)) as usize;
    let columns = jobs[job + 2];
    let col = ABSOLUTE_POS_X;
    let inside = min(col, columns - 1u32);
    let scene = jobs[job + 4];
    let of_job = rows_of(batch, scene);
    let rows = part_of(of_job, CUBE_POS_Y, length);
    if rows.start >= rows.end {
        terminate!();
    }
    let at = jobs[job + 5] + inside;
    let mean = statistics[at as usize];
    let inverse = statistics[(at + columns) as usize];
    let mut lanes = SharedMemory::<f32>::new(comptime!(COLUMNS * LANES));
    let mut sum = 0.0f32;
    let mut product = 0.0f32;
    let mut row = rows.start + UNIT_POS_Y;
    while row < rows.end {
        let place = row * jobs[job + 1] + inside;
        let d = grads[(jobs[job + 3] + place) as usize];
        sum += d;
        product = fma(d, (values[(jobs[job] + place) as usize] - mean) * inverse, product);
        row += comptime!(LANES as u32);
    }
    let sum = over_lanes(&mut lanes, sum);
    let product = over_lanes(&mut lanes, product);
    if UNIT_POS_Y == 0u32 && col < columns {
        let to = (first_part(of_job, scene, length) + CUBE_POS_Y) * size + jobs[job + 9] + col;
        parts[to as usize] = sum;
        parts[(to + columns) as usize] = product;
    }
}

/// The sums of [`reduce`] over all parts of a job, and with them the scene's own gradients. Cubes are (columns, 1, jobs).
#[cube(launch_unchecked)]
pub fn reduced(
    statistics: &mut Array<f32>,
    gradient: &mut Array<f32>,
    parts: &Array<f32>,
    dense: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    size: u32,
    length: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(REDUCE as u32)) as usize;
    let columns = jobs[job + 2];
    let col = ABSOLUTE_POS_X;
    if col >= columns {
        terminate!();
    }
    let scene = jobs[job + 4];
    let sum = sum_of(parts, batch, scene, jobs[job + 9] + col, size, length);
    let product = sum_of(parts, batch, scene, jobs[job + 9] + columns + col, size, length);
    let at = jobs[job + 5] + col;
    statistics[(at + 2u32 * columns) as usize] = sum;
    statistics[(at + 3u32 * columns) as usize] = product;
    if jobs[job + 7] > 0u32 {
        let to = (jobs[job + 7] - 1u32 + col) as usize;
        gradient[to] = product * dense[(jobs[job + 6] + col) as usize];
        let to = (jobs[job + 8] + col) as usize;
        gradient[to] = sum;
    }
}

/// Gradients of γ and β, which all scenes share. Cubes are (columns, 1, jobs).
#[cube(launch_unchecked)]
pub fn shared_gradient(
    gradient: &mut Array<f32>,
    statistics: &Array<f32>,
    dense: &Array<f32>,
    jobs: &Array<u32>,
    first: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(SHARED as u32)) as usize;
    let columns = jobs[job];
    let col = ABSOLUTE_POS_X;
    if col >= columns {
        terminate!();
    }
    let mut of_gamma = 0.0f32;
    let mut of_beta = 0.0f32;
    for scene in 0..jobs[job + 5] {
        let at = jobs[job + 4] + scene * columns * comptime!(KEPT as u32) + col;
        let mut own = 1.0f32;
        if jobs[job + 3] > 0u32 {
            own = dense[(jobs[job + 3] - 1u32 + scene * columns + col) as usize];
        }
        of_beta += statistics[(at + 2u32 * columns) as usize];
        of_gamma = fma(statistics[(at + 3u32 * columns) as usize], own, of_gamma);
    }
    let to = (jobs[job + 1] + col) as usize;
    gradient[to] = of_gamma;
    let to = (jobs[job + 2] + col) as usize;
    gradient[to] = of_beta;
}

/// `γ / √· · (dy - (Σ dy + x̂ · Σ dy·x̂) / n)`, or `γ / √· · dy` where statistics were constants. Cubes are (columns, rows,
/// jobs).
#[cube(launch_unchecked)]
pub fn input_rows(
    grads: &mut Array<f32>,
    values: &Array<f32>,
    statistics: &Array<f32>,
    dense: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    scene_of: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(INPUT_ROWS as u32)) as usize;
    let columns = jobs[job + 2];
    let row = ABSOLUTE_POS_Y;
    let col = ABSOLUTE_POS_X;
    if row >= batch[0] || col >= columns {
        terminate!();
    }
    let mut gamma = dense[(jobs[job + 4] + col) as usize];
    let mut at = jobs[job + 8] + col;
    let mut n = batch[0];
    if jobs[job + 6] > 0u32 {
        let scene = batch[(batch[scene_of as usize] + row) as usize];
        gamma *= dense[(jobs[job + 6] - 1u32 + scene * columns + col) as usize];
        at += scene * columns * comptime!(KEPT as u32);
        let rows = rows_of(batch, scene + 1u32);
        n = rows.end - rows.start;
    }
    let place = row * jobs[job + 1] + col;
    let inverse = statistics[(at + columns) as usize];
    let x_hat = (values[(jobs[job] + place) as usize] - statistics[at as usize]) * inverse;
    let mut d = grads[(jobs[job + 3] + place) as usize];
    if n >= 2u32 {
        let sum = statistics[(at + 2u32 * columns) as usize];
        let product = statistics[(at + 3u32 * columns) as usize];
        d -= fma(x_hat, product, sum) / f32::cast_from(n);
    }
    d *= gamma * inverse;
    let to = (jobs[job] + place) as usize;
    if jobs[job + 9] > 0u32 {
        d += grads[to];
    }
    grads[to] = d;
}

/// Normalises a group of each row, and keeps (mean, 1 / deviation). Cubes are (rows, 1, jobs).
#[cube(launch_unchecked)]
pub fn forward_width(values: &mut Array<f32>, dense: &Array<f32>, batch: &Array<u32>, jobs: &Array<u32>, first: u32) {
    let job = (first + CUBE_POS_Z * comptime!(WIDTH as u32)) as usize;
    let row = ABSOLUTE_POS_X;
    if row >= batch[0] {
        terminate!();
    }
    let width = jobs[job + 2];
    let x = jobs[job] + row * jobs[job + 1];
    let out = jobs[job + 3] + row * jobs[job + 1];
    let mut mean = 0.0f32;
    for c in 0..width {
        mean += values[(x + c) as usize];
    }
    mean /= f32::cast_from(width);
    let mut variance = 0.0f32;
    for c in 0..width {
        let d = values[(x + c) as usize] - mean;
        variance = fma(d, d, variance);
    }
    variance /= f32::cast_from(width);
    let inverse = 1.0f32 / (variance + f32::reinterpret(jobs[job + 8])).sqrt();
    let kept = (jobs[job + 6] + row * jobs[job + 7] + 2u32 * jobs[job + 9]) as usize;
    values[kept] = mean;
    values[kept + 1] = inverse;
    for c in 0..width {
        let x_hat = (values[(x + c) as usize] - mean) * inverse;
        values[(out + c) as usize] =
            fma(dense[(jobs[job + 4] + c) as usize], x_hat, dense[(jobs[job + 5] + c) as usize]);
    }
}

/// Derivatives of a group's input. Cubes are (rows, 1, jobs).
#[cube(launch_unchecked)]
pub fn input_width(
    grads: &mut Array<f32>,
    values: &Array<f32>,
    dense: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(INPUT_WIDTH as u32)) as usize;
    let row = ABSOLUTE_POS_X;
    if row >= batch[0] {
        terminate!();
    }
    let width = jobs[job + 2];
    let x = jobs[job] + row * jobs[job + 1];
    let out = jobs[job + 3] + row * jobs[job + 1];
    let kept = (jobs[job + 6] + row * jobs[job + 7] + 2u32 * jobs[job + 9]) as usize;
    let mean = values[kept];
    let inverse = values[kept + 1];
    let mut sum = 0.0f32;
    let mut product = 0.0f32;
    for c in 0..width {
        let slope = dense[(jobs[job + 4] + c) as usize] * grads[(out + c) as usize];
        sum += slope;
        product = fma(slope, (values[(x + c) as usize] - mean) * inverse, product);
    }
    for c in 0..width {
        let slope = dense[(jobs[job + 4] + c) as usize] * grads[(out + c) as usize];
        let x_hat = (values[(x + c) as usize] - mean) * inverse;
        let mut d = (slope - fma(x_hat, product, sum) / f32::cast_from(width)) * inverse;
        let to = (x + c) as usize;
        if jobs[job + 10] > 0u32 {
            d += grads[to];
        }
        grads[to] = d;
    }
}

/// Gradients of a group's γ and β over the rows of a part, of `length` rows. Cubes are (columns, parts, jobs).
#[cube(launch_unchecked)]
pub fn width_gradient(
    parts: &mut Array<f32>,
    values: &Array<f32>,
    grads: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    size: u32,
    length: u32,
) {
    let job = (first + CUBE_POS_Z * comptime!(WIDTH_GRADIENT as u32)) as usize;
    let width = jobs[job + 2];
    let col = ABSOLUTE_POS_X;
    let inside = min(col, width - 1u32);
    let rows = part_of(rows_of(batch, 0u32.runtime()), CUBE_POS_Y, length);
    if rows.start >= rows.end {
        terminate!();
    }
    let mut lanes = SharedMemory::<f32>::new(comptime!(COLUMNS * LANES));
    let mut of_gamma = 0.0f32;
    let mut of_beta = 0.0f32;
    let mut row = rows.start + UNIT_POS_Y;
    while row < rows.end {
        let place = row * jobs[job + 1] + inside;
        let kept = (jobs[job + 6] + row * jobs[job + 7] + 2u32 * jobs[job + 9]) as usize;
        let d = grads[(jobs[job + 3] + place) as usize];
        of_beta += d;
        of_gamma = fma(d, (values[(jobs[job] + place) as usize] - values[kept]) * values[kept + 1], of_gamma);
        row += comptime!(LANES as u32);
    }
    let of_gamma = over_lanes(&mut lanes, of_gamma);
    let of_beta = over_lanes(&mut lanes, of_beta);
    if UNIT_POS_Y == 0u32 && col < width {
        let to = CUBE_POS_Y * size + jobs[job + 10] + col;
        parts[to as usize] = of_gamma;
        parts[(to + width) as usize] = of_beta;
    }
}
