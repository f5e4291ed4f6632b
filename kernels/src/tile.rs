//! A tile of a matrix product: both factors pass through shared memory, sums stay in registers.
//!
//! An element of the output is one chain of fused multiply-adds in the order of the depth, whatever the tile.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "shared memory is of no size only on the host")]

use cubecl::prelude::*;

/// Rows of a tile.
pub const TILE_ROWS: usize = 32;

/// Columns of a tile.
pub const TILE_COLS: usize = 32;

/// Depth that passes through shared memory at a time.
pub const TILE_DEPTH: usize = 16;

/// Rows and columns of one unit's sums.
pub const UNIT_SIDE: usize = 4;

/// Units that work on a tile.
pub const TILE_UNITS: usize = TILE_ROWS / UNIT_SIDE * (TILE_COLS / UNIT_SIDE);

/// Sums of one unit.
pub const UNIT_SUMS: usize = UNIT_SIDE * UNIT_SIDE;

/// Sums of 0.
#[cube]
pub fn no_sums() -> Array<f32> {
    let mut sums = Array::<f32>::new(UNIT_SUMS);
    #[unroll]
    for i in 0..UNIT_SUMS {
        sums[i] = 0.0f32;
    }
    sums
}

/// First row of a unit's sums in the tile.
#[cube]
pub fn unit_row() -> usize {
    (UNIT_POS as usize / comptime!(TILE_COLS / UNIT_SIDE)) * UNIT_SIDE
}

/// First column of a unit's sums in the tile.
#[cube]
pub fn unit_col() -> usize {
    (UNIT_POS as usize % comptime!(TILE_COLS / UNIT_SIDE)) * UNIT_SIDE
}

/// Adds the products of `left`, `[depth, rows]`, and `right`, `[depth, columns]`.
#[cube]
pub fn multiply(sums: &mut Array<f32>, left: &SharedMemory<f32>, right: &SharedMemory<f32>) {
    let row = unit_row();
    let col = unit_col();
    for d in 0..TILE_DEPTH {
        let mut a = Array::<f32>::new(UNIT_SIDE);
        let mut b = Array::<f32>::new(UNIT_SIDE);
        #[unroll]
        for i in 0..UNIT_SIDE {
            a[i] = left[d * TILE_ROWS + row + i];
            b[i] = right[d * TILE_COLS + col + i];
        }
        #[unroll]
        for i in 0..UNIT_SIDE {
            #[unroll]
            for j in 0..UNIT_SIDE {
                let at = comptime!(i * UNIT_SIDE + j);
                sums[at] = fma(a[i], b[j], sums[at]);
            }
        }
    }
}
