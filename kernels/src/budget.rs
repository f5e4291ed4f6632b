//! What a session takes of a device's memory, before any of it is taken: CubeCL cannot be refused afterwards.

use mmtl_plan::{EngineError, Footprint, Plan};

use crate::cutting::{Cutting, Parts};
use crate::program::Program;
use crate::tables::OCCURRENCES;

/// What limits a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one buffer that a kernel can be given.
    pub buffer: u64,
    /// Bytes that are free, where that can be asked.
    pub free: Option<u64>,
}

/// Bytes of the largest buffer that kernels can address: element numbers have 32 bits, and a sweep steps by up to 2^20
/// elements past the last.
const ADDRESSED: u64 = 4 * ((1 << 32) - (1 << 20));

/// Most jobs of a list: as many cubes as devices allow in the third dimension.
const MOST_JOBS: usize = 65_535;

/// What a session of a program allocates.
pub fn footprint(plan: &Plan, program: &Program, max_rows: usize, cutting: Cutting) -> Footprint {
    let elements: usize = plan.tables.iter().map(|table| table.rows * table.dim).sum();
    let rows: usize = plan.tables.iter().map(|table| table.rows).sum();
    let bytes = |elements: usize| (elements as u64).saturating_mul(4);
    Footprint {
        parameters: bytes(plan.arena_len + elements + program.states_len),
        gradients: bytes(plan.arena_len + touched(plan, max_rows) + parts(plan, program, max_rows, cutting)),
        activations: bytes(2 * program.slots.len() + program.statistics_len + program.jobs.words().len()),
        optimiser: bytes(2 * (plan.arena_len + elements) + rows),
    }
}

/// Elements of the gradients of the rows that a batch can touch, and of the parts of those that have several.
pub fn touched(plan: &Plan, max_rows: usize) -> usize {
    let rows = plan.most_touched_rows(max_rows);
    // A row of more occurrences than one part's has at most twice as many parts as they fill.
    let parts = plan.most_occurrences(max_rows).into_iter().map(|occurrences| 2 * occurrences.div_ceil(OCCURRENCES));
    rows.iter().zip(parts).zip(&plan.tables).map(|((rows, parts), table)| (rows + parts) * table.dim).sum()
}

/// Elements of sums over rows that are made in parts.
pub fn parts(plan: &Plan, program: &Program, max_rows: usize, cutting: Cutting) -> usize {
    let (rows, scenes) = (max_rows as u32, plan.schema.scenes.len());
    let of = |parts: Parts, part: u32| parts.room(scenes) * part as usize;
    let columns = program.training.iter().chain(&program.backward).filter_map(|launch| launch.columns_in_parts());
    let columns = columns.map(|list| of(cutting.parts_of_columns(rows, list), list.part));
    columns.fold(of(cutting.parts_of_weights(rows, program.weights), program.gradient_part), usize::max)
}

/// Refuses a session that a device has no room or no cubes for, with the number of rows that would fit if fewer would.
pub fn check(
    plan: &Plan,
    program: &Program,
    max_rows: usize,
    cutting: Cutting,
    limits: Limits,
) -> Result<(), EngineError> {
    if program.jobs.longest() > MOST_JOBS {
        let what = "groups times scenes of layers that a device works on at once, at most";
        return Err(EngineError::Argument { what, expected: MOST_JOBS, got: program.jobs.longest() });
    }
    let buffer = limits.buffer.min(ADDRESSED);
    let slots = program.slots.len() as u64 * 4;
    let tables = plan.tables.iter().map(|table| (table.rows * table.dim) as u64 * 4).sum();
    let gradients = touched(plan, max_rows) as u64 * 4;
    let sums = parts(plan, program, max_rows, cutting) as u64 * 4;
    let fitting = |available: u64| max_rows as u64 * available / slots.max(1);
    let all = [
        (slots, format!("{max_rows} rows' slots in one buffer ({} rows would fit)", fitting(buffer))),
        (tables, "all embedding tables in one buffer".to_owned()),
        (gradients, format!("the gradients of the rows of tables that {max_rows} rows touch in one buffer")),
        (sums, "parts of the gradients of weights in one buffer".to_owned()),
        (plan.arena_len as u64 * 4, "dense parameters in one buffer".to_owned()),
    ];
    for (needed, part) in all {
        if needed > buffer {
            return Err(EngineError::Memory { what: of(plan, &part), needed, available: buffer });
        }
    }
    let (all, Some(free)) = (footprint(plan, program, max_rows, cutting), limits.free) else { return Ok(()) };
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
    format!("plan `{}`: {part}", plan.name)
}

#[cfg(test)]
mod tests {
    use mmtl_plan::Factors;
    use mmtl_reference::drawn::{self, SchemaSize};

    use super::*;

    /// What is said of a session of a plan with every op on a device that has room for anything.
    fn refusal(size: SchemaSize, experts: usize) -> Option<String> {
        let experts = (0..experts).map(|expert| format!("expert {expert}")).collect();
        let plan = drawn::every_op(&drawn::schema(size), experts, 1).expect("the plan is valid");
        let program = Program::new(&plan, 1, 0).expect("it has few slots");
        let room = Limits { buffer: u64::MAX, free: None };
        check(&plan, &program, 1, Cutting { software: false, tile: None, factors: Factors::F32 }, room)
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn tables_of_more_elements_than_32_bits_count_are_refused() {
        // Rows of 5 elements; half as many items as users.
        let items = |items| SchemaSize { items, ..SchemaSize::default() };
        assert_eq!(refusal(items(286_000_000), 3), None);
        let refusal = refusal(items(287_000_000), 3).expect("there are too many");
        assert!(refusal.contains("plan `every op`: all embedding tables in one buffer, 17175674880 are"), "{refusal}");
    }

    #[test]
    fn more_jobs_than_cubes_are_refused() {
        let scenes = SchemaSize { scenes: 300, ..SchemaSize::default() };
        assert_eq!(refusal(scenes, 70), None);
        let refusal = refusal(scenes, 120).expect("there are too many");
        assert!(
            refusal.starts_with("groups times scenes of layers that a device works on at once, at most"),
            "{refusal}"
        );
    }
}
