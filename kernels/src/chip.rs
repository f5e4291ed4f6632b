//! How a tile of rows lies on chip while a tail is passed forward and back ([`crate::ops::tail`]): column after column, each
//! with the elements of its rows side by side, so that a unit that has a weight in a register meets them at once.

/// Columns on chip.
const COLUMNS: usize = 2048;

/// Columns that values of a tile are staged in: losses of objectives, and parts of sums of units.
pub const STAGE: usize = 256;

/// Columns for values, and for derivatives of those that have some.
pub const ROOM: usize = COLUMNS - STAGE;

/// A tile of rows on chip, and the units that work on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chip {
    /// Rows of the tile.
    pub rows: usize,
    /// Units of a cube, at most [`STAGE`].
    pub units: usize,
    /// Columns that a unit works on at a time.
    pub across: usize,
}

/// 64 KiB: three cubes of a multiprocessor of an H200, and 256 registers for each of its units.
const LARGE: Chip = Chip { rows: 8, units: 256, across: 2 };

/// 32 KiB, which all but the least of devices have.
pub const SMALL: Chip = Chip { rows: 4, units: 256, across: 2 };

/// The same for a processor, which has no use for so many units and loads slowly.
const SOFT: Chip = Chip { rows: 4, units: 64, across: 4 };

impl Default for Chip {
    /// The one that the fewest devices cannot have.
    fn default() -> Self {
        SMALL
    }
}

impl Chip {
    /// For a device with so many bytes of shared memory, if those are enough.
    pub fn of(software: bool, shared: usize) -> Option<Self> {
        let fits = |chip: &Self| 4 * chip.len() <= shared;
        if software { Some(SOFT).filter(fits) } else { [LARGE, SMALL].into_iter().find(fits) }
    }

    /// Elements of shared memory.
    pub fn len(&self) -> usize {
        COLUMNS * self.rows
    }

    /// The first element of the stage.
    pub fn stage(&self) -> usize {
        ROOM * self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_as_large_as_shared_memory_allows() {
        assert_eq!(Chip::of(false, 232_448), Some(LARGE));
        assert_eq!(Chip::of(false, 65_536), Some(LARGE));
        assert_eq!(Chip::of(false, 49_152), Some(SMALL));
        assert_eq!(Chip::of(false, 16_384), None);
        assert_eq!(Chip::of(true, 32_768), Some(SOFT));
        assert_eq!(Chip::of(true, 32_767), None);
    }
}
