//! The peak of a device's matrix units: products of fragments that stay in registers, which no kernel that also loads and
//! stores can exceed.

use cubecl::ir::{ElemType, FloatKind, StorageType};
use cubecl::prelude::*;

use crate::buffer::{Buffer, Queue};

/// Factors that matrix units take, with sums in `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixUnit {
    /// 19 bits of an `f32`.
    Tf32,
    /// The upper half of an `f32`.
    Bf16,
}

/// Rows and columns of a fragment.
const SIDE: usize = 16;

/// Fragments of left factors that a plane holds.
const LEFT: usize = 2;

/// Those of right factors; each pair has sums of its own, eight chains of products in flight.
const RIGHT: usize = 4;

/// Units of a plane: there are matrix units on devices with 32 only.
const PLANE: u32 = 32;

/// Planes of a cube.
const PLANES: u32 = 8;

/// Rounds of products of all pairs in one launch.
const ROUNDS: u32 = 512;

impl MatrixUnit {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Tf32, Self::Bf16];

    /// As given to `--precision`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    /// Depth of a fragment.
    fn depth(self) -> usize {
        match self {
            Self::Tf32 => 8,
            Self::Bf16 => 16,
        }
    }

    /// Whether a device has them.
    pub(crate) fn is_on<R: Runtime>(self, client: &ComputeClient<R>) -> bool {
        let factor = StorageType::Scalar(ElemType::Float(match self {
            Self::Tf32 => FloatKind::TF32,
            Self::Bf16 => FloatKind::BF16,
        }));
        let sum = StorageType::Scalar(ElemType::Float(FloatKind::F32));
        client.features().matmul.cmma.iter().any(|unit| {
            let shape = (unit.m as usize, unit.n as usize, unit.k as usize);
            (unit.a_type, unit.b_type, unit.cd_type) == (factor, factor, sum) && shape == (SIDE, SIDE, self.depth())
        })
    }

    /// Operations of a launch of so many cubes.
    pub(crate) fn flops(self, cubes: u32) -> u64 {
        let a_round = 2 * SIDE * SIDE * self.depth() * LEFT * RIGHT;
        a_round as u64 * u64::from(ROUNDS) * u64::from(PLANES) * u64::from(cubes)
    }

    /// Launches products on that many cubes, whose numbers are made from `from`, at least a fragment's.
    pub(crate) fn launch<R: Runtime>(self, queue: &Queue<R>, cubes: u32, out: &Buffer, from: &Buffer) {
        let (client, count) = (queue.client(), CubeCount::Static(cubes, 1, 1));
        let dim = CubeDim::new_1d(PLANE * PLANES);
        // SAFETY: all planes write the same fragment's elements of `out` and read a few hundred elements of `from`; both
        // have more.
        unsafe {
            match self {
                Self::Tf32 => multiply_fragments::launch_unchecked::<tf32, R>(
                    client,
                    count,
                    dim,
                    queue.arg(out),
                    queue.arg(from),
                    ROUNDS,
                    self.depth(),
                ),
                Self::Bf16 => multiply_fragments::launch_unchecked::<half::bf16, R>(
                    client,
                    count,
                    dim,
                    queue.arg(out),
                    queue.arg(from),
                    ROUNDS,
                    self.depth(),
                ),
            }
        }
    }
}

/// Adds products of the same fragments to the same sums, again and again; the output depends on all of them.
#[cube(launch_unchecked)]
fn multiply_fragments<E: Float>(out: &mut Array<f32>, from: &Array<f32>, rounds: u32, #[comptime] depth: usize) {
    let of_left = comptime!(SIDE * depth);
    let mut numbers = SharedMemory::<E>::new(comptime!(SIDE * depth * (LEFT + RIGHT)));
    let mut i = UNIT_POS as usize;
    while i < comptime!(SIDE * depth * (LEFT + RIGHT)) {
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
            SIDE,
            SIDE,
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
            SIDE,
            SIDE,
            depth,
            cmma::MatrixLayout::RowMajor,
            &numbers.slice(start, start + of_left),
            comptime!(SIDE as u32),
        ));
        #[unroll]
        for _ in 0..LEFT {
            sums.push(cmma::Matrix::<f32>::from_value(
                cmma::MatrixIdent::Accumulator,
                SIDE,
                SIDE,
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
        let start = s * comptime!(SIDE * SIDE);
        cmma::store(
            &mut out.slice_mut(start, start + comptime!(SIDE * SIDE)),
            sums.index(s),
            comptime!(SIDE as u32),
            cmma::MatrixLayout::RowMajor,
        );
    }
}
