//! Rows that catch up are where a swept table has them, over many steps; and a session put back goes on as if it had
//! never stopped.

use std::ops::Range;
use std::sync::Arc;

use mmtl_plan::{Batch, Decay, Optimiser, Plan, Pool, Session, Snapshot, TableUpdates, Update};
use mmtl_reference::drawn::{self, PlanCase, PlanSize, Rows};
use mmtl_reference::touched_rows;

use crate::world;

/// More than twice as many as the engine remembers.
const STEPS: u64 = 600;

/// Warm-up and decay of the learning rate, weight decay that comes and goes, clipping, betas and rules that change.
fn update(step: u64) -> Update {
    let optimiser = match step {
        ..200 => Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        200..340 => Optimiser::AdamW { beta1: 0.8, beta2: 0.99, eps: 1e-6 },
        340..380 => Optimiser::Sgd { momentum: 0.9 },
        380..400 => Optimiser::Lion { beta1: 0.9, beta2: 0.95 },
        400..410 => Optimiser::Sgd { momentum: 0.0 },
        410..420 => Optimiser::RowWiseAdagrad { eps: 1e-8 },
        420..430 => Optimiser::Adagrad { eps: 1e-8 },
        430..450 => Optimiser::RmsProp { alpha: 0.95, eps: 1e-8 },
        450.. => Optimiser::Adam { beta1: 0.95, beta2: 0.98, eps: 1e-7 },
    };
    let lr = 0.003 * (step as f32 / 50.0).min(1.0) * (1.0 + (step as f32 * 0.1).cos());
    let tables = if (step / 60).is_multiple_of(2) { 0.0 } else { 0.02 };
    Update { optimiser, lr, step, clip: step.is_multiple_of(3).then_some(0.2), decay: Decay { dense: 0.01, tables } }
}

/// Most batches use the first four ids of each vocabulary; some use twenty; the last ids are never touched.
fn batch(plan: &Plan, step: u64) -> Batch {
    let most = if step.is_multiple_of(97) { 20 } else { 4 };
    drawn::batch(&plan.schema, &Rows { most_ids: Some(most), ..Rows::count(6) }, step)
}

fn run(session: &mut dyn Session, plan: &Plan, steps: Range<u64>, update: &dyn Fn(u64) -> Update) {
    let weights = world::objective_weights(plan);
    for step in steps {
        session.step(&batch(plan, step), &weights, &update(step)).expect("the batch fits");
    }
}

fn bits(snapshot: &Snapshot) -> Vec<u32> {
    let memory = snapshot.memory.as_ref().expect("everything was asked for");
    let tables = [snapshot.tables.concat(), memory.tables.concat().concat()].concat();
    let dense = [snapshot.dense.clone(), memory.dense.concat(), snapshot.states.concat()].concat();
    tables.into_iter().chain(dense).map(f32::to_bits).collect()
}

fn compare(plan: &Arc<Plan>, name: &str, update: &dyn Fn(u64) -> Update) {
    let engine = world::engine(1);
    let [exact, dense] = [TableUpdates::Exact, TableUpdates::Dense].map(|tables| {
        let mut session = world::session(&engine, plan, tables);
        run(session.as_mut(), plan, 1..STEPS, update);
        session.snapshot(true).expect("copies")
    });
    assert!(bits(&exact) == bits(&dense), "{name}");
    let start = drawn::weights(plan, 5);
    assert_ne!(exact.tables, start.tables, "{name}: nothing moved");
}

#[test]
fn exact_is_dense_over_hundreds_of_steps() {
    let plan = world::every_op();
    compare(&plan, "changing", &update);
    // Without decay its steps move no untouched row: they come and go among those that do.
    let adagrad = Optimiser::Adagrad { eps: 1e-8 };
    compare(&plan, "still at times", &|step| Update { optimiser: adagrad, ..update(step) });
    let wide = PlanSize { dim: 16, groups: 1, width: 3 };
    let wide = drawn::plan("wide", PlanCase::Embed(Pool::Mean), wide, &world::schema()).expect("the plan is valid");
    compare(&Arc::new(wide), "rows of a register", &update);
    compare(&world::small_tables(false), "small tables", &update);
    let rules = [
        Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        Optimiser::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        Optimiser::Sgd { momentum: 0.9 },
        Optimiser::Adagrad { eps: 1e-8 },
        Optimiser::RowWiseAdagrad { eps: 1e-8 },
        Optimiser::RmsProp { alpha: 0.99, eps: 1e-8 },
        Optimiser::Lion { beta1: 0.9, beta2: 0.99 },
    ];
    for optimiser in rules {
        for tables in [0.0, 0.01] {
            let decay = Decay { dense: 0.0, tables };
            compare(&plan, &format!("{optimiser:?}, {tables}"), &|step| Update { optimiser, decay, ..update(step) });
        }
    }
}

