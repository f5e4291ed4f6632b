//! Batches of several tiles, held to the oracle in f64: the conformance suite's fit into one.

use std::sync::Arc;

use mmtl_plan::{Batch, FieldKind, Gradient, Lookup, Pass, Plan, Session, TableUpdates};
use mmtl_reference::conformance::{drawn_plans, tolerance};
use mmtl_reference::drawn::{self, Rows};
use mmtl_reference::{Precision, ReferenceEngine};

use crate::world;

/// Rows of the batch: three tiles of 64 and one of 8.
const ROWS: usize = 200;

/// Rows of four tiles of 256 and one of 76.
const MANY_ROWS: usize = world::MAX_ROWS;

/// Largest difference in units of the largest value.
fn error(got: &[f32], truth: &[f32]) -> f64 {
    assert_eq!(got.len(), truth.len());
    let largest = truth.iter().fold(f32::MIN_POSITIVE, |largest, x| largest.max(x.abs()));
    let difference = got.iter().zip(truth).map(|(a, b)| f64::from(a - b).abs()).fold(0.0, f64::max);
    difference / f64::from(largest)
}

fn flat(gradient: Gradient) -> Vec<f32> {
    gradient.tables.into_iter().fold(gradient.dense, |all, table| [all, table.values].concat())
}

fn check(name: &str, plan: &Arc<Plan>, rows: usize) {
    let allowed = tolerance::of_plan(plan);
    let oracle = ReferenceEngine { precision: Precision::Double, factors: mmtl_plan::Factors::F32 };
    let mut sessions = [
        world::session(&world::engine(2), plan, TableUpdates::Exact),
        world::session(&oracle, plan, TableUpdates::Exact),
    ];
    let batch = world::batch(plan, rows, 3);
    let weights = world::objective_weights(plan);
    let mut alone = vec![0.0; weights.len()];
    alone[weights.len() - 1] = 1.0;
    for number in 0..2 {
        let [got, truth] = sessions.each_mut().map(|session| {
            session.gradients(&batch, Pass::of(1), &[&weights, &alone]).expect("the batch fits");
            flat(session.gradient(number).expect("it is there"))
        });
        let found = error(&got, &truth);
        assert!(found < allowed, "{name}: gradient {number}: {found:e}, allowed {allowed:e}");
    }
    let [got, truth] = sessions.each_mut().map(|session| losses(session.as_mut()));
    let found = error(&got, &truth);
    assert!(found < allowed, "{name}: losses: {found:e}, allowed {allowed:e}");
    let [got, truth] = sessions.each_mut().map(|session| {
        let mut outputs = vec![vec![]; plan.outputs.len()];
        session.predict(&world::batch(plan, rows, 4), &mut outputs).expect("the batch fits");
        [outputs.concat(), session.snapshot(false).expect("copies").states.concat()].concat()
    });
    let found = error(&got, &truth);
    assert!(found < allowed, "{name}: outputs and statistics: {found:e}, allowed {allowed:e}");
}

fn losses(session: &mut dyn Session) -> Vec<f32> {
    session.losses().expect("they are there").iter().map(|totals| totals.sum as f32).collect()
}

#[test]
fn several_tiles_are_what_the_oracle_says() {
    for (name, plan) in drawn_plans() {
        check(&name, &plan, ROWS);
    }
    check("every op", &world::every_op(), ROWS);
    check("every op, wide", &world::every_op_wide(), ROWS);
    check("small tables", &world::small_tables(false), MANY_ROWS);
    check("small tables alone", &world::small_tables(true), MANY_ROWS);
}

/// A fused step must be the same as its parts made one by one.
#[test]
fn a_step_is_a_gradient_and_its_update() {
    for plan in [world::every_op(), world::every_op_wide(), world::small_tables(false)] {
        check_step(&plan);
    }
}

fn check_step(plan: &Arc<Plan>) {
    let weights = world::objective_weights(plan);
    let [mut whole, mut parts] = [(); 2].map(|()| world::session(&world::engine(1), plan, TableUpdates::Exact));
    for step in 1..=3 {
        let batch = world::batch(plan, ROWS, step);
        whole.step(&batch, &weights, &world::adam(step)).expect("the batch fits");
        parts.gradients(&batch, Pass::of(step), &[&weights]).expect("the batch fits");
        parts.combine(&[1.0], &world::adam(step)).expect("one coefficient");
    }
    assert_eq!(whole.snapshot(true), parts.snapshot(true));
    assert_eq!(whole.losses(), parts.losses());
}

