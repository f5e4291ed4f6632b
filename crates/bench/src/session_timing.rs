//! Times an engine's steps and predictions.

use std::sync::Arc;

use mmtl_plan::{Engine, Plan, TableUpdates};

use crate::error::BenchError;
use crate::measured::{Measured, Size};
use crate::memory::resident;
use crate::model::Model;
use crate::running::{Call, Running, batches};
use crate::timing::{Budget, Turn, WarmUp, time_turns};

/// What a session is timed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Different batches, prepared beforehand and taken in turn.
    pub batches: usize,
    /// Whether all of them come once before any is timed, however long that takes: where most rows of tables miss most
    /// steps, as many as they ever will. Otherwise as many as fit in the time that is measured.
    pub whole_first: bool,
}

/// Seconds of one call over the batches of `round`.
///
/// # Errors
/// When the model makes no plan, the engine fails, or a loss is not finite.
pub fn time_session(
    name: &str,
    model: &Model,
    tables: TableUpdates,
    call: Call,
    engine: &dyn Engine,
    round: Round,
    seconds: f64,
) -> Result<Measured, BenchError> {
    let plan = Arc::new(model.plan()?);
    let size = size(&plan, call);
    let batches = batches(model.world, model.rows, round.batches);
    let before = resident();
    let mut running = Running::new(plan, batches, tables, call, engine)?;
    let warm_up = if round.whole_first { WarmUp::All(round.batches) } else { WarmUp::UpTo(round.batches) };
    let seconds = time_turns(Budget { seconds, warm_up }, |turn| match turn {
        Turn::Call(_) => running.call().map_err(BenchError::from),
        // Losses are there when everything before is done.
        Turn::Wait => running.check(),
    })?;
    let memory = resident().zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(Measured { case: name.to_owned(), rows: model.rows, seconds, size: Some(size), memory })
}

fn size(plan: &Plan, call: Call) -> Size {
    let cost = plan.cost();
    Size {
        dense_parameters: cost.dense_parameters,
        table_parameters: cost.table_parameters,
        forward_flops_per_row: cost.forward_flops_per_row,
        flops_per_row: match call {
            Call::Step => cost.training_flops_per_row(),
            Call::Predict => cost.forward_flops_per_row,
        },
    }
}
