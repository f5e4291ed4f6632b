//! What a training step does, one thing after the other, and what each computes and moves at least.

use mmtl_plan::{Batch, EngineError, Plan, SessionOptions, TableUpdates};

use crate::cost::{Cost, cost};
use crate::launches::kernel;
use crate::program::{Launch, Launching, Program};

/// Something of a step that can be done by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// What touched rows of tables missed.
    CatchUp,
    /// A launch of a pass.
    Launch(Launch),
    /// The gradients of touched rows.
    Tables,
    /// The norm of all gradients, and what they are multiplied by.
    Clip,
    /// The update of dense parameters.
    Update,
    /// That of tables.
    UpdateTables,
}

/// A part with what it is called and what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// What is done.
    pub part: Part,
    /// Name of its kernel.
    pub kernel: &'static str,
    /// Which of the step's launches of that kernel, from 1 on, where there are several.
    pub number: Option<usize>,
    /// What it costs.
    pub cost: Cost,
}

/// What a training step on a batch computes and moves at least, its parts together; `clips` says whether it clips gradients.
///
/// # Errors
/// On a plan that the engine does not execute.
pub fn step_cost(
    plan: &Plan,
    options: SessionOptions,
    batch: &Batch,
    clips: bool,
    launching: Launching,
) -> Result<Cost, EngineError> {
    let program = Program::new(plan, options.max_rows, options.dropout, launching)?;
    let works = works(&program, plan, options.tables, batch, clips);
    Ok(works.into_iter().map(|work| work.cost).fold(Cost::default(), Cost::and))
}

/// What a step on a batch does, in its order, except for what it does only sometimes: sweeps of tables.
pub fn works(program: &Program, plan: &Plan, tables: TableUpdates, batch: &Batch, clips: bool) -> Vec<Work> {
    let (rows, scenes) = (batch.rows() as u64, plan.schema.scenes.len() as u64);
    let touched = touched(program, plan, batch);
    let mut works = vec![];
    let mut add = |part, kernel, cost| works.push(Work { part, kernel, number: None, cost });
    if touched > 0 && tables == TableUpdates::Exact {
        // Weights and two moments are read and written; nothing is replayed where rows have just been updated.
        add(Part::CatchUp, "tables, catching up", moved(6 * touched));
    }
    for &launch in program.training.iter().chain(&program.backward) {
        let cost = cost(program, launch, rows, scenes);
        let cost = if let Launch::Embed(_) = launch { looked_up(cost, touched) } else { cost };
        add(Part::Launch(launch), kernel(&launch), cost);
    }
    if touched > 0 {
        add(Part::Tables, "tables, gradient", moved(occurrences(plan, batch) + touched));
    }
    if clips {
        add(Part::Clip, "clipping", moved(plan.arena_len + touched));
    }
    // Weights and two moments are read and written, gradients read.
    add(Part::Update, "update", moved(7 * plan.arena_len));
    if touched > 0 {
        let all: usize = plan.tables.iter().map(|table| table.rows * table.dim).sum();
        let elements = if tables == TableUpdates::Dense { 6 * all + touched } else { 7 * touched };
        add(Part::UpdateTables, "tables, update", moved(elements));
    }
    let kernels: Vec<&str> = works.iter().map(|work| work.kernel).collect();
    for (at, work) in works.iter_mut().enumerate() {
        let of_kernel = |until: usize| kernels[..until].iter().filter(|&&kernel| kernel == work.kernel).count();
        work.number = (of_kernel(kernels.len()) > 1).then(|| of_kernel(at) + 1);
    }
    works
}

/// Each row's embeddings are written, but a row of a table that several look up is read from memory once.
fn looked_up(cost: Cost, touched: usize) -> Cost {
    let written = cost.bytes / 2;
    Cost { bytes: written + written.min(4 * touched as u64), ..cost }
}

/// Elements of the rows of tables that a batch touches.
fn touched(program: &Program, plan: &Plan, batch: &Batch) -> usize {
    let of_table = |(table, spec): (usize, &mmtl_plan::TableSpec)| {
        let segments = &batch.segments[spec.vocabulary];
        let read = |u: usize| segments.of(u).iter().any(|of| program.reads[table][of.field as usize]);
        (0..segments.unique.len()).filter(|&u| read(u)).count() * spec.dim
    };
    plan.tables.iter().enumerate().map(of_table).sum()
}

/// Elements of all rows that a batch looks up, as often as it does.
fn occurrences(plan: &Plan, batch: &Batch) -> usize {
    plan.tables.iter().map(|table| batch.segments[table.vocabulary].occurrences.len() * table.dim).sum()
}

fn moved(elements: usize) -> Cost {
    Cost { flops: 0, bytes: 4 * elements as u64 }
}
