//! What a session allocates, once.

use std::sync::atomic::AtomicU32;

use mmtl_plan::{EngineError, Footprint, Plan};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

use crate::aligned::Aligned;
use crate::gradient::Tasks;
use crate::layout::{Frame, LARGEST_TILE, SMALLEST_TILE};
use crate::model::Model;
use crate::ops::norm::Statistics;
use crate::reach::Reach;

/// Memory of passes over a batch.
pub struct Activations {
    /// All slots: of the tiles at work, or of all tiles where they must outlive a tile's pass.
    pub values: Aligned,
    /// Their derivatives.
    pub grads: Aligned,
    /// What outlives a pass in any case, tile after tile: derivatives of lookups in training, outputs or gates in evaluation.
    pub kept: Aligned,
    /// Weights computed once per pass.
    pub prepared: Aligned,
    /// Gradients of STAR's effective weights, and derivatives summed by id.
    pub scratch: Aligned,
    /// One for each normalisation over rows.
    pub statistics: Vec<Statistics>,
    /// `[tiles, objectives]`
    pub losses: Vec<f64>,
    /// One for each objective.
    pub reciprocals: Vec<f64>,
    /// Where the backward pass goes.
    pub reach: Reach,
    /// Marks of lent tiles, for each of four buffers.
    pub lent: [Vec<AtomicU32>; 4],
    /// Turns at sums of gradients.
    pub turns: Vec<AtomicU32>,
}

impl Activations {
    /// Room for `max_rows` rows.
    pub fn new(plan: &Plan, model: &Model, tasks: &Tasks, threads: usize, max_rows: usize) -> Self {
        let tiles = max_rows.div_ceil(SMALLEST_TILE);
        let elements = slot_rows(model, threads, max_rows) * model.stride;
        let marks = |number: usize| (0..number).map(|_| AtomicU32::new(0)).collect();
        Self {
            values: Aligned::zeros(elements),
            grads: Aligned::zeros(elements),
            kept: Aligned::zeros(padded_rows(max_rows) * model.kept()),
            prepared: Aligned::zeros(model.prepared_len),
            scratch: Aligned::zeros(model.scratch_len),
            statistics: model.statistics.iter().map(|&(scenes, columns)| Statistics::new(scenes, columns)).collect(),
            losses: vec![0.0; tiles * plan.objectives.len()],
            reciprocals: vec![0.0; plan.objectives.len()],
            reach: Reach::with_room(model.nodes.len()),
            lent: std::array::from_fn(|_| marks(tiles.max(threads))),
            turns: marks(tasks.blocks()),
        }
    }

    /// Elements of slots for which there is no room yet when those of `max_rows` rows are kept.
    pub fn slots_to_keep(&self, model: &Model, max_rows: usize) -> usize {
        padded_rows(max_rows).saturating_mul(model.stride).saturating_sub(self.values.len())
    }

    /// Makes room for the slots of all tiles.
    pub fn keep_values(&mut self, frame: &Frame) {
        self.values.grow(frame.tiles() * frame.tile_len());
    }
}

/// However a batch is cut, its last tile is padded by less than a tile.
fn padded_rows(rows: usize) -> usize {
    rows.saturating_add(LARGEST_TILE)
}

/// Rows that a training step needs slots for: of the tiles at work, but of all where a normalisation over rows makes
/// every tile wait for the others.
fn slot_rows(model: &Model, threads: usize, max_rows: usize) -> usize {
    let all = padded_rows(max_rows);
    if model.stages.len() > 1 { all } else { all.min(threads * LARGEST_TILE) }
}

/// Elements of the gradients of the rows that `max_rows` rows of a batch can touch.
pub fn touched_elements(plan: &Plan, max_rows: usize) -> usize {
    plan.most_touched_rows(max_rows).iter().zip(&plan.tables).map(|(rows, table)| rows * table.dim).sum()
}

/// What a session allocates for batches of `max_rows` rows.
pub fn footprint(plan: &Plan, model: &Model, threads: usize, max_rows: usize) -> Footprint {
    let table_rows = sum(plan.tables.iter().map(|table| table.rows as u64));
    let tables = sum(plan.tables.iter().map(|table| times(table.rows, table.dim)));
    let trained = tables.saturating_add(plan.arena_len as u64);
    let states = sum(plan.states.iter().map(|state| state.len as u64));
    let touched_rows = sum(plan.most_touched_rows(max_rows).into_iter().map(|rows| rows as u64));
    let gradients = [plan.arena_len as u64, touched_elements(plan, max_rows) as u64, touched_rows.saturating_mul(2)];
    let activations = [
        times(slot_rows(model, threads, max_rows), 2 * model.stride),
        times(padded_rows(max_rows), model.kept()),
        model.prepared_len as u64,
        model.scratch_len as u64,
        // Five numbers a column and scene, and a count of two words' size a scene.
        sum(model.statistics.iter().map(|&(scenes, columns)| times(scenes, 5 * columns + 2))),
    ];
    // Elements and numbers of rows are of 4 bytes; what a row of a table has seen is of one.
    let bytes = |elements: u64| elements.saturating_mul(4);
    Footprint {
        parameters: bytes(sum([trained, states])),
        gradients: bytes(sum(gradients)),
        activations: bytes(sum(activations)),
        optimiser: bytes(trained.saturating_mul(2)).saturating_add(table_rows),
    }
}

fn times(count: usize, each: usize) -> u64 {
    (count as u64).saturating_mul(each as u64)
}

fn sum(parts: impl IntoIterator<Item = u64>) -> u64 {
    parts.into_iter().fold(0, u64::saturating_add)
}

/// Refuses a session that the machine has no memory for, before the operating system has to kill it.
pub fn check(plan: &Plan, model: &Model, threads: usize, max_rows: usize) -> Result<(), EngineError> {
    let told = footprint(plan, model, threads, max_rows);
    // While it begins, initial values are there twice.
    let beginning = sum([told.parameters, told.parameters, told.optimiser]);
    fits(told.total().max(beginning), || format!("a session of plan `{}`", plan.name))
}

/// Refuses `more` gradients than a session begins with, for which `slots` elements of slots are kept as well.
pub fn check_gradients(plan: &Plan, max_rows: usize, more: usize, slots: usize) -> Result<(), EngineError> {
    let gradients = times(more, plan.arena_len.saturating_add(touched_elements(plan, max_rows)));
    let elements = gradients.saturating_add(slots as u64);
    fits(elements.saturating_mul(4), || format!("gradients of {more} more objectives of plan `{}`", plan.name))
}

fn fits(needed: u64, what: impl FnOnce() -> String) -> Result<(), EngineError> {
    let available = available();
    if needed > available {
        return Err(EngineError::Memory { what: what(), needed, available });
    }
    Ok(())
}

/// Bytes that the program may still take, by its machine and its control group; what can be addressed where neither says.
fn available() -> u64 {
    let addressable = isize::MAX as u64;
    let Ok(mut system) = System::new() else { return addressable };
    system.refresh_memory();
    let group = get_current_pid().ok().and_then(|own| {
        let only = ProcessesToUpdate::Some(&[own]);
        system.refresh_processes_specifics(only, false, ProcessRefreshKind::nothing().without_tasks());
        system.process(own)?.cgroup_limits()
    });
    // A group is charged for cached files as well, which give way.
    let of_group = group.or_else(|| system.cgroup_limits()).map(|group| group.total_memory.saturating_sub(group.rss));
    let of_machine = Some(system.available_memory()).filter(|bytes| *bytes > 0);
    of_machine.into_iter().chain(of_group).min().unwrap_or(addressable)
}
