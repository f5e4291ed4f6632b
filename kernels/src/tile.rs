//! A tile of a matrix product: both factors pass through shared memory, sums stay in registers.
//!
//! An element of the output is one chain of fused multiply-adds in the order of the depth, whatever the tile: its size
//! changes no bit.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "shared memory is of no size only on the host")]

use cubecl::prelude::*;

/// How a product is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Rows of a tile.
    pub rows: usize,
    /// Columns of a tile.
    pub cols: usize,
    /// Depth that passes through shared memory at a time.
    pub depth: usize,
    /// Rows and columns of one unit's sums.
    pub side: usize,
}

/// One that a software device compiles fast.
const SMALL: Tile = Tile { rows: 32, cols: 32, depth: 16, side: 4 };

/// One that many small products fill a device with.
const MEDIUM: Tile = Tile { rows: 64, cols: 64, depth: 16, side: 4 };

/// One that reads each factor half as often, for as many as keep a device busy.
const LARGE: Tile = Tile { rows: 128, cols: 128, depth: 16, side: 8 };

/// Large tiles that keep a device busy: two for each multiprocessor of the largest.
const BUSY: u64 = 264;

/// Elements between the rows of a left factor's tile beyond its own: units that write one column side by side meet in
/// fewer banks of shared memory.
const APART: usize = 4;

impl Tile {
    /// The tile for `jobs` products of at most `rows` × `columns`.
    pub fn of(software: bool, rows: u32, columns: u32, jobs: u32) -> Self {
        let tiles = [rows.div_ceil(LARGE.rows as u32), columns.div_ceil(LARGE.cols as u32), jobs];
        let large = tiles.iter().map(|&number| u64::from(number)).product::<u64>();
        match software {
            true => SMALL,
            false if large >= BUSY && columns > MEDIUM.cols as u32 => LARGE,
            false => MEDIUM,
        }
    }

    /// Units that work on it.
    pub fn units(&self) -> usize {
        self.rows / self.side * (self.cols / self.side)
    }

    /// Elements of a left factor's tile in shared memory, `[depth, rows]`.
    pub fn left(&self) -> usize {
        self.depth * self.left_row()
    }

    /// Elements from a row of it to the next.
    pub fn left_row(&self) -> usize {
        self.rows + APART
    }

    /// Elements of a right factor's tile in shared memory, `[depth, columns]`.
    pub fn right(&self) -> usize {
        self.depth * self.cols
    }

    /// Sums of one unit.
    pub fn sums(&self) -> usize {
        self.side * self.side
    }
}

/// Sums of 0.
#[cube]
pub fn no_sums(#[comptime] tile: Tile) -> Array<f32> {
    let number = comptime!(tile.sums());
    let mut sums = Array::<f32>::new(number);
    #[unroll]
    for i in 0..number {
        sums[i] = 0.0f32;
    }
    sums
}

/// First row of a unit's sums in the tile.
#[cube]
pub fn unit_row(#[comptime] tile: Tile) -> usize {
    (UNIT_POS as usize / comptime!(tile.cols / tile.side)) * tile.side
}

/// First column of a unit's sums in the tile.
#[cube]
pub fn unit_col(#[comptime] tile: Tile) -> usize {
    (UNIT_POS as usize % comptime!(tile.cols / tile.side)) * tile.side
}

/// Adds the products of `left`, `[depth, rows]`, and `right`, `[depth, columns]`.
#[cube]
pub fn multiply(sums: &mut Array<f32>, left: &SharedMemory<f32>, right: &SharedMemory<f32>, #[comptime] tile: Tile) {
    let row = unit_row(tile);
    let col = unit_col(tile);
    let left_row = comptime!(tile.left_row());
    for d in 0..tile.depth {
        let mut a = Array::<f32>::new(tile.side);
        let mut b = Array::<f32>::new(tile.side);
        #[unroll]
        for i in 0..tile.side {
            a[i] = left[d * left_row + row + i];
            b[i] = right[d * tile.cols + col + i];
        }
        #[unroll]
        for i in 0..tile.side {
            #[unroll]
            for j in 0..tile.side {
                let at = comptime!(i * tile.side + j);
                sums[at] = fma(a[i], b[j], sums[at]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_large_where_enough_of_them_are() {
        assert_eq!(Tile::of(true, 4096, 256, 8), SMALL);
        assert_eq!(Tile::of(false, 4096, 256, 8), LARGE);
        assert_eq!(Tile::of(false, 256, 256, 8), MEDIUM);
        assert_eq!(Tile::of(false, 65_536, 8, 64), MEDIUM);
    }

    /// Layers of all kinds of weights, in tiles that the software device would not choose.
    #[cfg(feature = "wgpu")]
    #[test]
    fn larger_tiles_conform() {
        use mmtl_reference::conformance::{assert_conforms, conformance_of, drawn_plans};

        let layers = |name: &str| {
            ["linear shared relu", "linear per-scene tanh", "linear star dropout"]
                .iter()
                .any(|part| name.contains(part))
        };
        let plans: Vec<_> =
            drawn_plans().into_iter().filter(|(name, _)| name.ends_with("2 × 33") && layers(name)).collect();
        assert_eq!(plans.len(), 3);
        for tile in [MEDIUM, LARGE] {
            crate::device::devices();
            let engine = crate::wgpu_devices::engine(0).unwrap_or_else(|error| panic!("{error}"));
            assert_conforms(&conformance_of(&engine.cut(tile), &plans));
        }
    }

    #[test]
    fn tiles_fit_a_cube_and_its_shared_memory() {
        for tile in [SMALL, MEDIUM, LARGE] {
            assert!(tile.units() <= 256 && 4 * (tile.left() + tile.right()) <= 32_768, "{tile:?}");
            assert!(tile.rows % tile.side == 0 && tile.cols % tile.side == 0);
        }
    }
}
