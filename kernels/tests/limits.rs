//! More of something than a device does at once.

use std::sync::Arc;

use mmtl_cpu::CpuEngine;
use mmtl_plan::{
    Activation, Batch, Decay, Engine, EngineError, Factor, Group, Init, LinearSpec, Lookup, Optimiser, Plan,
    PlanBuilder, PlanError, Pool, Reduction, Schema, SessionOptions, TableUpdates, Update, WeightKind,
};
use mmtl_reference::drawn::{self, Rows, SchemaSize};

use crate::world;

/// Ids of each row, all of them different.
const IDS: usize = 10;

fn tags(schema: &Schema) -> usize {
    schema.fields.iter().position(|field| field.name == "tags").expect("drawn schemas have them")
}

/// Bags of items, summed up.
fn plan(schema: &Schema) -> Result<Plan, PlanError> {
    let mut builder = PlanBuilder::new("bags", schema);
    let table = builder.table("item", 1, 1, Init::Normal { deviation: 1.0 })?;
    let x = builder.embed("embed", &[tags(schema)], Pool::Sum, |_| table)?;
    let (groups, activation, weights) = (Group::broadcast(["rating"]), Activation::Identity, WeightKind::Shared);
    let head = LinearSpec { input: x, groups, width: 1, activation, dropout: 0.0, weights, bias: true };
    let head = builder.linear("head", &head)?;
    let rating = builder.schema().task("rating").expect("drawn schemas have one");
    let predict = builder.predict(rating, &[Factor { slot: head, group: 0 }])?;
    builder.loss(predict, Reduction::Own)?;
    builder.finish()
}

fn bags(schema: &Schema, rows: usize) -> Batch {
    let mut batch = drawn::batch(schema, &Rows::count(rows), 3);
    let ids = (0..(rows * IDS) as u32).collect();
    batch.lookups[tags(schema)] = Lookup { ids, starts: Some((0..=rows as u32).map(|row| row * IDS as u32).collect()) };
    batch.rebuild_segments(schema);
    batch
}

/// A device has 65,535 cubes in a row; of 8 touched rows each.
#[test]
fn a_batch_touches_more_rows_than_one_dimension_of_cubes_has() {
    let rows = 8 * 65_535 / IDS + 100;
    let schema = drawn::schema(SchemaSize { items: rows * IDS, tags: IDS, ..SchemaSize::default() });
    let plan = Arc::new(plan(&schema).expect("the plan is valid"));
    let batch = bags(&schema, rows);
    let optimiser = Optimiser::Sgd { momentum: 0.0 };
    // A derivative is one over the number of rows.
    let update = Update { optimiser, lr: rows as f32, step: 1, clip: None, decay: Decay::default() };
    let cpu = CpuEngine::new(1).expect("the caller's thread");
    let [before, gpu, cpu] = [None, Some(world::engine()), Some(&cpu as &dyn Engine)].map(|engine| {
        let options = SessionOptions { max_rows: rows, initialisation: 1, dropout: 1, tables: TableUpdates::Exact };
        let mut session = engine.unwrap_or(&cpu).session(Arc::clone(&plan), options).expect("there is memory");
        if engine.is_some() {
            session.step(&batch, &[1.0], &update).expect("the batch fits");
        }
        session.snapshot(false).expect("copies").tables.concat()
    });
    let largest = cpu.iter().zip(&before).map(|(cpu, before)| (cpu - before).abs()).fold(0.0, f32::max);
    assert!(largest > 1.0, "{largest}");
    for (row, (gpu, cpu)) in gpu.iter().zip(&cpu).enumerate() {
        assert!((gpu - cpu).abs() < 1e-4 * largest, "row {row}: {gpu}, expected {cpu}");
    }
}

#[test]
fn more_rows_than_launches_have_units_for_are_refused() {
    let schema = drawn::schema(SchemaSize::default());
    let plan = Arc::new(plan(&schema).expect("the plan is valid"));
    let most = 8 * 65_535;
    let options = SessionOptions { max_rows: most, initialisation: 1, dropout: 1, tables: TableUpdates::Exact };
    let mut session = world::engine().session(Arc::clone(&plan), options).expect("there is memory");
    let mut out = [vec![]];
    session.predict(&drawn::batch(&schema, &Rows::count(most), 1), &mut out).expect("the batch fits");
    assert!(
        out[0].len() == most && out[0].iter().all(|p| p.is_finite()) && out[0][most - 100..].iter().any(|&p| p != 0.0)
    );
    let refused = world::engine().session(plan, SessionOptions { max_rows: most + 1, ..options });
    let expected = "number of rows of a batch on a device, at most: expected 524280, got 524281";
    assert_eq!(refused.err().as_ref().map(EngineError::to_string).as_deref(), Some(expected));
}
