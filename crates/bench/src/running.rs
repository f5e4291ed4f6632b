//! A session with batches to run on.

use std::sync::Arc;

use mmtl_plan::{Batch, Decay, Engine, EngineError, Optimiser, Plan, Session, SessionOptions, TableUpdates, Update};

use crate::error::BenchError;
use crate::world::World;

/// Whether a session trains or predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// One training step with Adam.
    Step,
    /// One forward pass in evaluation mode.
    Predict,
}

/// A fresh session that goes round batches prepared beforehand.
pub struct Running {
    session: Box<dyn Session>,
    batches: Arc<Vec<Batch>>,
    call: Call,
    calls: u64,
    weights: Vec<f32>,
    out: Vec<Vec<f32>>,
}

impl Running {
    /// A session of `plan` on `batches`, of which there is at least one.
    ///
    /// # Errors
    /// When the engine gives no session.
    pub fn new(
        plan: Arc<Plan>,
        batches: Arc<Vec<Batch>>,
        tables: TableUpdates,
        call: Call,
        engine: &dyn Engine,
    ) -> Result<Self, EngineError> {
        let max_rows = batches.iter().map(Batch::rows).max().unwrap_or(0);
        let (weights, out) = (vec![1.0; plan.objectives.len()], vec![vec![]; plan.outputs.len()]);
        let options = session_options(max_rows, tables);
        let session = engine.session(plan, options)?;
        Ok(Self { session, batches, call, calls: 0, weights, out })
    }

    /// The next step or prediction.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn call(&mut self) -> Result<(), EngineError> {
        let batch = &self.batches[self.calls as usize % self.batches.len()];
        self.calls += 1;
        match self.call {
            Call::Step => self.session.step(batch, &self.weights, &adam(self.calls)),
            Call::Predict => self.session.predict(batch, &mut self.out),
        }
    }

    /// Checks that what was timed is training: every loss since the last check was finite.
    ///
    /// # Errors
    /// When one was not, or the engine fails.
    pub fn check(&mut self) -> Result<(), BenchError> {
        let losses = self.session.losses()?;
        for (objective, totals) in self.session.plan().objectives.iter().zip(losses) {
            if let Some(step) = totals.first_not_finite {
                return Err(BenchError::NotFinite { objective: objective.name.clone(), step });
            }
        }
        Ok(())
    }
}

/// The first `count` batches of a world.
pub fn batches(world: World, rows: usize, count: usize) -> Arc<Vec<Batch>> {
    Arc::new((0..count as u64).map(|number| world.batch(rows, number)).collect())
}

/// How sessions are made that are timed.
pub fn session_options(max_rows: usize, tables: TableUpdates) -> SessionOptions {
    SessionOptions { max_rows, initialisation: 1, dropout: 1, tables }
}

/// Adam as PyTorch has it by default.
pub fn adam(step: u64) -> Update {
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    Update { optimiser, lr: 1e-3, step, clip: None, decay: Decay::default() }
}
