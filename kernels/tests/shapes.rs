//! Drawn shapes, held to the oracle in `f64`: widths and batches of one element, of primes, above a tile; one scene, more
//! scenes than rows; objectives without rows.

use std::sync::Arc;

use mmtl_plan::{
    Batch, Decay, Memories, Optimiser, Pass, Plan, Session, SessionOptions, Snapshot, TableUpdates, Update,
};
use mmtl_reference::conformance::tolerance::{STORED, TIMES_PLAIN_LOOPS, UPDATE, of_plan};
use mmtl_reference::drawn::{self, PlanCase, PlanSize, Rows, SchemaSize};
use mmtl_reference::{Precision, ReferenceEngine};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use crate::world;

/// Shapes drawn for each op in each variant.
const DRAWS: u32 = 6;

/// Most rows of a batch: several tiles of 32 rows, several cubes of 64.
const MOST_ROWS: usize = 200;

/// One number or several that a session answered.
struct Reading {
    quantity: String,
    values: Vec<f64>,
    /// Allowed, in units of the largest true value.
    tolerance: f64,
    /// Allowed besides.
    floor: f64,
}

fn reading(quantity: impl Into<String>, values: impl IntoIterator<Item = f64>, tolerance: f64) -> Reading {
    Reading { quantity: quantity.into(), values: values.into_iter().collect(), tolerance, floor: 0.0 }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// The largest difference; infinite where lengths differ or one value is no number.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let off = |(a, b): (&f64, &f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() };
    if a.len() == b.len() { a.iter().zip(b).map(off).fold(0.0, f64::max) } else { f64::INFINITY }
}

fn doubled(values: &[f32]) -> impl Iterator<Item = f64> {
    values.iter().map(|&value| f64::from(value))
}

/// Losses and gradients.
fn gradients(session: &mut dyn Session, batch: &Batch) -> Vec<Reading> {
    let plan = Arc::clone(session.plan());
    let allowed = of_plan(&plan);
    let weights = world::objective_weights(&plan);
    session.gradients(batch, Pass::of(7), &[&weights]).expect("the batch fits");
    let losses = session.losses().expect("they are there");
    let mut readings = vec![
        reading("losses", losses.iter().map(|totals| totals.sum), allowed),
        reading("number of losses", losses.iter().map(|totals| totals.steps as f64), 0.0),
    ];
    let gradient = session.gradient(0).expect("it is there");
    for param in &plan.params {
        let name = format!("gradient of {}", param.name);
        readings.push(reading(name, doubled(&gradient.dense[param.range()]), allowed));
    }
    for (spec, table) in plan.tables.iter().zip(&gradient.tables) {
        let rows = table.rows.iter().map(|&row| f64::from(row));
        readings.push(reading(format!("rows of {}", spec.name), rows, 0.0));
        readings.push(reading(format!("gradient of {}", spec.name), doubled(&table.values), allowed));
    }
    readings
}

/// How everything changes in one update.
fn changes(session: &mut dyn Session, before: &Snapshot, batch: &Batch) -> Vec<Reading> {
    let plan = Arc::clone(session.plan());
    let allowed = of_plan(&plan) + UPDATE;
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    let decay = Decay { dense: 0.125, tables: 0.0625 };
    let update = Update { optimiser, lr: 0.05, step: 11, clip: Some(0.03125), decay };
    session.restore(before).expect("the snapshot is the plan's");
    session.step(batch, &world::objective_weights(&plan), &update).expect("the batch fits");
    let after = session.snapshot(false).expect("copies");
    let change = |name: &str, before: &[f32], after: &[f32]| {
        let after: Vec<f64> = doubled(after).collect();
        let change = after.iter().zip(doubled(before)).map(|(after, before)| after - before);
        Reading { floor: STORED * largest(&after), ..reading(format!("change of {name}"), change, allowed) }
    };
    let mut readings = vec![];
    for param in &plan.params {
        readings.push(change(&param.name, &before.dense[param.range()], &after.dense[param.range()]));
    }
    for (spec, (before, after)) in plan.tables.iter().zip(before.tables.iter().zip(&after.tables)) {
        readings.push(change(&spec.name, before, after));
    }
    for (spec, state) in plan.states.iter().zip(&after.states) {
        readings.push(reading(&spec.name, doubled(state), allowed));
    }
    readings
}

/// Predictions, with the weights and the running statistics that an update has left.
fn outputs(session: &mut dyn Session, batch: &Batch) -> Vec<Reading> {
    let plan = Arc::clone(session.plan());
    let mut outputs = vec![vec![]; plan.outputs.len()];
    session.predict(batch, &mut outputs).expect("the batch fits");
    let named = plan.outputs.iter().zip(&outputs);
    named.map(|(output, values)| reading(format!("output {}", output.name), doubled(values), of_plan(&plan))).collect()
}

