//! A tile of a matrix product: both factors pass through shared memory, sums stay in registers.
//!
//! Sums are chains of fused multiply-adds, or squares of matrix units. An element's chain is in the order of the depth,
//! whatever the tile: its size changes no bit. Squares add in an order of the device's own.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "shared memory is of no size only on the host")]

use cubecl::cmma;
use cubecl::ir::features::MmaConfig;
use cubecl::ir::{ElemType, FloatKind, StorageType};
use cubecl::prelude::*;
use mmtl_plan::Factors;

/// How a product is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Rows of a tile.
    pub rows: usize,
    /// Columns of a tile.
    pub cols: usize,
    /// Depth that passes through shared memory at a time.
    pub depth: usize,
    /// Rows and columns of one unit's chains; a unit has as many elements of squares.
    pub side: usize,
    /// What factors are rounded to.
    pub factors: Factors,
    /// Whether matrix units multiply.
    pub squares: bool,
}

/// One that a software device compiles fast.
const SMALL: Tile = Tile { rows: 32, cols: 32, depth: 16, side: 4, factors: Factors::F32, squares: false };

/// One that many small products fill a device with.
const MEDIUM: Tile = Tile { rows: 64, cols: 64, depth: 16, side: 4, factors: Factors::F32, squares: false };

/// One that reads each factor half as often, for as many as keep a device busy.
const LARGE: Tile = Tile { rows: 128, cols: 128, depth: 16, side: 8, factors: Factors::F32, squares: false };

/// Large tiles that keep a device busy: two for each multiprocessor of the largest.
const BUSY: u64 = 264;

/// Bytes between the rows of a left factor's tile beyond its own: units that write one column side by side meet in fewer
/// banks of shared memory, and matrix units can load what begins at a row.
const APART: usize = 16;

/// Rows and columns of a square.
pub const SQUARE: usize = 16;

/// Units that multiply squares together.
pub const PLANE: usize = 32;

/// Elements of a square that a unit has.
const OF_UNIT: usize = SQUARE * SQUARE / PLANE;

/// Squares of a plane beside each other.
const ACROSS: usize = 2;

impl Tile {
    /// Those of devices that are no processors.
    pub const OF_DEVICES: [Self; 2] = [MEDIUM, LARGE];

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

    /// With rounded factors, which `squares` says whether matrix units multiply.
    #[must_use]
    pub fn rounding(self, factors: Factors, squares: bool) -> Self {
        // More multiplications between two waits, of which matrix units make short work.
        let depth = if squares { 2 * self.depth } else { self.depth };
        Self { depth, factors, squares, ..self }
    }

    /// Units that work on it.
    pub fn units(&self) -> usize {
        self.rows / self.side * (self.cols / self.side)
    }

    /// The type of factors in shared memory. Without matrix units they are rounded, and stay what they were.
    pub fn element(&self) -> StorageType {
        let kind = match self.factors {
            Factors::Tf32 if self.squares => FloatKind::TF32,
            Factors::Bf16 if self.squares => FloatKind::BF16,
            Factors::F32 | Factors::Tf32 | Factors::Bf16 => FloatKind::F32,
        };
        StorageType::Scalar(ElemType::Float(kind))
    }

    /// Depth of a square's product.
    pub fn square_depth(&self) -> usize {
        match self.factors {
            Factors::F32 | Factors::Tf32 => 8,
            Factors::Bf16 => 16,
        }
    }

    /// Elements of a left factor's tile in shared memory, `[depth, rows]`.
    pub fn left(&self) -> usize {
        self.depth * self.left_row()
    }

    /// Elements from a row of it to the next.
    pub fn left_row(&self) -> usize {
        self.rows + APART / self.element().size()
    }

    /// Elements of a right factor's tile in shared memory, `[depth, columns]`.
    pub fn right(&self) -> usize {
        self.depth * self.cols
    }

    /// Sums of one unit.
    pub fn sums(&self) -> usize {
        self.side * self.side
    }

    /// Squares of a plane: the elements of its units.
    fn squares_of_plane(&self) -> usize {
        self.sums() * PLANE / (SQUARE * SQUARE)
    }

