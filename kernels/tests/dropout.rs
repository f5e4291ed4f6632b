//! What dropout drops is what the CPU engine drops.

use std::sync::Arc;

use mmtl_cpu::CpuEngine;
use mmtl_plan::{
    Activation, Batch, Engine, Factor, Group, Init, LinearSpec, Pass, Plan, PlanBuilder, PlanError, Pool, Reduction,
    Schema, SessionOptions, Snapshot, TableUpdates, WeightKind,
};
use mmtl_reference::drawn::{self, Rows, SchemaSize};

use crate::world;

/// Above a tile, no multiple of anything.
const WIDTH: usize = 37;

/// Two groups of the layer under test.
const GROUPS: usize = 2;

/// Three tiles and one row.
const ROWS: usize = 97;

/// Share that is dropped.
const RATE: f32 = 0.3;

/// Each row looks up a row of its own of a table; a layer copies half of it in one group and half in another and drops;
/// then they are added up with constants. The derivative of a table's element is 0 just where its copy is dropped.
fn plan(schema: &Schema, weights: WeightKind) -> Result<Plan, PlanError> {
    let mut builder = PlanBuilder::new("dropout", schema);
    let table = builder.table("user", 2, GROUPS * WIDTH, Init::Normal { deviation: 1.0 })?;
    let x = builder.embed("embed", &[user(schema)], Pool::Sum, |_| table)?;
    let (activation, bias) = (Activation::Identity, false);
    let groups = Group::broadcast(["left", "right"]);
    let bias_of_star = weights == WeightKind::Star;
    let spec = LinearSpec { input: x, groups, width: WIDTH, activation, dropout: RATE, weights, bias: bias_of_star };
    let copied = builder.linear("copied", &spec)?;
    let mixed = builder.mix_fixed("mix", copied, vec![1.0; GROUPS])?;
    let groups = Group::broadcast(["rating"]);
    let weights = WeightKind::Shared;
    let head = LinearSpec { input: mixed, groups, width: 1, activation, dropout: 0.0, weights, bias };
    let head = builder.linear("head", &head)?;
    let rating = builder.schema().task("rating").expect("drawn schemas have one");
    let predict = builder.predict(rating, &[Factor { slot: head, group: 0 }])?;
    builder.loss(predict, Reduction::Own)?;
    builder.finish()
}

fn user(schema: &Schema) -> usize {
    schema.fields.iter().position(|field| field.name == "user").expect("drawn schemas have one")
}

/// Copies of halves, however the matrices are made; and 1 everywhere in the head.
fn copying(plan: &Plan, session: &Snapshot) -> Snapshot {
    let mut snapshot = session.clone();
    for param in &plan.params {
        let values = &mut snapshot.dense[param.range()];
        if param.name.starts_with("head") {
            values.fill(1.0);
        } else if param.name.contains("bias") {
            values.fill(0.0);
        } else {
            let matrices = values.chunks_exact_mut(GROUPS * WIDTH * WIDTH);
            for (number, matrix) in matrices.enumerate() {
                for (element, value) in matrix.iter_mut().enumerate() {
                    let (from, to) = (element / WIDTH, element % WIDTH);
                    *value = f32::from(u8::from(from == number % GROUPS * WIDTH + to));
                }
            }
        }
    }
    snapshot
}

fn batch(schema: &Schema) -> Batch {
    let mut batch = drawn::batch(schema, &Rows::count(ROWS), 3);
    batch.lookups[user(schema)].ids = (0..ROWS as u32).collect();
    batch.weights.fill(1.0);
    batch.rebuild_segments(schema);
    batch
}

/// The derivative of each element of each row.
fn derivatives(engine: &dyn Engine, plan: &Arc<Plan>, step: u64) -> Vec<f32> {
    let options = SessionOptions { max_rows: ROWS, initialisation: 1, dropout: 7, tables: TableUpdates::Exact };
    let mut session = engine.session(Arc::clone(plan), options).expect("there is memory");
    let weights = copying(plan, &session.snapshot(false).expect("copies"));
    session.restore(&weights).expect("the weights are the plan's");
    session.gradients(&batch(&plan.schema), Pass::of(step), &[&[1.0]]).expect("the batch fits");
    let mut gradient = session.gradient(0).expect("it is there");
    let table = gradient.tables.swap_remove(0);
    assert_eq!(table.rows, (0..ROWS as u32).collect::<Vec<_>>());
    table.values
}

#[test]
fn the_cpu_engine_drops_the_same() {
    let schema = drawn::schema(SchemaSize { items: 60, ..SchemaSize::default() });
    let cpu = CpuEngine::new(1).expect("the caller's thread");
    for weights in [WeightKind::Shared, WeightKind::PerScene, WeightKind::Star] {
        let plan = Arc::new(plan(&schema, weights).expect("the plan is valid"));
        let mut before = vec![];
        for step in [1, 2, u64::from(u32::MAX) + 2] {
            let derivatives = [world::engine(), &cpu as &dyn Engine].map(|engine| derivatives(engine, &plan, step));
            let [gpu, cpu] = derivatives.each_ref().map(|all| all.iter().map(|&d| d == 0.0).collect::<Vec<_>>());
            assert!(gpu == cpu, "{weights:?}, step {step}: dropped on the way back");
            // The others tell what was kept on the way there: a row's are a multiple of how far its sum missed.
            let largest = derivatives[1].iter().fold(0.0f32, |largest, d| largest.max(d.abs()));
            let near = |(gpu, cpu): (&f32, &f32)| (gpu - cpu).abs() < 1e-5 * largest;
            assert!(derivatives[0].iter().zip(&derivatives[1]).all(near), "{weights:?}, step {step}: dropped before");
            let share = gpu.iter().filter(|&&dropped| dropped).count() as f32 / gpu.len() as f32;
            // Four standard deviations of 7,178 draws.
            assert!((share - RATE).abs() < 0.022, "{weights:?}, step {step}: {share}");
            assert!(gpu != before, "{weights:?}: step {step} drops what the one before did");
            before = gpu;
        }
    }
}
