//! The device, a plan with every op, and sessions of it.

use std::sync::{Arc, OnceLock};

use mmtl_kernels::DeviceEngine;
use mmtl_plan::{Batch, Decay, Engine, Optimiser, Plan, Schema, Session, SessionOptions, TableUpdates, Update};
use mmtl_reference::drawn::{self, Rows, SchemaSize};

/// The software device. Without it tests fail, with the name of the package that brings it.
pub fn engine() -> &'static dyn Engine {
    static ENGINE: OnceLock<Box<dyn DeviceEngine>> = OnceLock::new();
    ENGINE.get_or_init(|| mmtl_kernels::software().unwrap_or_else(|missing| panic!("{missing}"))).as_ref()
}

/// The same device, each op launched by itself.
pub fn composed() -> &'static dyn Engine {
    static ENGINE: OnceLock<Box<dyn DeviceEngine>> = OnceLock::new();
    let engine = || mmtl_kernels::software().unwrap_or_else(|missing| panic!("{missing}")).composed();
    ENGINE.get_or_init(engine).as_ref()
}

/// Three scenes, 40 items, 80 users, tags, numbers, tasks of every kind.
pub fn schema() -> Schema {
    drawn::schema(SchemaSize { items: 40, ..SchemaSize::default() })
}

/// Every op.
pub fn every_op() -> Arc<Plan> {
    Arc::new(drawn::every_op(&schema(), ["a", "b", "c"].map(str::to_owned).to_vec(), 19).expect("the plan is valid"))
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

/// Weights of the plan's objectives.
pub fn objective_weights(plan: &Plan) -> Vec<f32> {
    (0..plan.objectives.len()).map(|k| 1.0 / (k + 1) as f32).collect()
}

/// A step of Adam.
pub fn adam(step: u64) -> Update {
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    Update { optimiser, lr: 0.01, step, clip: Some(0.5), decay: Decay { dense: 0.01, tables: 0.01 } }
}