/// Compares what an engine answered with the oracle in `f64`. Plain loops in `f32` know about cancellation: what they are
/// off by, at worst, is allowed besides.
fn compare([got, truth, plain]: &[Vec<Reading>; 3]) -> Result<(), TestCaseError> {
    let off = truth.iter().zip(plain).map(|(truth, plain)| distance(&truth.values, &plain.values));
    let rounding = off.fold(0.0, f64::max);
    for (got, truth) in got.iter().zip(truth) {
        prop_assert_eq!(&got.quantity, &truth.quantity);
        let exact = truth.tolerance == 0.0;
        let rounding = if exact { 0.0 } else { TIMES_PLAIN_LOOPS * rounding };
        let bound = truth.tolerance * largest(&truth.values) + rounding + truth.floor;
        let error = distance(&got.values, &truth.values);
        prop_assert!(error <= bound, "{}: error {error:e}, allowed {bound:e}", got.quantity);
    }
    Ok(())
}

/// By an engine of which each op is launched by itself, or of which the last ones are launched together.
pub fn hold(plan: &Arc<Plan>, rows: &Rows, seed: u64, composed: bool) -> Result<(), TestCaseError> {
    let engine = if composed { world::composed() } else { world::engine() };
    let before =
        Snapshot { memory: Some(drawn::memory(plan, Memories::MeanAndSquares, seed)), ..drawn::weights(plan, seed) };
    let batch = drawn::batch(&plan.schema, rows, seed);
    let [double, single] = [Precision::Double, Precision::Single]
        .map(|precision| ReferenceEngine { precision, ..ReferenceEngine::default() });
    let options = SessionOptions { max_rows: MOST_ROWS, initialisation: 1, dropout: seed, tables: TableUpdates::Exact };
    let mut sessions = [engine, &double, &single].map(|engine| {
        let mut session = engine.session(Arc::clone(plan), options).expect("there is memory");
        session.restore(&before).expect("the snapshot is the plan's");
        session
    });
    compare(&sessions.each_mut().map(|session| gradients(session.as_mut(), &batch)))?;
    compare(&sessions.each_mut().map(|session| changes(session.as_mut(), &before, &batch)))?;
    compare(&sessions.each_mut().map(|session| outputs(session.as_mut(), &batch)))
}

fn plan_size() -> impl Strategy<Value = PlanSize> {
    let width = select(vec![1, 2, 7, 15, 17, 31, 32, 33, 37, 67]);
    (select(vec![1, 3, 8, 9, 17]), 1..=3usize, width).prop_map(|(dim, groups, width)| PlanSize { dim, groups, width })
}

pub fn schema_size() -> impl Strategy<Value = SchemaSize> {
    let sizes = (select(vec![1, 2, 5, 13]), select(vec![1, 2, 11, 97]), 0..=5usize, 0..=2usize);
    (sizes, select(vec![2, 3, 5, 34])).prop_map(|((scenes, items, tags, numeric), classes)| SchemaSize {
        scenes,
        items,
        tags,
        numeric,
        classes,
    })
}

/// Up to [`MOST_ROWS`] rows, of all scenes or of one alone, with every task or with only some of the five.
pub fn rows() -> impl Strategy<Value = Rows> {
    let count = prop_oneof![select(vec![1, 2, 31, 33, 64, 65, 127]), 1..=MOST_ROWS];
    let scene = prop_oneof![3 => Just(None), 1 => Just(Some(0))];
    let unlabelled = prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(0..5usize, 1..=5)];
    (count, scene, unlabelled).prop_map(|(rows, only_scene, unlabelled)| Rows {
        rows,
        only_scene,
        unlabelled,
        most_ids: None,
    })
}

/// Draws so many, always the same.
pub fn runner(cases: u32, seed: usize) -> TestRunner {
    let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 64, ..ProptestConfig::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed as u8; 32]))
}

#[test]
fn every_op_holds_in_drawn_shapes() {
    for (number, (name, case)) in PlanCase::all().into_iter().enumerate() {
        let drawn = (plan_size(), schema_size(), rows(), 0..1_000_000u64, any::<bool>());
        let outcome = runner(DRAWS, number).run(&drawn, |(size, of, rows, seed, composed)| {
            let plan = drawn::plan(&name, case, size, &drawn::schema(of)).expect("drawn schemas have the tasks");
            hold(&Arc::new(plan), &rows, seed, composed)
        });
        if let Err(failure) = outcome {
            panic!("{name}: {failure}");
        }
    }
}

/// All ops one after another, and rows of several tiles.
#[test]
fn every_op_in_one_plan_holds_in_drawn_batches() {
    let plan = world::every_op();
    let outcome = runner(8, 0)
        .run(&(rows(), 0..1_000_000u64, any::<bool>()), |(rows, seed, composed)| hold(&plan, &rows, seed, composed));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// More experts and classes than a tile has columns.
#[test]
fn every_op_holds_with_many_groups() {
    let schema = drawn::schema(SchemaSize { items: 40, classes: 128, ..SchemaSize::default() });
    let experts = (0..64).map(|expert| format!("expert {expert}")).collect();
    let plan = Arc::new(drawn::every_op(&schema, experts, 32).expect("the plan is valid"));
    for composed in [false, true] {
        if let Err(failure) = hold(&plan, &Rows::count(70), 1, composed) {
            panic!("{failure}");
        }
    }
}
