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

/// 2⁻⁹⁶: what is as large as 2¹²⁸ has a square of 2⁶⁴ once it is multiplied by it, and 2³² of them a sum of 2⁹⁶.
const SHRINK: f32 = f32::from_bits((127 - 96) << 23);

/// 2⁻⁶⁶: where the sum of shrunk squares is larger, that of the squares themselves is about 2¹²⁶, and may soon be none.
const LARGE: f32 = f32::from_bits((127 - 66) << 23);

/// `Σ a²` over each chunk of `elements` elements, as [`products`] adds them, and beside it `Σ (2⁻⁹⁶ a)²`: squares of
/// gradients beyond 10¹⁹ are no `f32`, and one of the two is right whatever `a` is. Pairs go to `2 out_at` on.
#[cube(launch_unchecked)]
pub fn squares(out: &mut Array<f32>, a: &Array<f32>, elements: u32, out_at: u32) {
    let chunk = CUBE_POS as u32;
    let end = min((chunk + 1u32) * comptime!(CHUNK as u32), elements);
    let mut i = chunk * comptime!(CHUNK as u32) + UNIT_POS;
    let mut sum = 0.0f32;
    let mut shrunk = 0.0f32;
    while i < end {
        let g = a[i as usize];
        let s = g * SHRINK;
        sum = fma(g, g, sum);
        shrunk = fma(s, s, shrunk);
        i += comptime!(UNITS as u32);
    }
    let mut parts = SharedMemory::<f32>::new(2 * UNITS);
    parts[2 * UNIT_POS as usize] = sum;
    parts[2 * UNIT_POS as usize + 1] = shrunk;
    sync_cube();
    if UNIT_POS < 2u32 {
        let mut total = 0.0f32;
        for i in 0..UNITS {
            total += parts[2 * i + UNIT_POS as usize];
        }
        out[(2u32 * (out_at + chunk) + UNIT_POS) as usize] = total;
    }
}

/// Two factors whose product is `clip / norm` where the norm, the root of the sum of `number` pairs of [`squares`], exceeds
/// it, else 1. There are two since that quotient may be too small for an `f32`, and what it multiplies too large. One cube.
#[cube(launch_unchecked)]
pub fn clipping(scale: &mut Array<f32>, parts: &Array<f32>, number: u32, clip: f32) {
    let mut sums = SharedMemory::<f32>::new(2 * UNITS);
    let mut sum = 0.0f32;
    let mut shrunk = 0.0f32;
    let mut i = UNIT_POS;
    while i < number {
        sum += parts[2 * i as usize];
        shrunk += parts[2 * i as usize + 1];
        i += comptime!(UNITS as u32);
    }
    sums[2 * UNIT_POS as usize] = sum;
    sums[2 * UNIT_POS as usize + 1] = shrunk;
    sync_cube();
    if UNIT_POS == 0u32 {
        let mut total = 0.0f32;
        let mut total_shrunk = 0.0f32;
        for i in 0..UNITS {
            total += sums[2 * i];
            total_shrunk += sums[2 * i + 1];
        }
        let mut first = 1.0f32;
        let mut second = 1.0f32;
        if total_shrunk > LARGE {
            let norm = total_shrunk.sqrt();
            if norm > clip * SHRINK {
                first *= SHRINK;
                second = clip / norm;
            }
        } else {
            let norm = total.sqrt();
            if norm > clip {
                first = clip / norm;
            }
        }
        scale[0] = first;
        scale[1] = second;
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

/// Words of `from` go to `at` on.
#[cube(launch_unchecked)]
pub fn copy_words(to: &mut Array<u32>, from: &Array<u32>, at: u32, elements: u32) {
    let mut i = ABSOLUTE_POS;
    while i < elements as usize {
        to[at as usize + i] = from[i];
        i += CUBE_COUNT * CUBE_DIM as usize;
    }
}

/// Launches [`squares`] over the first elements; how many pairs it leaves from the `out_at`-th on.
pub fn launch_squares<R: Runtime>(queue: &Queue<R>, out: &Buffer, out_at: usize, a: &Buffer, elements: usize) -> usize {
    let chunks = elements.div_ceil(CHUNK);
    if chunks > 0 {
        // SAFETY: there are as many elements, and there is room for the pairs.
        unsafe {
            squares::launch_unchecked(
                queue.client(),
                CubeCount::Static(chunks as u32, 1, 1),
                CubeDim::new_1d(UNITS as u32),
                queue.arg(out),
                queue.arg(a),
                elements as u32,
                out_at as u32,
            );
        }
    }
    chunks
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
