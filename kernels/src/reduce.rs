//! Inner products in a fixed order, what clipping multiplies gradients by, and sums of gradients.

use std::ops::Range;

use cubecl::prelude::*;

use crate::buffer::{Buffer, Queue};

/// Units of a cube.
pub const UNITS: usize = 64;

/// Elements whose products one cube adds up.
pub const CHUNK: usize = 16_384;

/// `Σ a·b` over each chunk of `elements` elements from `at` on: units take every 64th element, and are added in order.
/// The chunks' sums go to `out_at` on.
#[cube(launch_unchecked)]
pub fn products(out: &mut Array<f32>, a: &Array<f32>, b: &Array<f32>, at: u32, elements: u32, out_at: u32) {
    let chunk = CUBE_POS as u32;
    let end = min((chunk + 1u32) * comptime!(CHUNK as u32), elements);
    let mut i = chunk * comptime!(CHUNK as u32) + UNIT_POS;
    let mut sum = 0.0f32;
    while i < end {
        sum = fma(a[(at + i) as usize], b[(at + i) as usize], sum);
        i += comptime!(UNITS as u32);
    }
    let mut parts = SharedMemory::<f32>::new(UNITS);
    parts[UNIT_POS as usize] = sum;
    sync_cube();
    if UNIT_POS == 0u32 {
        let mut total = 0.0f32;
        for i in 0..UNITS {
            total += parts[i];
        }
        out[(out_at + chunk) as usize] = total;
    }
}

/// `clip / norm` where the norm, the root of the sum of `number` parts, exceeds it; else 1. One cube.
#[cube(launch_unchecked)]
pub fn clipping(scale: &mut Array<f32>, parts: &Array<f32>, number: u32, clip: f32) {
    let mut sums = SharedMemory::<f32>::new(UNITS);
    let mut sum = 0.0f32;
    let mut i = UNIT_POS;
    while i < number {
        sum += parts[i as usize];
        i += comptime!(UNITS as u32);
    }
    sums[UNIT_POS as usize] = sum;
    sync_cube();
    if UNIT_POS == 0u32 {
        let mut total = 0.0f32;
        for i in 0..UNITS {
            total += sums[i];
        }
        let norm = total.sqrt();
        let mut factor = 1.0f32;
        if norm > clip {
            factor = clip / norm;
        }
        scale[0] = factor;
    }
}

/// `out += coefficient · from`, or without adding.
#[cube(launch_unchecked)]
pub fn blend(out: &mut Array<f32>, from: &Array<f32>, coefficient: f32, elements: u32, adds: u32) {
    let mut i = ABSOLUTE_POS;
    while i < elements as usize {
        let mut sum = coefficient * from[i];
        if adds > 0u32 {
            sum = fma(coefficient, from[i], out[i]);
        }
        out[i] = sum;
        i += CUBE_COUNT * CUBE_DIM as usize;
    }
}

/// Every element becomes `value`.
#[cube(launch_unchecked)]
pub fn fill(out: &mut Array<f32>, value: f32, elements: u32) {
    let mut i = ABSOLUTE_POS;
    while i < elements as usize {
        out[i] = value;
        i += CUBE_COUNT * CUBE_DIM as usize;
    }
}

/// Every word becomes `value`.
#[cube(launch_unchecked)]
pub fn fill_words(out: &mut Array<u32>, value: u32, elements: u32) {
    let mut i = ABSOLUTE_POS;
    while i < elements as usize {
        out[i] = value;
        i += CUBE_COUNT * CUBE_DIM as usize;
    }
}

/// Launches [`products`] over a range; how many sums it leaves from `out_at` on.
pub fn launch_products<R: Runtime>(
    queue: &Queue<R>,
    out: &Buffer,
    out_at: usize,
    a: &Buffer,
    b: &Buffer,
    range: Range<usize>,
) -> usize {
    let chunks = range.len().div_ceil(CHUNK);
    if chunks > 0 {
        // SAFETY: the range lies within both factors, and there is room for the sums.
        unsafe {
            products::launch_unchecked(
                queue.client(),
                CubeCount::Static(chunks as u32, 1, 1),
                CubeDim::new_1d(UNITS as u32),
                queue.arg(out),
                queue.arg(a),
                queue.arg(b),
                range.start as u32,
                range.len() as u32,
                out_at as u32,
            );
        }
    }
    chunks
}