/// One row of a batch, by itself.
fn only(plan: &Plan, batch: &Batch, row: usize) -> Batch {
    let (scene, numbers, rows) = (batch.scene_of(row), plan.schema.numeric_columns(), batch.rows());
    let lookups = plan.schema.fields.iter().zip(&batch.lookups).map(|(field, lookup)| match field.kind {
        FieldKind::Numeric => Lookup::default(),
        FieldKind::Categorical { .. } => Lookup::single(lookup.row(row).to_vec()),
        FieldKind::Tokens { .. } => {
            let ids = lookup.row(row).to_vec();
            Lookup { starts: Some(vec![0, ids.len() as u32]), ids }
        }
    });
    let of_row = |values: &[f32]| values.iter().skip(row).step_by(rows).copied().collect();
    let mut only = Batch {
        row_ids: vec![batch.row_ids[row]],
        scene_starts: (0..batch.scene_starts.len()).map(|s| u32::from(s > scene)).collect(),
        lookups: lookups.collect(),
        numeric: batch.numeric[row * numbers..(row + 1) * numbers].to_vec(),
        labels: of_row(&batch.labels),
        weights: of_row(&batch.weights),
        groups: vec![],
        segments: vec![],
    };
    only.rebuild_segments(&plan.schema);
    only
}

/// A row's prediction is its own, however small the tables and whatever else is in its batch.
#[test]
fn predictions_do_not_depend_on_the_batch() {
    let plan = world::small_tables(false);
    let batch = world::batch(&plan, ROWS, 7);
    let predict = |batch: &Batch| {
        let mut session = world::session(&world::engine(2), &plan, TableUpdates::Exact);
        let mut outputs = vec![vec![]; plan.outputs.len()];
        session.predict(batch, &mut outputs).expect("the batch fits");
        outputs
    };
    let all = predict(&batch);
    for row in [0, 63, 64, ROWS - 1] {
        let alone = predict(&only(&plan, &batch, row));
        for (output, (alone, all)) in plan.outputs.iter().zip(alone.iter().zip(&all)) {
            assert_eq!(alone[..], all[row * output.width..][..output.width], "row {row} of {}", output.name);
        }
    }
}

/// A row of a small table that no batch looked up may hold anything.
#[test]
fn rows_that_are_not_looked_up_reach_no_gradient() {
    let plan = world::small_tables(true);
    let mut session = world::session(&world::engine(2), &plan, TableUpdates::Exact);
    let few = Rows { most_ids: Some(4), ..Rows::count(ROWS) };
    let batch = drawn::batch(&plan.schema, &few, 1);
    let gradient = |session: &mut dyn Session| {
        session.gradients(&batch, Pass::of(1), &[&world::objective_weights(&plan)]).expect("the batch fits");
        flat(session.gradient(0).expect("it is there"))
    };
    let before = gradient(session.as_mut());
    let mut weights = session.snapshot(false).expect("copies");
    let (items, dim) = (&mut weights.tables[1], plan.tables[1].dim);
    items[4 * dim..].fill(f32::NAN);
    session.restore(&weights).expect("the sizes are the plan's");
    assert!(before.iter().any(|&g| g != 0.0) && before == gradient(session.as_mut()));
}

#[test]
fn what_a_weighting_does_not_reach_has_gradient_zero() {
    let plan = world::every_op();
    let mut session = world::session(&world::engine(1), &plan, TableUpdates::Exact);
    let batch = world::batch(&plan, ROWS, 1);
    for k in 0..plan.objectives.len() {
        let mut weights = vec![0.0; plan.objectives.len()];
        weights[k] = 1.0;
        session.gradients(&batch, Pass::of(1), &[&weights]).expect("the batch fits");
        let gradient = session.gradient(0).expect("it is there");
        for param in &plan.params {
            let reached = param.reached_by.contains(&k);
            let zero = gradient.dense[param.range()].iter().all(|&g| g == 0.0);
            assert_eq!(zero, !reached, "{} by {}", param.name, plan.objectives[k].name);
        }
    }
}