    /// Planes beside each other.
    fn planes_across(&self) -> usize {
        self.cols / (ACROSS * SQUARE)
    }

    /// Rows of a plane's squares.
    fn rows_of_plane(&self) -> usize {
        self.squares_of_plane() / ACROSS * SQUARE
    }
}

/// The product of matrix units that rounded factors need.
pub fn square(factors: Factors) -> MmaConfig {
    let tile = LARGE.rounding(factors, true);
    let float = |kind| StorageType::Scalar(ElemType::Float(kind));
    let [m, n, k] = [SQUARE, SQUARE, tile.square_depth()].map(|side| side as u32);
    MmaConfig { a_type: tile.element(), b_type: tile.element(), cd_type: float(FloatKind::F32), m, n, k }
}

/// Whether a device has that. There is none for factors that are not rounded.
pub fn has_squares<R: Runtime>(client: &ComputeClient<R>, factors: Factors) -> bool {
    factors != Factors::F32 && client.features().matmul.cmma.contains(&square(factors))
}

/// What a unit adds up: chains, or its plane's squares.
#[derive(CubeType)]
pub struct Sums {
    chains: Array<f32>,
    squares: Sequence<cmma::Matrix<f32>>,
}

/// Sums of 0.
#[cube]
pub fn no_sums(#[comptime] tile: Tile) -> Sums {
    let number = comptime!(if tile.squares { 1 } else { tile.sums() });
    let mut chains = Array::<f32>::new(number);
    #[unroll]
    for i in 0..number {
        chains[i] = 0.0f32;
    }
    let mut squares = Sequence::<cmma::Matrix<f32>>::new();
    if comptime!(tile.squares) {
        #[unroll]
        for _ in 0..comptime!(tile.squares_of_plane()) {
            squares.push(cmma::Matrix::<f32>::from_value(
                cmma::MatrixIdent::Accumulator,
                SQUARE,
                SQUARE,
                comptime!(tile.square_depth()),
                cmma::MatrixLayout::Undefined,
                0.0f32,
            ));
        }
    }
    Sums { chains, squares }
}

/// A factor as shared memory has it; matrix units round by themselves.
#[cube]
pub fn factor<F: Float>(x: f32, #[comptime] tile: Tile) -> F {
    let mut factor = x;
    if comptime!(!tile.squares) {
        factor = rounded(x, tile.factors);
    }
    F::cast_from(factor)
}

/// A number as factors of products are rounded; where two are as near, to even in bf16 and away from 0 in tf32.
#[cube]
pub fn rounded(x: f32, #[comptime] factors: Factors) -> f32 {
    let mut rounded = x;
    if comptime!(factors != Factors::F32) {
        let bits = u32::reinterpret(x);
        // Infinities and what is no number stay what they are.
        if (bits >> 23u32) & 255u32 < 255u32 {
            if comptime!(factors == Factors::Tf32) {
                rounded = f32::reinterpret((bits + 0x1000u32) & 0xFFFF_E000u32);
            } else {
                rounded = f32::reinterpret((bits + 0x7FFFu32 + ((bits >> 16u32) & 1u32)) & 0xFFFF_0000u32);
            }
        }
    }
    rounded
}

/// First row of a unit's chains in the tile.
#[cube]
fn unit_row(#[comptime] tile: Tile) -> usize {
    (UNIT_POS as usize / comptime!(tile.cols / tile.side)) * tile.side
}

/// First column of a unit's chains in the tile.
#[cube]
fn unit_col(#[comptime] tile: Tile) -> usize {
    (UNIT_POS as usize % comptime!(tile.cols / tile.side)) * tile.side
}

/// First row of a plane's squares in the tile.
#[cube]
fn plane_row(#[comptime] tile: Tile) -> usize {
    UNIT_POS as usize / PLANE / comptime!(tile.planes_across()) * comptime!(tile.rows_of_plane())
}

/// First column of a plane's squares in the tile.
#[cube]
fn plane_col(#[comptime] tile: Tile) -> usize {
    UNIT_POS as usize / PLANE % comptime!(tile.planes_across()) * comptime!(ACROSS * SQUARE)
}

