//! What a session takes of a device's memory, before any of it is taken: CubeCL cannot be refused afterwards.

use mmtl_plan::{EngineError, Footprint, Plan};

use crate::program::Program;
use crate::tables::most_rows;

/// What limits a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one buffer that a kernel can be given.
    pub buffer: u64,
    /// Bytes that are free, where that can be asked.
    pub free: Option<u64>,
}

/// What a session of a program allocates.
pub fn footprint(plan: &Plan, program: &Program, max_rows: usize) -> Footprint {
    let elements: usize = plan.tables.iter().map(|table| table.rows * table.dim).sum();
    let rows: usize = plan.tables.iter().map(|table| table.rows).sum();
    let bytes = |elements: usize| (elements as u64).saturating_mul(4);
    Footprint {
        parameters: bytes(plan.arena_len + elements + program.states_len),
        gradients: bytes(plan.arena_len + touched(plan, max_rows)),
        activations: bytes(2 * program.slots.len() + program.statistics_len + program.jobs.words().len()),
        optimiser: bytes(2 * (plan.arena_len + elements) + rows),
    }
}

/// Elements of the gradients of the rows that a batch can touch.
pub fn touched(plan: &Plan, max_rows: usize) -> usize {
    most_rows(plan, max_rows).iter().zip(&plan.tables).map(|(rows, table)| rows * table.dim).sum()
}

/// Refuses a session that a device has no room for, with the number of rows that would fit if fewer would.
pub fn check(plan: &Plan, program: &Program, max_rows: usize, limits: Limits) -> Result<(), EngineError> {
    let slots = program.slots.len() as u64 * 4;
    let tables = plan.tables.iter().map(|table| (table.rows * table.dim) as u64 * 4).sum();
    let gradients = touched(plan, max_rows) as u64 * 4;
    let fitting = |available: u64| max_rows as u64 * available / slots.max(1);
    let parts = [
        (slots, format!("the slots of {max_rows} rows in one buffer, {} rows would fit", fitting(limits.buffer))),
        (tables, "all embedding tables in one buffer".to_owned()),
        (gradients, format!("the gradients of the tables' rows that {max_rows} rows touch, in one buffer")),
        (plan.arena_len as u64 * 4, "dense parameters in one buffer".to_owned()),
    ];
    for (needed, part) in parts {
        if needed > limits.buffer {
            return Err(EngineError::Memory { what: of(plan, &part), needed, available: limits.buffer });
        }
    }
    let (all, Some(free)) = (footprint(plan, program, max_rows), limits.free) else { return Ok(()) };
    if all.total() <= free {
        return Ok(());
    }
    let rest = all.total() - all.activations;
    let rows = free.checked_sub(rest).map_or(0, |room| max_rows as u64 * room / all.activations.max(1));
    let part = format!(
        "a session ({} of parameters, {} of gradients, {} of the optimiser, {} for {max_rows} rows, of which {rows} would fit)",
        all.parameters, all.gradients, all.optimiser, all.activations
    );
    Err(EngineError::Memory { what: of(plan, &part), needed: all.total(), available: free })
}

fn of(plan: &Plan, part: &str) -> String {
    format!("{part} of plan `{}`", plan.name)
}
