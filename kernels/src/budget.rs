//! What a session takes of a device's memory, before any of it is taken: CubeCL cannot be refused afterwards.

use mmtl_plan::{
    ALIGN, EngineError, FieldKind, Footprint, LinearWeights, NormKind, Op, Plan, SessionOptions, TableUpdates,
};

use crate::buffer::PIECE;
use crate::cutting::{Cutting, Parts};
use crate::ops::loss::VALUE_ROWS;
use crate::pass::LONGEST;
use crate::program::Program;
use crate::reduce::CHUNK;
use crate::tables::{OCCURRENCES, PART, SPLIT, TOUCHED};
use crate::update::PULL;

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
const MOST_JOBS: usize = LONGEST as usize;

/// Losses that are kept on the device until somebody asks, in steps.
pub const KEPT_LOSSES: usize = 1024;

/// Batches that are on the device at once: the one that is worked on, those that wait and the one that comes.
const BATCHES: usize = 3;

/// What a session of a program allocates; gradients kept for [`mmtl_plan::Session::combine`] come later, if at all, and are
/// checked by [`check_gradients`]. CubeCL puts uploads on pages, of which up to two are not full.
pub fn footprint(plan: &Plan, program: &Program, options: SessionOptions, cutting: Cutting) -> Footprint {
    let max_rows = options.max_rows;
    let elements: usize = plan.tables.iter().map(|table| table.rows * table.dim).sum();
    let rows: usize = plan.tables.iter().map(|table| table.rows).sum();
    let bytes = |elements: usize| (elements as u64).saturating_mul(4);
    Footprint {
        parameters: bytes(plan.arena_len + elements + program.states_len),
        gradients: bytes(plan.arena_len + touched(plan, max_rows)),
        activations: bytes(
            2 * program.slots.len()
                + program.statistics_len
                + parts(plan, program, max_rows, cutting)
                + tail_parts(program, max_rows, cutting)
                + program.jobs.words().len()
                + KEPT_LOSSES * plan.objectives.len() * parts_of_losses(program, max_rows, cutting)
                + BATCHES * batch(plan, max_rows)
                + PIECE.min(elements),
        ),
        optimiser: bytes(
            2 * (plan.arena_len + elements)
                + rows
                + if options.tables == TableUpdates::Dense { rows } else { 0 }
                + PULL * plan.arena_len.div_ceil(ALIGN)
                + 2 * (plan.arena_len + elements).div_ceil(CHUNK),
        ),
    }
}

/// The most elements that a batch has on the device: ids and where they start, their occurrences, scenes, touched rows;
/// numbers, labels and weights.
fn batch(plan: &Plan, rows: usize) -> usize {
    let ids = |field: &mmtl_plan::Field| match field.kind {
        FieldKind::Tokens { max, .. } => 3 * max + 1,
        FieldKind::Categorical { .. } => 3,
        FieldKind::Numeric => 1,
    };
    let of_row = plan.schema.fields.iter().map(ids).sum::<usize>() + 1 + 2 * plan.schema.tasks.len();
    let touched = plan.most_touched_rows(rows).iter().sum::<usize>();
    let parts =
        plan.most_occurrences(rows).iter().map(|occurrences| 2 * occurrences.div_ceil(OCCURRENCES)).sum::<usize>();
    of_row * rows + (TOUCHED + PART) * touched + (PART + SPLIT) * parts
}