/// Without decay, rows that no batch touched keep their bits, also past the end of what the engine remembers.
#[test]
fn untouched_rows_rest() {
    let plan = world::every_op();
    let mut session = world::session(&world::engine(1), &plan, TableUpdates::Exact);
    run(session.as_mut(), &plan, 1..STEPS, &|step| Update { decay: Decay::default(), ..world::adam(step) });
    let touched: Vec<_> = (1..STEPS).map(|step| touched_rows(&plan, &batch(&plan, step))).collect();
    let (before, after) = (drawn::weights(&plan, 5), session.snapshot(false).expect("copies"));
    for (t, spec) in plan.tables.iter().enumerate() {
        for row in 0..spec.rows {
            let place = row * spec.dim..(row + 1) * spec.dim;
            let moved = before.tables[t][place.clone()] != after.tables[t][place];
            let used = touched.iter().any(|touched| touched[t].contains(&(row as u32)));
            assert_eq!(moved, used, "row {row} of {}", spec.name);
        }
    }
}

#[test]
fn a_session_put_back_goes_on_as_if_it_had_never_stopped() {
    let plan = world::every_op();
    let engine = world::engine(1);
    let mut whole = world::session(&engine, &plan, TableUpdates::Exact);
    run(whole.as_mut(), &plan, 1..STEPS, &update);
    let mut first = world::session(&engine, &plan, TableUpdates::Exact);
    run(first.as_mut(), &plan, 1..230, &update);
    let saved = first.snapshot(true).expect("copies");
    assert_eq!(saved.memory.as_ref().map(|memory| memory.step), Some(229));
    // Put back into a session that has been elsewhere, and into the one it came from.
    let mut second = world::session(&engine, &plan, TableUpdates::Exact);
    run(second.as_mut(), &plan, 1..40, &|step| Update { lr: 0.1, ..update(step) });
    for session in [&mut first, &mut second] {
        session.restore(&saved).expect("the sizes are the plan's");
        run(session.as_mut(), &plan, 230..STEPS, &update);
        let [got, expected] = [session, &mut whole].map(|session| bits(&session.snapshot(true).expect("copies")));
        assert!(got == expected);
    }
}

/// What an optimiser remembered that the snapshot's does not is forgotten.
#[test]
fn moments_that_a_snapshot_lacks_are_zero() {
    let plan = world::every_op();
    let engine = world::engine(1);
    let mut plain = world::session(&engine, &plan, TableUpdates::Exact);
    let sgd = |step| Update { optimiser: Optimiser::Sgd { momentum: 0.0 }, ..update(step) };
    run(plain.as_mut(), &plan, 1..20, &sgd);
    let saved = plain.snapshot(true).expect("copies");
    let [mut used, mut fresh] = [(); 2].map(|()| world::session(&engine, &plan, TableUpdates::Exact));
    run(used.as_mut(), &plan, 1..30, &update);
    let [got, expected] = [&mut used, &mut fresh].map(|session| {
        session.restore(&saved).expect("the sizes are the plan's");
        run(session.as_mut(), &plan, 20..60, &update);
        bits(&session.snapshot(true).expect("copies"))
    });
    assert!(got == expected);
}

/// A rule that remembers something else starts from nothing, however often it comes back.
#[test]
fn another_rule_forgets() {
    let plan = world::every_op();
    let engine = world::engine(1);
    let adam = |step| Update { optimiser: Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 }, ..update(step) };
    let momentum = |step| Update { optimiser: Optimiser::Sgd { momentum: 0.9 }, ..update(step) };
    let mut changing = world::session(&engine, &plan, TableUpdates::Exact);
    run(changing.as_mut(), &plan, 1..30, &adam);
    run(changing.as_mut(), &plan, 30..40, &momentum);
    let weights = changing.snapshot(false).expect("copies");
    let mut fresh = world::session(&engine, &plan, TableUpdates::Exact);
    fresh.restore(&weights).expect("the sizes are the plan's");
    let [got, expected] = [&mut changing, &mut fresh].map(|session| {
        run(session.as_mut(), &plan, 40..60, &adam);
        bits(&session.snapshot(true).expect("copies"))
    });
    assert!(got == expected);
}

/// A snapshot without the optimiser's memory replaces weights only: lazy and swept tables stay equal.
#[test]
fn weights_put_back_alone_leave_the_moments() {
    let plan = world::every_op();
    let engine = world::engine(1);
    let [exact, dense] = [TableUpdates::Exact, TableUpdates::Dense].map(|tables| {
        let mut session = world::session(&engine, &plan, tables);
        run(session.as_mut(), &plan, 1..50, &update);
        session.restore(&drawn::weights(&plan, 8)).expect("the sizes are the plan's");
        run(session.as_mut(), &plan, 50..90, &update);
        session.snapshot(true).expect("copies")
    });
    assert!(bits(&exact) == bits(&dense));
}
