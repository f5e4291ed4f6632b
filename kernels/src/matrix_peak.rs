//! The peak of a device's matrix units: products of fragments that stay in registers, which no kernel that also loads and
//! stores can exceed.

#![expect(clippy::used_underscore_binding, reason = "a launch defines the type that its kernel is written for")]

use cubecl::ir::StorageType;
use cubecl::prelude::*;
use mmtl_plan::Factors;

use crate::buffer::{Buffer, Queue};
use crate::tile::{PLANE, SQUARE, square};

/// Fragments of left factors that a plane holds.
const LEFT: usize = 2;

/// Those of right factors; each pair has sums of its own, eight chains of products in flight.
const RIGHT: usize = 4;

/// Planes of a cube.
const PLANES: u32 = 8;

/// Rounds of products of all pairs in one launch.
const ROUNDS: u32 = 512;

/// Operations of a launch of so many cubes.
pub fn flops(factors: Factors, cubes: u32) -> u64 {
    let a_round = 2 * SQUARE * SQUARE * depth(factors) * LEFT * RIGHT;
    a_round as u64 * u64::from(ROUNDS) * u64::from(PLANES) * u64::from(cubes)
}

/// Launches products on that many cubes. `from` has the numbers of all fragments' factors, `out` room for their sums; both
/// have thousands of elements and more.
pub fn launch<R: Runtime>(factors: Factors, queue: &Queue<R>, cubes: u32, out: &Buffer, from: &Buffer) {
    let numbers = SQUARE * depth(factors) * (LEFT + RIGHT);
    assert!(from.len() >= numbers && out.len() >= SQUARE * SQUARE * LEFT * RIGHT, "a probe's buffers are larger");
    // SAFETY: all planes write the same elements of `out` and read the same of `from`, as many as there are.
    unsafe {
        multiply_fragments::launch_unchecked(
            queue.client(),
            CubeCount::Static(cubes, 1, 1),
            CubeDim::new_1d(PLANE as u32 * PLANES),
            queue.arg(out),
            queue.arg(from),
            ROUNDS,
            depth(factors),
            square(factors).a_type,
        );
    }
}

/// Depth of a fragment.
fn depth(factors: Factors) -> usize {
    square(factors).k as usize
}

/// Adds products of the same fragments to the same sums, again and again; the output depends on all of them.
#[cube(launch_unchecked)]
fn multiply_fragments<E: Float>(
    out: &mut Array<f32>,
    from: &Array<f32>,
    rounds: u32,
    #[comptime] depth: usize,
    #[define(E)] _element: StorageType,
) {
    let of_left = comptime!(SQUARE * depth);
    let mut numbers = SharedMemory::<E>::new(comptime!(SQUARE * depth * (LEFT + RIGHT)));
    let mut i = UNIT_POS as usize;
    while i < comptime!(SQUARE * depth * (LEFT + RIGHT)) {
        // Around 0, so that sums stay small.
        numbers[i] = E::cast_from(from[i] - 0.5f32);
        i += CUBE_DIM as usize;
    }
    sync_cube();
    let mut left = Sequence::<cmma::Matrix<E>>::new();
    #[unroll]
    for l in 0..LEFT {
        let start = l * of_left;
        left.push(cmma::Matrix::<E>::from_slice(
            cmma::MatrixIdent::A,
            SQUARE,
            SQUARE,
            depth,
            cmma::MatrixLayout::RowMajor,
            &numbers.slice(start, start + of_left),
            comptime!(depth as u32),
        ));
    }
    let mut right = Sequence::<cmma::Matrix<E>>::new();
    let mut sums = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for r in 0..RIGHT {
        let start = (comptime!(LEFT) + r) * of_left;
        right.push(cmma::Matrix::<E>::from_slice(
            cmma::MatrixIdent::B,
            SQUARE,
            SQUARE,
            depth,
            cmma::MatrixLayout::RowMajor,
            &numbers.slice(start, start + of_left),
            comptime!(SQUARE as u32),
        ));
        #[unroll]
        for _ in 0..LEFT {
            sums.push(cmma::Matrix::<f32>::from_value(
                cmma::MatrixIdent::Accumulator,
                SQUARE,
                SQUARE,
                depth,
                cmma::MatrixLayout::Undefined,
                0.0f32,
            ));
        }
    }
    for _ in 0..rounds {
        #[unroll]
        for r in 0..RIGHT {
            #[unroll]
            for l in 0..LEFT {
                let sum = sums.index(comptime!(r * LEFT + l));
                cmma::execute::<E, E, f32, f32>(left.index(l), right.index(r), sum, sum);
            }
        }
    }
    #[unroll]
    for s in 0..comptime!(LEFT * RIGHT) {
        let start = s * comptime!(SQUARE * SQUARE);
        cmma::store(
            &mut out.slice_mut(start, start + comptime!(SQUARE * SQUARE)),
            sums.index(s),
            comptime!(SQUARE as u32),
            cmma::MatrixLayout::RowMajor,
        );
    }
}
