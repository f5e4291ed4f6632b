//! Times an engine's steps and predictions.

use std::sync::Arc;

use mmtl_plan::{Batch, Decay, Engine, EngineError, Optimiser, Plan, Session, SessionOptions, TableUpdates, Update};

use crate::error::BenchError;
use crate::measured::{Measured, Size};
use crate::memory::resident;
use crate::model::Model;
use crate::spread::Spread;
use crate::timing::{Budget, time_rounds};

/// Whether a session trains or predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// One training step with Adam.
    Step,
    /// One forward pass in evaluation mode.
    Predict,
}

/// Seconds of one call over `batches` different batches in turn, prepared beforehand. The warm-up goes once through
/// all of them if the budget allows, so that rows of tables miss as many steps as they will later.
///
/// # Errors
/// When the model makes no plan, the engine fails, or a loss is not finite.
pub fn time_session(
    name: &str,
    model: &Model,
    tables: TableUpdates,
    call: Call,
    engine: &dyn Engine,
    batches: usize,
    seconds: f64,
) -> Result<Measured, BenchError> {
    let plan = Arc::new(model.plan()?);
    let size = size(&plan, call);
    let batches: Vec<Batch> = (0..batches as u64).map(|number| model.world.batch(model.rows, number)).collect();
    let before = resident();
    let options = SessionOptions { max_rows: model.rows, initialisation: 1, dropout: 1, tables };
    let mut session = engine.session(plan, options)?;
    let budget = Budget { seconds, warm_up: batches.len() };
    let seconds = match call {
        Call::Step => time_steps(session.as_mut(), &batches, budget)?,
        Call::Predict => time_predictions(session.as_mut(), &batches, budget)?,
    };
    let memory = resident().zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(Measured { case: name.to_owned(), rows: model.rows, seconds, size: Some(size), memory })
}

fn time_steps(session: &mut dyn Session, batches: &[Batch], budget: Budget) -> Result<Spread, BenchError> {
    let weights = vec![1.0; session.plan().objectives.len()];
    let seconds = time_rounds(budget, |calls| {
        session.step(&batches[calls as usize % batches.len()], &weights, &update(calls + 1))
    })?;
    let losses = session.losses()?;
    for (objective, totals) in session.plan().objectives.iter().zip(losses) {
        if let Some(step) = totals.first_not_finite {
            return Err(BenchError::NotFinite { objective: objective.name.clone(), step });
        }
    }
    Ok(seconds)
}

fn time_predictions(session: &mut dyn Session, batches: &[Batch], budget: Budget) -> Result<Spread, EngineError> {
    let mut out = vec![vec![]; session.plan().outputs.len()];
    time_rounds(budget, |calls| session.predict(&batches[calls as usize % batches.len()], &mut out))
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

/// Adam as PyTorch has it by default.
fn update(step: u64) -> Update {
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    Update { optimiser, lr: 1e-3, step, clip: None, decay: Decay::default() }
}
