//! How work is cut for a device: the tiles of products, and the parts that sums over rows are made in. All of it follows from
//! shapes, so that the same batch always meets the same order of additions.

use mmtl_plan::Factors;

use crate::jobs::List;
use crate::ops::norm::COLUMNS;
use crate::tile::Tile;

/// How work is cut.
#[derive(Clone, Copy, Debug)]
pub struct Cutting {
    /// Whether the device is a processor, which compiles small tiles fast and has few cubes to keep busy.
    pub software: bool,
    /// How every product is cut, instead of how its list would be.
    pub tile: Option<Tile>,
    /// What factors of products are rounded to.
    pub factors: Factors,
}

/// Cubes that keep a device busy: four for each multiprocessor of the largest.
const BUSY: u32 = 528;

/// Rows of a matrix's gradient that are worth a cube, whose sums another adds.
const LEAST_OF_WEIGHTS: u32 = 512;

/// Rows of a column's sum that are worth one.
const LEAST_OF_COLUMNS: u32 = 128;

/// Parts on a software device: more than its cores have any use for, so that it shows what parts do.
const BUSY_SOFTLY: u32 = 64;

/// Rows of a part there.
const LEAST_SOFTLY: u32 = 16;

impl Cutting {
    /// How the products of a list, of at most so many rows, are cut.
    pub fn tile(self, rows: u32, list: List) -> Tile {
        self.tile.unwrap_or_else(|| self.rounding(Tile::of(self.software, rows, list.columns, list.len)))
    }

    /// How the gradients of matrices, sums over so many rows, are cut.
    pub fn tile_of_weights(self, rows: u32, list: List) -> Tile {
        let parts = rows.div_ceil(LEAST_OF_WEIGHTS).max(1);
        self.tile.unwrap_or_else(|| self.rounding(Tile::of(self.software, list.rows, list.columns, list.len * parts)))
    }

    /// Rounded factors are for matrix units, which a processor has none of.
    fn rounding(self, tile: Tile) -> Tile {
        tile.rounding(self.factors, self.factors != Factors::F32 && !self.software)
    }

    /// Parts of the gradients of matrices.
    pub fn parts_of_weights(self, rows: u32, list: List) -> Parts {
        let tile = self.tile_of_weights(rows, list);
        let cubes = list.columns.div_ceil(tile.cols as u32) * list.rows.div_ceil(tile.rows as u32) * list.len;
        self.parts(LEAST_OF_WEIGHTS, rows, cubes)
    }

    /// Parts of sums of columns.
    pub fn parts_of_columns(self, rows: u32, list: List) -> Parts {
        self.parts(LEAST_OF_COLUMNS, rows, list.columns.div_ceil(COLUMNS as u32) * list.len)
    }

    /// Parts of a list whose cubes are so many for each.
    fn parts(self, least: u32, rows: u32, cubes: u32) -> Parts {
        let (busy, least) = if self.software { (BUSY_SOFTLY, LEAST_SOFTLY) } else { (BUSY, least) };
        let most = busy.div_ceil(cubes.max(1)).clamp(1, rows.div_ceil(least).max(1));
        let length = rows.div_ceil(most).next_multiple_of(LEAST_SOFTLY).max(LEAST_SOFTLY);
        Parts { length, number: rows.div_ceil(length), most }
    }
}

/// The parts that sums over the rows of a batch are made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Rows of one.
    pub length: u32,
    /// How many there are.
    pub number: u32,
    /// More than which there are not, in this batch or a smaller one.
    most: u32,
}

impl Parts {
    /// Parts to have room for: each scene may begin one of its own.
    pub fn room(self, scenes: usize) -> usize {
        self.most as usize + scenes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: List = List { first: 0, len: 16, columns: 256, rows: 256, part: 0, drops: false, mixtures: 0 };

    #[test]
    fn few_sums_are_cut_into_many_parts_and_many_sums_into_few() {
        let device = Cutting { software: false, tile: None, factors: Factors::F32 };
        // 64 tiles of 128 × 128 take 8 parts of 512 rows; ten times as many, two of 2,048, then one.
        let of_weights = |rows, len| device.parts_of_weights(rows, List { len, ..LIST });
        assert_eq!([16, 100, 160].map(|len| of_weights(4096, len).length), [512, 2048, 4096]);
        assert_eq!(of_weights(65_536, 16), Parts { length: 7_296, number: 9, most: 9 });
        assert_eq!(device.parts_of_columns(4096, List { len: 1, ..LIST }).length, 128);
    }

    #[test]
    fn a_smaller_batch_has_no_more_parts_than_there_is_room_for() {
        for software in [true, false] {
            let device = Cutting { software, tile: None, factors: Factors::F32 };
            for len in [1, 3, 40, 700] {
                let list = List { len, ..LIST };
                for of in [Cutting::parts_of_weights, Cutting::parts_of_columns] {
                    let room = of(device, 3000, list).room(0);
                    for rows in 0..=3000 {
                        assert!(of(device, rows, list).number as usize <= room, "{rows} rows, {len} jobs");
                    }
                }
            }
        }
    }

    #[test]
    fn software_devices_see_parts_of_small_batches() {
        let device = Cutting { software: true, tile: None, factors: Factors::F32 };
        let list = List { len: 2, columns: 33, rows: 7, ..LIST };
        assert_eq!(device.parts_of_weights(33, list), Parts { length: 16, number: 3, most: 3 });
        assert_eq!(device.parts_of_weights(0, LIST), Parts { length: 16, number: 0, most: 1 });
    }
}