/// Refuses more gradients than a device has room for.
pub fn check_gradients(plan: &Plan, max_rows: usize, more: usize, free: Option<u64>) -> Result<(), EngineError> {
    let needed = more as u64 * (plan.arena_len + touched(plan, max_rows)) as u64 * 4;
    match free {
        Some(available) if available < needed => {
            let what = of(plan, &format!("gradients of {more} more objectives"));
            Err(EngineError::Memory { what, needed, available })
        }
        Some(_) | None => Ok(()),
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
    // Only what scenes have of their own begins a part with each of them.
    let by_scene = |op: &Op| match op {
        Op::Linear(op) => !matches!(op.weights, LinearWeights::Shared { .. }),
        Op::Norm(op) => matches!(op.kind, NormKind::Scene { .. }),
        Op::Embed(_) | Op::Gate(_) | Op::Mix(_) | Op::Add(_) | Op::Concat(_) | Op::Predict(_) | Op::Loss(_) => false,
    };
    let scenes = if plan.ops.iter().any(by_scene) { plan.schema.scenes.len() } else { 0 };
    let rows = max_rows as u32;
    let of = |parts: Parts, part: u32| parts.room(scenes) * part as usize;
    let columns = program.training.iter().chain(&program.backward).filter_map(|launch| launch.columns_in_parts());
    let columns = columns.map(|list| of(cutting.parts_of_columns(rows, list), list.part));
    columns.fold(of(cutting.parts_of_weights(rows, program.weights), program.gradient_part), usize::max)
}

/// Elements of the parts of a tail's gradients, which follow those of all others.
pub fn tail_parts(program: &Program, max_rows: usize, cutting: Cutting) -> usize {
    program.tail.map_or(0, |tail| parts_of_losses(program, max_rows, cutting) * tail.part as usize)
}

/// Parts that an objective's loss is made in, at most: a tail's, or those of losses by themselves.
pub fn parts_of_losses(program: &Program, max_rows: usize, cutting: Cutting) -> usize {
    match program.tail {
        Some(tail) => cutting.parts_of_tail(max_rows as u32, tail).room(tail.scenes as usize),
        None => max_rows.div_ceil(VALUE_ROWS as usize),
    }
}

/// Refuses a session that a device has no room or no cubes for, with the number of rows that would fit. `program_of` makes
/// the plan's program for so many rows, if there is one.
pub fn check(
    plan: &Plan,
    program: &Program,
    options: SessionOptions,
    cutting: Cutting,
    limits: Limits,
    program_of: impl Fn(usize) -> Option<Program>,
) -> Result<(), EngineError> {
    if program.jobs.longest() > MOST_JOBS {
        let what = "groups times scenes of layers that a device works on at once, at most";
        return Err(EngineError::Argument { what, expected: MOST_JOBS, got: program.jobs.longest() });
    }
    let Some(Shortage { part, needed, available }) = shortage(plan, program, options, cutting, limits) else {
        return Ok(());
    };
    let fits = |max_rows: usize| {
        let of_fewer = |program| shortage(plan, &program, SessionOptions { max_rows, ..options }, cutting, limits);
        program_of(max_rows).is_some_and(|program| of_fewer(program).is_none())
    };
    let hint = match most_rows(options.max_rows, fits) {
        0 => "no batch would fit".to_owned(),
        rows => format!("{rows} rows would fit"),
    };
    Err(EngineError::Memory { what: of(plan, &format!("{part} ({hint})")), needed, available })
}

/// What a device has too little of.
struct Shortage {
    part: String,
    needed: u64,
    available: u64,
}

/// The first that there is too little of, if any.
fn shortage(
    plan: &Plan,
    program: &Program,
    options: SessionOptions,
    cutting: Cutting,
    limits: Limits,
) -> Option<Shortage> {
    let rows = options.max_rows;
    let buffer = limits.buffer.min(ADDRESSED);
    let tables = plan.tables.iter().map(|table| table.rows * table.dim).sum();
    let sums = parts(plan, program, rows, cutting) + tail_parts(program, rows, cutting);
    let buffers = [
        (program.slots.len(), format!("{rows} rows' slots in one buffer")),
        (tables, "all embedding tables in one buffer".to_owned()),
        (touched(plan, rows), format!("the gradients of the rows of tables that {rows} rows touch in one buffer")),
        (sums, format!("parts of the gradients of weights of {rows} rows in one buffer")),
        (batch(plan, rows), format!("a batch of {rows} rows in one buffer")),
        (plan.arena_len, "dense parameters in one buffer".to_owned()),
    ];
    for (elements, part) in buffers {
        let needed = elements as u64 * 4;
        if needed > buffer {
            return Some(Shortage { part, needed, available: buffer });
        }
    }
    let all = footprint(plan, program, options, cutting);
    let available = limits.free.filter(|free| all.total() > *free)?;
    let part = format!(
        "a session of {rows} rows: {} of parameters, {} of gradients, {} of the optimiser, {} of activations",
        all.parameters, all.gradients, all.optimiser, all.activations
    );
    Some(Shortage { part, needed: all.total(), available })
}

/// The most rows below `too_many` that fit. Fewer rows take no more of anything.
fn most_rows(too_many: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut most, mut too_many) = (0, too_many);
    while too_many - most > 1 {
        let between = most.midpoint(too_many);
        if fits(between) {
            most = between;
        } else {
            too_many = between;
        }
    }
    most
}

