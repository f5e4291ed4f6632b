//! Bits do not depend on the number of threads.

use std::sync::Arc;

use mmtl_plan::{Pass, Plan, TableUpdates};
use mmtl_reference::conformance::drawn_plans;

use crate::world;

/// Everything a session answers over some calls, as bits.
fn answers(engine: &mmtl_cpu::CpuEngine, plan: &Arc<Plan>, tables: TableUpdates) -> Vec<u64> {
    let mut session = world::session(engine, plan, tables);
    let weights = world::objective_weights(plan);
    let mut bits = vec![];
    for (step, rows) in [(1, 300), (2, 65), (3, 1), (4, 0), (5, 257)] {
        session.step(&world::batch(plan, rows, step), &weights, &world::adam(step)).expect("the batch fits");
    }
    let mut alone = vec![0.0; weights.len()];
    alone[0] = 1.0;
    session.gradients(&world::batch(plan, 200, 6), Pass::of(6), &[&weights, &alone]).expect("the batch fits");
    bits.extend(session.gram().expect("gradients are there").into_iter().map(f64::to_bits));
    let mut singles = vec![];
    for number in 0..2 {
        let gradient = session.gradient(number).expect("it is there");
        singles.extend(gradient.dense);
        singles.extend(gradient.tables.into_iter().flat_map(|table| table.values));
    }
    session.combine(&[0.75, -0.5], &world::adam(6)).expect("two coefficients");
    let mut outputs = vec![vec![]; plan.outputs.len()];
    session.predict(&world::batch(plan, 300, 9), &mut outputs).expect("the batch fits");
    singles.extend(outputs.concat());
    let after = session.snapshot(true).expect("copies");
    let memory = after.memory.expect("everything");
    singles.extend([after.dense, after.tables.concat(), after.states.concat()].concat());
    singles.extend(memory.dense.concat());
    singles.extend(memory.tables.concat().concat());
    bits.extend(singles.into_iter().map(|value| u64::from(value.to_bits())));
    bits.extend(session.losses().expect("they are there").into_iter().map(|totals| totals.sum.to_bits()));
    bits
}

#[test]
fn every_drawn_plan_has_the_same_bits_on_1_2_and_5_threads() {
    let engines = [1, 2, 5].map(world::engine);
    for (name, plan) in drawn_plans() {
        let [one, two, five] = engines.each_ref().map(|engine| answers(engine, &plan, TableUpdates::Exact));
        assert!(one == two, "{name}: 2 threads");
        assert!(one == five, "{name}: 5 threads");
    }
}

#[test]
fn every_op_in_one_plan_has_the_same_bits_on_1_2_and_5_threads() {
    use TableUpdates::{Dense, Exact, Sparse};
    let (plan, wide, small) = (world::every_op(), world::every_op_wide(), world::small_tables(false));
    let of_plan = [Exact, Sparse, Dense].map(|tables| ("", &plan, tables));
    for (name, plan, tables) in of_plan.into_iter().chain([("wide, ", &wide, Exact), ("small tables, ", &small, Exact)])
    {
        let [one, two, five] = [1, 2, 5].map(|threads| answers(&world::engine(threads), plan, tables));
        assert!(one == two && one == five, "{name}{tables:?}");
    }
}
