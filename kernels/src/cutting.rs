//! How work is cut for a device: the tiles of products, and the parts that sums over rows are made in. All of it follows from
//! shapes, so that the same batch always meets the same order of additions.

use mmtl_plan::Factors;

use crate::chip::Chip;
use crate::jobs::List;
use crate::ops::norm::COLUMNS;
use crate::program::{PARTS_ROOM, Tail};
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
    /// How tiles of a tail lie on chip.
    pub chip: Chip,
}

/// Cubes that keep a device busy: four for each multiprocessor of the largest.
const BUSY: u32 = 528;

/// Cubes of a tail that do: two for each.
const BUSY_WITH_TAILS: u32 = 264;

/// Rows of a matrix's gradient that are worth a cube, whose sums another adds.
const LEAST_OF_WEIGHTS: u32 = 512;

/// Rows of a column's sum that are worth one.
const LEAST_OF_COLUMNS: u32 = 128;

/// Parts on a software device: more than its cores have any use for, so that it shows what parts do.
const BUSY_SOFTLY: u32 = 64;

/// Rows of a part there.
const LEAST_SOFTLY: u32 = 16;

/// Tiles of a cube of a tail there, in one launch.
const TILES_SOFTLY: usize = 4;

impl Cutting {
    /// How the products of a list, of at most so many rows, are cut.
    pub fn tile(self, rows: u32, list: List) -> Tile {
        self.rounding(self.tile.unwrap_or_else(|| Tile::of(self.software, rows, list.columns, list.len)))
    }

    /// How the gradients of matrices, sums over so many rows, are cut.
    pub fn tile_of_weights(self, rows: u32, list: List) -> Tile {
        let parts = rows.div_ceil(LEAST_OF_WEIGHTS).max(1);
        let own = || Tile::of(self.software, list.rows, list.columns, list.len * parts);
        self.rounding(self.tile.unwrap_or_else(own))
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

    /// Parts of a tail, a cube each: of as many tiles as leave no more cubes than keep a device busy, and no more parts than
    /// there is room for.
    pub fn parts_of_tail(self, rows: u32, tail: Tail) -> Parts {
        let busy = if self.software { BUSY_SOFTLY } else { BUSY_WITH_TAILS };
        let room = (PARTS_ROOM as u32 / tail.part.max(1)).saturating_sub(tail.scenes);
        let tile = self.chip.rows as u32;
        let most = busy.min(room).min(rows.div_ceil(tile)).max(1);
        let length = rows.div_ceil(most).next_multiple_of(tile).max(tile);
        Parts { length, number: rows.div_ceil(length), most }
    }

    /// Rows of a tail's part that one launch passes: all, but on a software device, whose loops take 65,535 turns in a launch
    /// and then silently no more. A tile takes some hundreds.
    pub fn rows_of_tail_at_once(self, length: u32) -> usize {
        if self.software { TILES_SOFTLY * self.chip.rows } else { length as usize }
    }

    /// Cubes of a tail, none where there is no row: a part each, and one more for each scene that may begin one.
    pub fn cubes_of_tail(self, rows: u32, tail: Tail) -> u32 {
        let number = self.parts_of_tail(rows, tail).number;
        if number > 0 { number + tail.scenes } else { 0 }
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

    fn cutting(software: bool) -> Cutting {
        let chip = Chip::of(software, 1 << 16).expect("that is enough");
        Cutting { software, tile: None, factors: Factors::F32, chip }
    }

    const LIST: List = List { first: 0, len: 16, columns: 256, rows: 256, part: 0, drops: false, mixtures: 0 };

    #[test]
    fn few_sums_are_cut_into_many_parts_and_many_sums_into_few() {
        let device = cutting(false);
        // 64 tiles of 128 × 128 take 8 parts of 512 rows; ten times as many, two of 2,048, then one.
        let of_weights = |rows, len| device.parts_of_weights(rows, List { len, ..LIST });
        assert_eq!([16, 100, 160].map(|len| of_weights(4096, len).length), [512, 2048, 4096]);
        assert_eq!(of_weights(65_536, 16), Parts { length: 7_296, number: 9, most: 9 });
        assert_eq!(device.parts_of_columns(4096, List { len: 1, ..LIST }).length, 128);
    }

    #[test]
    fn a_smaller_batch_has_no_more_parts_than_there_is_room_for() {
        for software in [true, false] {
            let device = cutting(software);
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
        let device = cutting(true);
        let list = List { len: 2, columns: 33, rows: 7, ..LIST };
        assert_eq!(device.parts_of_weights(33, list), Parts { length: 16, number: 3, most: 3 });
        assert_eq!(device.parts_of_weights(0, LIST), Parts { length: 16, number: 0, most: 1 });
    }

    #[test]
    fn a_tail_has_no_more_parts_than_there_is_room_for() {
        let tail = |part, scenes| Tail { steps: LIST, derivatives: 0, scenes, part, stars: false };
        let device = cutting(false);
        // A tile of 8 rows each, until two cubes for each multiprocessor are busy; then several.
        assert_eq!(device.parts_of_tail(1024, tail(50_000, 0)), Parts { length: 8, number: 128, most: 128 });
        assert_eq!(device.parts_of_tail(4096, tail(50_000, 0)), Parts { length: 16, number: 256, most: 264 });
        // 2^24 elements are 167 parts of 100,000.
        assert_eq!(device.parts_of_tail(65_536, tail(100_000, 0)).most, 167);
        assert_eq!(device.parts_of_tail(65_536, tail(100_000, 10)).most, 157);
        for device in [device, cutting(true)] {
            for part in [0, 1000, 131_072] {
                let most = device.parts_of_tail(3000, tail(part, 0)).room(0);
                for rows in 0..=3000 {
                    let parts = device.parts_of_tail(rows, tail(part, 0));
                    assert!(parts.number as usize <= most, "{rows} rows, {part} elements");
                }
            }
        }
    }
}
