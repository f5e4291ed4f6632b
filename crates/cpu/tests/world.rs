//! A plan with every op, and sessions of it.

use std::sync::Arc;

use mmtl_cpu::CpuEngine;
use mmtl_plan::{Batch, Decay, Engine, Optimiser, Plan, Schema, Session, SessionOptions, TableUpdates, Update};
use mmtl_reference::drawn::{self, Rows, SchemaSize};

/// Three scenes, 40 items, 80 users, tags, numbers, tasks of every kind.
pub fn schema() -> Schema {
    drawn::schema(SchemaSize { items: 40, ..SchemaSize::default() })
}

/// Every op.
pub fn every_op() -> Arc<Plan> {
    Arc::new(drawn::every_op(&schema(), ["a", "b", "c"].map(str::to_owned).to_vec(), 19).expect("the plan is valid"))
}

/// The same with rows so wide that they are set apart: of experts, gates, their concatenation and classes.
pub fn every_op_wide() -> Arc<Plan> {
    let schema = drawn::schema(SchemaSize { items: 40, classes: 128, ..SchemaSize::default() });
    let experts = (0..64).map(|expert| format!("expert {expert}")).collect();
    Arc::new(drawn::every_op(&schema, experts, 32).expect("the plan is valid"))
}

/// A batch of `rows` rows for the plan's schema.
pub fn batch(plan: &Plan, rows: usize, seed: u64) -> Batch {
    drawn::batch(&plan.schema, &Rows::count(rows), seed)
}

/// A session with drawn weights.
pub fn session(engine: &dyn Engine, plan: &Arc<Plan>, tables: TableUpdates) -> Box<dyn Session> {
    let options = SessionOptions { max_rows: 300, initialisation: 1, dropout: 2, tables };
    let mut session = engine.session(Arc::clone(plan), options).expect("there is memory");
    session.restore(&drawn::weights(plan, 5)).expect("the weights are the plan's");
    session
}

/// An engine.
pub fn engine(threads: usize) -> CpuEngine {
    CpuEngine::new(threads).expect("threads start")
}

/// Weights of the plan's objectives.
pub fn objective_weights(plan: &Plan) -> Vec<f32> {
    (0..plan.objectives.len()).map(|k| 1.0 / (k + 1) as f32).collect()
}

/// A step of Adam.
pub fn adam(step: u64) -> Update {
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    Update { optimiser, lr: 0.01, step, clip: Some(0.5), decay: Decay { dense: 0.01, tables: 0.01 } }
}
