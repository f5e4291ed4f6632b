//! An engine, a plan, and the batches to try it with.

use std::sync::Arc;

use mmtl_plan::{Batch, Engine, EngineError, Plan, Session, SessionOptions, Snapshot, TableUpdates};

use super::finding::Finding;
use super::tolerance;
use super::transcript::Transcript;
use crate::drawn::{self, Rows};
use crate::engine::{Precision, ReferenceEngine};

/// No drawn batch has more rows.
pub(super) const MAX_ROWS: usize = 64;

pub(super) struct Trial<'a> {
    pub engine: &'a dyn Engine,
    pub name: &'a str,
    pub plan: &'a Arc<Plan>,
    pub weights: Snapshot,
    /// No batch has more rows.
    pub max_rows: usize,
}

impl<'a> Trial<'a> {
    pub fn new(engine: &'a dyn Engine, name: &'a str, plan: &'a Arc<Plan>) -> Self {
        Self { engine, name, plan, weights: drawn::weights(plan, 11), max_rows: MAX_ROWS }
    }

    /// A session of the engine with the drawn weights.
    pub fn session(&self, tables: TableUpdates) -> Result<Box<dyn Session>, EngineError> {
        self.session_of(self.engine, tables)
    }

    fn session_of(&self, engine: &dyn Engine, tables: TableUpdates) -> Result<Box<dyn Session>, EngineError> {
        let mut session =
            engine.session(Arc::clone(self.plan), SessionOptions { max_rows: self.max_rows, ..options(tables) })?;
        session.restore(&self.weights)?;
        Ok(session)
    }

    /// Makes the same calls to the engine and to both oracles, and compares the answers.
    pub fn compare(
        &self,
        tables: TableUpdates,
        calls: impl Fn(&mut dyn Session) -> Result<Transcript, EngineError>,
    ) -> Result<Vec<Finding>, EngineError> {
        let on = |engine: &dyn Engine| calls(self.session_of(engine, tables)?.as_mut());
        let factors = self.engine.factors();
        let truth = on(&ReferenceEngine { precision: Precision::Double, factors })?;
        let plain = on(&ReferenceEngine { precision: Precision::Single, factors })?;
        Ok(on(self.engine)?.allowing(tolerance::of_factors(factors)).compare(&truth, &plain))
    }

    pub fn batch(&self, rows: &Rows, seed: u64) -> Batch {
        drawn::batch(&self.plan.schema, rows, seed)
    }

    /// 1, 1/2, 1/3, …
    pub fn objective_weights(&self) -> Vec<f32> {
        (0..self.plan.objectives.len()).map(|k| 1.0 / (k + 1) as f32).collect()
    }

    /// Names the case in what was found, or reports the failure that ended it.
    pub fn report(&self, part: &str, outcome: Result<Vec<Finding>, EngineError>) -> Vec<Finding> {
        let findings = outcome.unwrap_or_else(|error| vec![Finding::fact(format!("runs ({error})"), false)]);
        let name = |finding| Finding { case: format!("{}: {part}", self.name), ..finding };
        findings.into_iter().map(name).collect()
    }
}

pub(super) fn options(tables: TableUpdates) -> SessionOptions {
    SessionOptions { max_rows: MAX_ROWS, initialisation: 3, dropout: 5, tables }
}
