//! Where slots lie in the device's memory: slot after slot, each `[rows, groups, width]` with room for the most rows.

use mmtl_plan::{EngineError, Plan, SlotId};

use crate::pass::{ELEMENT_UNITS, LONGEST};

/// Most rows of a batch: a second dimension of as many cubes as devices allow, each of [`ELEMENT_UNITS`].
const MOST_ROWS: usize = LONGEST as usize * ELEMENT_UNITS.1 as usize;

/// One group of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Element of the first row.
    pub at: u32,
    /// Elements from a row to the next.
    pub stride: u32,
    /// Elements of a row.
    pub width: u32,
}

/// All slots of a plan.
pub struct Slots {
    /// Columns of the slots before each.
    starts: Vec<usize>,
    /// (groups, width)
    shapes: Vec<(usize, usize)>,
    /// Columns claimed so far.
    columns: usize,
    max_rows: usize,
    /// For each slot of the plan, its first column on chip, while what is compiled works there; else nothing.
    on_chip: Vec<Option<u32>>,
}

impl Slots {
    /// Lays out a plan's slots for at most `max_rows` rows.
    pub fn new(plan: &Plan, max_rows: usize) -> Self {
        let mut slots = Self { starts: vec![], shapes: vec![], columns: 0, max_rows, on_chip: vec![] };
        for slot in &plan.slots {
            slots.claim(slot.groups, slot.width);
        }
        slots
    }

    /// Room for another slot, after those of the plan.
    pub fn claim(&mut self, groups: usize, width: usize) -> SlotId {
        self.starts.push(self.columns);
        self.shapes.push((groups, width));
        self.columns += groups * width;
        SlotId(self.starts.len() - 1)
    }

    /// Number of groups of a slot.
    pub fn groups(&self, slot: SlotId) -> usize {
        self.shapes[slot.0].0
    }

    /// From now on places of slots that have a column here are on chip, where the element of a column and the next are a
    /// tile's rows apart, and those of a row and the next are neighbours; or none are.
    pub fn put_on_chip(&mut self, columns: Vec<Option<u32>>) {
        self.on_chip = columns;
    }

    /// One group, wherever it is.
    pub fn place(&self, slot: SlotId, group: usize) -> Place {
        let place = self.in_memory(slot, group);
        match self.on_chip.get(slot.0) {
            Some(&Some(column)) => Place { at: column + group as u32 * place.width, ..place },
            Some(None) | None => place,
        }
    }

    /// One group in the device's memory.
    pub fn in_memory(&self, slot: SlotId, group: usize) -> Place {
        let (groups, width) = self.shapes[slot.0];
        let at = self.starts[slot.0] * self.max_rows + group * width;
        Place { at: at as u32, stride: (groups * width) as u32, width: width as u32 }
    }

    /// All groups, side by side.
    pub fn whole(&self, slot: SlotId) -> Place {
        let place = self.place(slot, 0);
        Place { width: place.stride, ..place }
    }

    /// Elements of all slots.
    pub fn len(&self) -> usize {
        self.columns * self.max_rows
    }

    /// Refuses more rows than launches have units for, and what 32 bits cannot address.
    pub fn check(&self, plan: &Plan) -> Result<(), EngineError> {
        if self.max_rows > MOST_ROWS {
            let what = "number of rows of a batch on a device, at most";
            return Err(EngineError::Argument { what, expected: MOST_ROWS, got: self.max_rows });
        }
        if u32::try_from(self.len()).is_ok() {
            return Ok(());
        }
        let most = u32::MAX as usize / self.columns.max(1);
        Err(EngineError::Device(format!(
            "{} rows of plan `{}` take {} elements a row, more than 2^32 in all, expected at most {most} rows",
            self.max_rows, plan.name, self.columns
        )))
    }
}
