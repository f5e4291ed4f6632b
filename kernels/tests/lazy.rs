//! Rows that catch up are where a swept table has them, over more steps than a session remembers; and a session put back
//! goes on as if it had never stopped.

use std::ops::Range;

use mmtl_plan::{Batch, Decay, Optimiser, Plan, Session, Snapshot, TableUpdates, Update};
use mmtl_reference::drawn::{self, Rows};

use crate::world;

/// With those before the rule changes its moments, more than a session remembers.
const STEPS: u64 = 340;

/// Weight decay that comes and goes, clipping, betas and rules that change: from step 290 on those without the moments
/// that rows have missed.
fn update(step: u64) -> Update {
    let optimiser = match step {
        ..200 => Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        200..290 => Optimiser::AdamW { beta1: 0.8, beta2: 0.99, eps: 1e-6 },
        290..300 => Optimiser::Sgd { momentum: 0.9 },
        300..306 => Optimiser::Lion { beta1: 0.9, beta2: 0.95 },
        306..309 => Optimiser::Sgd { momentum: 0.0 },
        309..315 => Optimiser::RowWiseAdagrad { eps: 1e-8 },
        315..318 => Optimiser::Adagrad { eps: 1e-8 },
        318..324 => Optimiser::RmsProp { alpha: 0.95, eps: 1e-8 },
        324.. => Optimiser::Adam { beta1: 0.95, beta2: 0.98, eps: 1e-7 },
    };
    let lr = 0.003 * (1.0 + (step as f32 * 0.1).cos());
    let tables = if (step / 60).is_multiple_of(2) { 0.0 } else { 0.02 };
    Update { optimiser, lr, step, clip: step.is_multiple_of(3).then_some(0.2), decay: Decay { dense: 0.01, tables } }
}

/// Most batches use the first four ids of each vocabulary; some use twenty; the last ids are never touched.
fn batch(plan: &Plan, step: u64) -> Batch {
    let most = if step.is_multiple_of(97) { 20 } else { 4 };
    drawn::batch(&plan.schema, &Rows { most_ids: Some(most), ..Rows::count(6) }, step)
}

fn run(session: &mut dyn Session, steps: Range<u64>) {
    let plan = session.plan().clone();
    let weights = world::objective_weights(&plan);
    for step in steps {
        session.step(&batch(&plan, step), &weights, &update(step)).expect("the batch fits");
    }
}

fn bits(snapshot: &Snapshot) -> Vec<u32> {
    let memory = snapshot.memory.as_ref().expect("everything was asked for");
    let tables = [snapshot.tables.concat(), memory.tables.concat().concat()].concat();
    let dense = [snapshot.dense.clone(), memory.dense.concat(), snapshot.states.concat()].concat();
    tables.into_iter().chain(dense).map(f32::to_bits).collect()
}

#[test]
fn exact_is_dense_and_can_be_put_back_over_hundreds_of_steps() {
    let plan = world::every_op();
    let mut exact = world::session(world::engine(), &plan, TableUpdates::Exact);
    run(exact.as_mut(), 1..270);
    let saved = exact.snapshot(true).expect("copies");
    let mut again = world::session(world::engine(), &plan, TableUpdates::Exact);
    again.restore(&saved).expect("the sizes are the plan's");
    let mut whole = world::session(world::engine(), &plan, TableUpdates::Exact);
    run(whole.as_mut(), 1..270);
    let mut dense = world::session(world::engine(), &plan, TableUpdates::Dense);
    run(dense.as_mut(), 1..270);
    let [exact, again, whole, dense] = [exact, again, whole, dense].map(|mut session| {
        run(session.as_mut(), 270..STEPS);
        bits(&session.snapshot(true).expect("copies"))
    });
    assert!(exact == again, "a session put back goes on as the one that it was taken from");
    assert!(exact == whole, "looking changes nothing");
    assert!(exact == dense, "a row that catches up is where a sweep would have moved it");
}