fn of(plan: &Plan, part: &str) -> String {
    format!("plan `{}`: {part}", plan.name)
}

#[cfg(test)]
mod tests {
    use mmtl_plan::Factors;
    use mmtl_reference::drawn::{self, SchemaSize};

    use super::*;
    use crate::chip::Chip;
    use crate::program::Launching;

    fn cutting() -> Cutting {
        let chip = Chip::of(false, 1 << 16).expect("that is enough");
        Cutting { software: false, tile: None, factors: Factors::F32, chip }
    }

    /// What is said of a session of a plan with every op on a device that has room for anything.
    fn refusal(size: SchemaSize, experts: usize) -> Option<String> {
        let experts = (0..experts).map(|expert| format!("expert {expert}")).collect();
        let plan = drawn::every_op(&drawn::schema(size), experts, 1).expect("the plan is valid");
        let program = Program::new(&plan, 1, 0, Launching::Fused).expect("it has few slots");
        let room = Limits { buffer: u64::MAX, free: None };
        let options = SessionOptions { max_rows: 1, initialisation: 0, dropout: 0, tables: TableUpdates::Exact };
        check(&plan, &program, options, cutting(), room, |_| None).err().map(|error| error.to_string())
    }

    #[test]
    fn tables_of_more_elements_than_32_bits_count_are_refused() {
        // Rows of 5 elements; half as many items as users.
        let items = |items| SchemaSize { items, ..SchemaSize::default() };
        assert_eq!(refusal(items(286_000_000), 3), None);
        let refusal = refusal(items(287_000_000), 3).expect("there are too many");
        assert!(
            refusal
                .contains("plan `every op`: all embedding tables in one buffer (no batch would fit), 17175674880 are"),
            "{refusal}"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        let plan =
            drawn::every_op(&drawn::schema(SchemaSize::default()), vec!["one".to_owned()], 1).expect("it is valid");
        let options = SessionOptions { max_rows: 500, initialisation: 0, dropout: 0, tables: TableUpdates::Exact };
        let program = Program::new(&plan, options.max_rows, 0, Launching::Fused).expect("it has few slots");
        let cutting = cutting();
        let all = footprint(&plan, &program, options, cutting);
        let program_of = |rows| Program::new(&plan, rows, 0, Launching::Fused).ok();
        let within = |limits| check(&plan, &program, options, cutting, limits, program_of);
        let on = |free| within(Limits { buffer: u64::MAX, free: Some(free) });
        assert_eq!(on(all.total()), Ok(()));
        let refusal = on(all.total() - 1).expect_err("a byte is missing").to_string();
        assert!(refusal.starts_with(&format!("needs {} bytes", all.total())), "{refusal}");
        assert!(refusal.contains("a session of 500 rows: ") && refusal.contains("(499 rows would fit)"), "{refusal}");
        assert!(refusal.ends_with(&format!("{} are available", all.total() - 1)), "{refusal}");
        let of_rows = |max_rows| {
            footprint(&plan, &program_of(max_rows).unwrap(), SessionOptions { max_rows, ..options }, cutting).total()
        };
        // What has a size of its own is no less for fewer rows.
        for (rows, free) in [(120, of_rows(120)), (120, of_rows(121) - 1), (1, of_rows(1))] {
            let refusal = on(free).expect_err("that is too little").to_string();
            assert!(refusal.contains(&format!("({rows} rows would fit)")), "{free} bytes: {refusal}");
        }
        let refusal = on(of_rows(1) - 1).expect_err("nothing fits").to_string();
        assert!(refusal.contains("(no batch would fit)"), "{refusal}");
        let slots = |rows| program_of(rows).unwrap().slots.len() as u64 * 4;
        let refusal = within(Limits { buffer: slots(200), free: None }).expect_err("that is too little").to_string();
        assert!(refusal.contains("500 rows' slots in one buffer (200 rows would fit)"), "{refusal}");
        let gradients = all.gradients;
        assert_eq!(check_gradients(&plan, options.max_rows, 3, Some(3 * gradients)), Ok(()));
        let refusal =
            check_gradients(&plan, options.max_rows, 3, Some(3 * gradients - 1)).expect_err("a byte is missing");
        let what = "plan `every op`: gradients of 3 more objectives".to_owned();
        assert_eq!(refusal, EngineError::Memory { what, needed: 3 * gradients, available: 3 * gradients - 1 });
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
