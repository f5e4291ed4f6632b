//! The machine's peak of matrix products, by the `gemm` library.

use std::hint::black_box;

use gemm_common::Parallelism;
use gemm_f32::gemm::f32::get_gemm_fn;
use serde::Serialize;

use crate::spread::Spread;
use crate::team::time_together;

/// (rows, depth, columns) of the products: two that a model has, and the usual yardstick.
pub const SHAPES: [(usize, usize, usize); 3] = [(4096, 2048, 256), (512, 256, 256), (1024, 1024, 1024)];

/// Floating-point operations that every thread does between two looks at the clock, at least: the smallest shape
/// alone would be over before all threads have begun.
const FLOPS_A_CALL: usize = 1 << 30;

/// Rate of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GemmPeak {
    /// Rows, depth and columns.
    pub shape: (usize, usize, usize),
    /// Threads, each with products of its own.
    pub threads: usize,
    /// GFLOP/s of all threads together, by rounds.
    pub gflops: Spread,
}

/// The rate of every shape, in about `seconds`.
pub fn gemm_peak(threads: usize, seconds: f64) -> Vec<GemmPeak> {
    SHAPES.into_iter().map(|shape| of_shape(shape, threads, seconds / SHAPES.len() as f64)).collect()
}

fn of_shape(shape: (usize, usize, usize), threads: usize, seconds: f64) -> GemmPeak {
    let flops = 2 * shape.0 * shape.1 * shape.2;
    let repeats = FLOPS_A_CALL.div_ceil(flops);
    let times = time_together(
        threads,
        seconds,
        |thread| Product::new(shape, thread),
        |product| (0..repeats).for_each(|_| product.compute()),
    );
    let done = (flops * repeats * threads) as f64;
    GemmPeak { shape, threads, gflops: times.map(|seconds| done / seconds * 1e-9) }
}

/// Operands and result of one thread's products.
struct Product {
    shape: (usize, usize, usize),
    a: Vec<f32>,
    b: Vec<f32>,
    out: Vec<f32>,
}

impl Product {
    fn new(shape: (usize, usize, usize), seed: usize) -> Self {
        let (rows, depth, columns) = shape;
        // Quarters below 2 in size: neither subnormal nor growing, whatever is multiplied.
        let values = |len: usize| (0..len).map(|i| ((i * 7 + seed) % 17) as f32 * 0.25 - 2.0).collect();
        Self { shape, a: values(rows * depth), b: values(depth * columns), out: vec![0.0; rows * columns] }
    }

    /// `out = a·b`, all row-major, on the caller's thread: `outᵀ = bᵀ·aᵀ`, column-major as the library prefers.
    fn compute(&mut self) {
        let (rows, depth, columns) = self.shape;
        let stride = |length: usize| length.cast_signed();
        // SAFETY: `new` made `a`, `b` and `out` as large as the shape and these strides reach, and `out` is borrowed
        // exclusively.
        unsafe {
            get_gemm_fn()(
                columns,
                rows,
                depth,
                self.out.as_mut_ptr(),
                stride(columns),
                1,
                false,
                self.b.as_ptr(),
                stride(columns),
                1,
                self.a.as_ptr(),
                stride(depth),
                1,
                0.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
        black_box(&mut self.out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_one() {
        let shape = (5, 7, 3);
        let mut product = Product::new(shape, 1);
        product.compute();
        let element = |row: usize, column: usize| -> f32 {
            (0..7).map(|at| product.a[row * 7 + at] * product.b[at * 3 + column]).sum()
        };
        let expected: Vec<f32> = (0..5)
            .flat_map(|row| (0..3).map(move |column| (row, column)))
            .map(|(row, column)| element(row, column))
            .collect();
        assert_eq!(product.out, expected, "quarters are exact");
    }
}
