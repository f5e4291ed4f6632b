//! What a session allocates, once.

use mmtl_plan::{EngineError, Plan};

use crate::aligned::Aligned;
use crate::layout::LARGEST_TILE;
use crate::model::Model;
use crate::ops::norm::Statistics;
use crate::touched::Touched;

/// Memory of passes over a batch.
pub struct Activations {
    /// All slots of all tiles.
    pub values: Aligned,
    /// Their derivatives.
    pub grads: Aligned,
    /// Weights computed once per pass.
    pub prepared: Aligned,
    /// Gradients of STAR's effective weights.
    pub scratch: Aligned,
    /// One for each normalisation over rows.
    pub statistics: Vec<Statistics>,
    /// `[tiles, objectives]`
    pub losses: Vec<f64>,
    /// One for each objective.
    pub reciprocals: Vec<f64>,
    /// One for each node.
    pub live: Vec<bool>,
}

impl Activations {
    /// Room for `max_rows` rows.
    pub fn new(plan: &Plan, model: &Model, max_rows: usize) -> Self {
        // However a batch is cut, its last tile is padded by less than a tile.
        let elements = (max_rows + LARGEST_TILE) * model.stride;
        let tiles = max_rows.div_ceil(crate::layout::SMALLEST_TILE);
        Self {
            values: Aligned::zeros(elements),
            grads: Aligned::zeros(elements),
            prepared: Aligned::zeros(model.prepared_len),
            scratch: Aligned::zeros(model.scratch_len),
            statistics: model.statistics.iter().map(|&(scenes, columns)| Statistics::new(scenes, columns)).collect(),
            losses: vec![0.0; tiles * plan.objectives.len()],
            reciprocals: vec![0.0; plan.objectives.len()],
            live: Vec::with_capacity(model.nodes.len()),
        }
    }
}

/// Elements of the gradients of the rows that `max_rows` rows of a batch can touch.
pub fn touched_elements(plan: &Plan, max_rows: usize) -> usize {
    Touched::most_rows(plan, max_rows).iter().zip(&plan.tables).map(|(rows, table)| rows * table.dim).sum()
}

/// Refuses a session that the machine has no memory for, before the operating system has to kill it.
pub fn check(plan: &Plan, model: &Model, max_rows: usize) -> Result<(), EngineError> {
    let elements = |count: usize, each: usize| (count as u64).saturating_mul(each as u64);
    let tables: u64 = plan.tables.iter().map(|table| elements(table.rows, table.dim)).fold(0, u64::saturating_add);
    let rows = (max_rows as u64).saturating_add(LARGEST_TILE as u64);
    let slots = rows.saturating_mul(2 * model.stride as u64);
    let dense = elements(plan.arena_len, 4) + (model.prepared_len + model.scratch_len) as u64;
    let needed = [tables.saturating_mul(3), slots, dense, touched_elements(plan, max_rows) as u64]
        .into_iter()
        .fold(0, u64::saturating_add)
        .saturating_mul(4);
    let available = available();
    if needed > available {
        return Err(EngineError::Memory { what: format!("a session of plan `{}`", plan.name), needed, available });
    }
    Ok(())
}

/// Bytes that programs may still take, where the operating system says; else what can be addressed.
fn available() -> u64 {
    let addressable = isize::MAX as u64;
    let Ok(text) = std::fs::read_to_string("/proc/meminfo") else { return addressable };
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB"));
    kilobytes.and_then(|number| number.trim().parse::<u64>().ok()).map_or(addressable, |kilobytes| kilobytes * 1024)
}