/// Adds the products of `left`, `[depth, rows]`, and `right`, `[depth, columns]`.
#[cube]
pub fn multiply<F: Float>(sums: &mut Sums, left: &SharedMemory<F>, right: &SharedMemory<F>, #[comptime] tile: Tile) {
    if comptime!(tile.squares) {
        multiply_squares::<F>(sums, left, right, tile);
    } else {
        multiply_chains::<F>(sums, left, right, tile);
    }
}

#[cube]
fn multiply_chains<F: Float>(sums: &mut Sums, left: &SharedMemory<F>, right: &SharedMemory<F>, #[comptime] tile: Tile) {
    let row = unit_row(tile);
    let col = unit_col(tile);
    let left_row = comptime!(tile.left_row());
    for d in 0..tile.depth {
        let mut a = Array::<f32>::new(tile.side);
        let mut b = Array::<f32>::new(tile.side);
        #[unroll]
        for i in 0..tile.side {
            a[i] = f32::cast_from(left[d * left_row + row + i]);
            b[i] = f32::cast_from(right[d * tile.cols + col + i]);
        }
        #[unroll]
        for i in 0..tile.side {
            #[unroll]
            for j in 0..tile.side {
                let at = comptime!(i * tile.side + j);
                sums.chains[at] = fma(a[i], b[j], sums.chains[at]);
            }
        }
    }
}

#[cube]
fn multiply_squares<F: Float>(
    sums: &mut Sums,
    left: &SharedMemory<F>,
    right: &SharedMemory<F>,
    #[comptime] tile: Tile,
) {
    let row = plane_row(tile);
    let col = plane_col(tile);
    let deep = comptime!(tile.square_depth());
    let left_row = comptime!(tile.left_row());
    let down = comptime!(tile.squares_of_plane() / ACROSS);
    #[unroll]
    for step in 0..comptime!(tile.depth / tile.square_depth()) {
        let d = comptime!(step * deep);
        let mut b = Sequence::<cmma::Matrix<F>>::new();
        #[unroll]
        for j in 0..ACROSS {
            let at = comptime!(d * tile.cols + j * SQUARE) + col;
            b.push(cmma::Matrix::<F>::from_slice(
                cmma::MatrixIdent::B,
                SQUARE,
                SQUARE,
                deep,
                cmma::MatrixLayout::RowMajor,
                &right.slice(at, at + comptime!((tile.square_depth() - 1) * tile.cols + SQUARE)),
                comptime!(tile.cols as u32),
            ));
        }
        #[unroll]
        for i in 0..down {
            let at = comptime!(d * tile.left_row() + i * SQUARE) + row;
            let a = cmma::Matrix::<F>::from_slice(
                cmma::MatrixIdent::A,
                SQUARE,
                SQUARE,
                deep,
                cmma::MatrixLayout::ColMajor,
                &left.slice(at, at + comptime!((tile.square_depth() - 1) * tile.left_row() + SQUARE)),
                comptime!(left_row as u32),
            );
            #[unroll]
            for j in 0..ACROSS {
                let sum = sums.squares.index(comptime!(i * ACROSS + j));
                cmma::execute::<F, F, f32, f32>(&a, b.index(j), sum, sum);
            }
        }
    }
}

/// A unit's sums, of the elements that [`element_row`] and [`element_col`] tell. Squares pass through shared memory.
#[cube]
pub fn elements(sums: &Sums, #[comptime] tile: Tile) -> Array<f32> {
    let mut elements = Array::<f32>::new(comptime!(tile.sums()));
    if comptime!(tile.squares) {
        let mut squares = SharedMemory::<f32>::new(comptime!(tile.units() / PLANE * SQUARE * SQUARE));
        let own = UNIT_POS as usize / PLANE * comptime!(SQUARE * SQUARE);
        let first = own + UNIT_POS as usize % PLANE * OF_UNIT;
        #[unroll]
        for square in 0..comptime!(tile.squares_of_plane()) {
            cmma::store(
                &mut squares.slice_mut(own, own + comptime!(SQUARE * SQUARE)),
                sums.squares.index(square),
                comptime!(SQUARE as u32),
                cmma::MatrixLayout::RowMajor,
            );
            sync_cube();
            #[unroll]
            for i in 0..OF_UNIT {
                elements[comptime!(square * OF_UNIT + i)] = squares[first + i];
            }
            sync_cube();
        }
    } else {
        #[unroll]
        for i in 0..comptime!(tile.sums()) {
            elements[i] = sums.chains[i];
        }
    }
    elements
}

