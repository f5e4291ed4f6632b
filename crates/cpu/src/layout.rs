//! Where a batch's activations lie: tile after tile, and in a tile slot after slot.

use std::ops::Range;

/// A slot's place in a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Elements of one row in the slots before it.
    pub at: usize,
    /// Number of groups.
    pub groups: usize,
    /// Width of a group.
    pub width: usize,
}

/// Columns from which rows are set apart: a line more takes an eighth of their room at most.
const WIDE: usize = 128;

/// Elements of a cache line.
pub const LINE: usize = 16;

impl Place {
    /// Elements of one row, `[groups, width]`.
    pub fn columns(&self) -> usize {
        self.groups * self.width
    }

    /// Elements from the start of a row to that of the next. Wide rows of an even number of cache lines get one line
    /// more: lines that lie a power of two apart share the few places that a cache has for them.
    pub fn stride(&self) -> usize {
        let columns = self.columns();
        if columns >= WIDE && columns.is_multiple_of(2 * LINE) { columns + LINE } else { columns }
    }

    /// Its rows in a tile's memory.
    pub fn rows<'a>(&self, tile: &Tile, memory: &'a [f32]) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let columns = self.columns();
        self.of(tile, memory).chunks_exact(self.stride()).map(move |row| &row[..columns])
    }

    /// Its rows, `stride` apart, in a tile's memory.
    pub fn range(&self, tile: &Tile) -> Range<usize> {
        let start = tile.size * self.at;
        start..start + tile.rows * self.stride()
    }

    /// Its elements in a tile's memory.
    pub fn of<'a>(&self, tile: &Tile, memory: &'a [f32]) -> &'a [f32] {
        &memory[self.range(tile)]
    }

    /// Its elements in a tile's memory.
    pub fn of_mut<'a>(&self, tile: &Tile, memory: &'a mut [f32]) -> &'a mut [f32] {
        &mut memory[self.range(tile)]
    }

    /// What lies before it in a tile's memory, and its elements.
    pub fn after<'a>(&self, tile: &Tile, memory: &'a mut [f32]) -> (&'a mut [f32], &'a mut [f32]) {
        let range = self.range(tile);
        let (before, rest) = memory.split_at_mut(range.start);
        (before, &mut rest[..range.len()])
    }
}

/// Consecutive rows of a batch that pass through the plan together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Its first row in the batch.
    pub first: usize,
    /// Number of rows, `size` except in the last tile.
    pub rows: usize,
    /// Rows there is memory for.
    pub size: usize,
}

impl Tile {
    /// Its number in the batch.
    pub fn number(&self) -> usize {
        self.first / self.size
    }
}

/// A batch cut into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Rows of the batch.
    pub rows: usize,
    /// Rows of a tile.
    pub size: usize,
    /// Elements of one row in all slots.
    pub stride: usize,
}

/// Rows of the largest tile.
pub const LARGEST_TILE: usize = 256;

/// Rows of the smallest tile; a multiple of 16, so that slots start on cache lines.
pub const SMALLEST_TILE: usize = 64;

impl Frame {
    /// Cuts `rows` rows into at least eight tiles where that leaves them 64 rows: matrix products lose speed below,
    /// caches overflow above 256.
    pub fn new(rows: usize, stride: usize) -> Self {
        let size = (rows / 8).next_power_of_two().clamp(SMALLEST_TILE, LARGEST_TILE);
        Self { rows, size, stride }
    }

    /// Number of tiles.
    pub fn tiles(&self) -> usize {
        self.rows.div_ceil(self.size)
    }

    /// Elements of a tile's memory.
    pub fn tile_len(&self) -> usize {
        self.size * self.stride
    }

    /// The `t`-th tile.
    pub fn tile(&self, t: usize) -> Tile {
        let first = t * self.size;
        Tile { first, rows: self.size.min(self.rows - first), size: self.size }
    }

    /// The tiles that hold `rows`, each with the part of its own rows that belongs to them.
    pub fn parts(&self, rows: Range<usize>) -> impl Iterator<Item = (Tile, Range<usize>)> + use<> {
        let frame = *self;
        let last = if rows.is_empty() { rows.start / self.size } else { rows.end.div_ceil(self.size) };
        (rows.start / self.size..last).map(move |t| {
            let tile = frame.tile(t);
            (tile, rows.start.max(tile.first) - tile.first..rows.end.min(tile.first + tile.rows) - tile.first)
        })
    }

    /// A tile's part of all tiles' memory.
    pub fn memory<'a>(&self, tile: &Tile, all: &'a [f32]) -> &'a [f32] {
        let start = tile.first * self.stride;
        &all[start..start + self.tile_len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_range_once_and_in_order() {
        let frame = Frame::new(1000, 3);
        assert_eq!((frame.size, frame.tiles(), frame.tile(7).rows), (128, 8, 104));
        for rows in [0..1000, 0..0, 128..128, 5..6, 127..129, 300..1000] {
            let covered: Vec<usize> = frame
                .parts(rows.clone())
                .flat_map(|(tile, part)| part.map(move |r| tile.first + r).collect::<Vec<_>>())
                .collect();
            assert_eq!(covered, rows.collect::<Vec<_>>());
        }
    }

    #[test]
    fn tile_sizes_follow_the_rows_alone() {
        let size = |rows| Frame::new(rows, 1).size;
        assert_eq!((size(0), size(1), size(512), size(1024), size(4096), size(1 << 20)), (64, 64, 64, 128, 256, 256));
    }
}
