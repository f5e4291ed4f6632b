//! The same calls on the same device leave the same bits.

use mmtl_plan::{Pass, TableUpdates};

use crate::world;

/// Everything that a session answers over some calls, as bits.
fn answers(tables: TableUpdates) -> Vec<u64> {
    let plan = world::every_op();
    let mut session = world::session(world::engine(), &plan, tables);
    let weights = world::objective_weights(&plan);
    for (step, rows) in [(1, 300), (2, 65), (3, 1), (4, 0), (5, 257)] {
        session.step(&world::batch(&plan, rows, step), &weights, &world::adam(step)).expect("the batch fits");
    }
    let mut alone = vec![0.0; weights.len()];
    alone[0] = 1.0;
    session.gradients(&world::batch(&plan, 200, 6), Pass::of(6), &[&weights, &alone]).expect("the batch fits");
    let mut bits: Vec<u64> = session.gram().expect("gradients are there").into_iter().map(f64::to_bits).collect();
    let mut singles = vec![];
    for number in 0..2 {
        let gradient = session.gradient(number).expect("it is there");
        singles.extend(gradient.dense);
        singles.extend(gradient.tables.into_iter().flat_map(|table| table.values));
    }
    session.combine(&[0.75, -0.5], &world::adam(6)).expect("two coefficients");
    let mut outputs = vec![vec![]; plan.outputs.len()];
    session.predict(&world::batch(&plan, 300, 9), &mut outputs).expect("the batch fits");
    singles.extend(outputs.concat());
    let after = session.snapshot(true).expect("copies");
    let memory = after.memory.expect("everything");
    singles.extend([after.dense, after.tables.concat(), after.states.concat()].concat());
    singles.extend(memory.dense.concat());
    singles.extend(memory.tables.concat().concat());
    assert!(singles.iter().all(|value| value.is_finite()), "{tables:?}");
    bits.extend(singles.into_iter().map(|value| u64::from(value.to_bits())));
    bits.extend(session.losses().expect("they are there").into_iter().map(|totals| totals.sum.to_bits()));
    bits
}

#[test]
fn two_sessions_leave_the_same_bits() {
    let [exact, dense] = [TableUpdates::Exact, TableUpdates::Dense].map(|tables| {
        let once = answers(tables);
        assert!(once == answers(tables), "{tables:?}");
        once
    });
    assert!(exact == dense, "a row that catches up is where a sweep would have moved it");
    assert!(answers(TableUpdates::Sparse) != exact, "what is compared depends on the updates");
}