/// The row of a unit's `i`-th element in the tile.
#[cube]
pub fn element_row(#[comptime] tile: Tile, #[comptime] i: usize) -> u32 {
    let mut row = unit_row(tile) + comptime!(i / tile.side);
    if comptime!(tile.squares) {
        let in_square = UNIT_POS as usize % PLANE * OF_UNIT / SQUARE;
        row = plane_row(tile) + comptime!(i / OF_UNIT / ACROSS * SQUARE) + in_square;
    }
    row as u32
}

/// The column of a unit's `i`-th element in the tile.
#[cube]
pub fn element_col(#[comptime] tile: Tile, #[comptime] i: usize) -> u32 {
    let mut col = unit_col(tile) + comptime!(i % tile.side);
    if comptime!(tile.squares) {
        let in_square = UNIT_POS as usize % PLANE * OF_UNIT % SQUARE;
        col = plane_col(tile) + comptime!(i / OF_UNIT % ACROSS * SQUARE + i % OF_UNIT) + in_square;
    }
    col as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tiles decide in which order products are summed and where parts begin: another choice moves results.
    #[test]
    fn tiles_are_large_where_enough_of_them_are() {
        let of = |(rows, columns, jobs)| Tile::of(false, rows, columns, jobs);
        let experts = [(512, 256, 8), (4096, 256, 8), (4096, 128, 8), (65_536, 512, 16)];
        assert_eq!(experts.map(of), [MEDIUM, LARGE, MEDIUM, LARGE]);
        let narrow = [(4096, 64, 2), (4096, 1, 2), (1, 1, 1), (65_536, 8, 64)];
        assert_eq!(narrow.map(of), [MEDIUM; 4]);
        assert_eq!(Tile::of(true, 4096, 256, 8), SMALL);
    }

    #[test]
    fn tiles_fit_a_cube_and_its_shared_memory() {
        for tile in [SMALL, MEDIUM, LARGE] {
            assert!(tile.units() <= 256 && 4 * (tile.left() + tile.right()) <= 32_768, "{tile:?}");
            assert!(tile.rows % tile.side == 0 && tile.cols % tile.side == 0, "{tile:?}");
            // A unit of a gradient meets one column of the right factor only.
            assert_eq!(tile.units() % tile.cols, 0, "{tile:?}");
        }
    }

    /// Every element of a tile belongs to one unit, whoever multiplies; matrix units load from whole 32 bytes, and the rows
    /// of what they load are whole 16 bytes apart.
    #[test]
    fn squares_cover_a_tile() {
        for (tile, factors) in
            [MEDIUM, LARGE].into_iter().flat_map(|tile| [(tile, Factors::Tf32), (tile, Factors::Bf16)])
        {
            let tile = tile.rounding(factors, true);
            let planes = tile.units() / PLANE;
            assert_eq!(planes * tile.squares_of_plane() * SQUARE * SQUARE, tile.rows * tile.cols, "{tile:?}");
            assert_eq!(planes / tile.planes_across() * tile.rows_of_plane(), tile.rows, "{tile:?}");
            assert_eq!(tile.depth % tile.square_depth(), 0, "{tile:?}");
            let bytes = tile.element().size();
            assert_eq!((tile.left_row() * bytes % 16, tile.cols * bytes % 16, SQUARE * bytes % 32), (0, 0, 0));
            assert_eq!((tile.square_depth() * tile.left_row() * bytes) % 32, 0, "{tile:?}");
            // Tiles follow one another in shared memory.
            assert_eq!((tile.left() * bytes % 32, tile.right() * bytes % 32), (0, 0), "{tile:?}");
            let shared = bytes * (tile.left() + tile.right()) + 4 * planes * SQUARE * SQUARE;
            assert!(shared <= 48 * 1024, "{tile:?}: {shared}");
        }
    }
}
