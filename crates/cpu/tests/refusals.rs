//! What a session refuses, and how it says so.

use std::sync::Arc;

use mmtl_plan::{Engine, EngineError, Memory, Pass, SessionOptions, TableUpdates};

use crate::world;

#[test]
fn batches_that_do_not_fit() {
    let plan = world::every_op();
    let mut session = world::session(&world::engine(1), &plan, TableUpdates::Exact);
    let weights = world::objective_weights(&plan);
    session
        .step(&world::batch(&plan, world::MAX_ROWS, 1), &weights, &world::adam(1))
        .expect("exactly as many rows as announced");
    let large = world::batch(&plan, world::MAX_ROWS + 1, 1);
    let expected = Err(EngineError::Batch("it has 1101 rows, expected at most 1100".to_owned()));
    assert_eq!(session.step(&large, &weights, &world::adam(2)), expected);
    assert_eq!(session.gradients(&large, Pass::of(2), &[&weights]), expected);
    assert_eq!(session.predict(&large, &mut vec![vec![]; plan.outputs.len()]), expected);
    let mut strange = world::batch(&plan, 20, 1);
    strange.lookups[1].ids[3] = 1_000_000;
    let refused = session.step(&strange, &weights, &world::adam(2));
    assert!(matches!(&refused, Err(EngineError::Batch(what)) if what.contains("id 1000000")), "{refused:?}");
}

#[test]
fn arguments_of_the_wrong_size() {
    let plan = world::every_op();
    let mut session = world::session(&world::engine(1), &plan, TableUpdates::Exact);
    let batch = world::batch(&plan, 20, 1);
    let argument = |what, expected, got| Err(EngineError::Argument { what, expected, got });
    assert_eq!(session.step(&batch, &[1.0], &world::adam(1)), argument("number of objective weights", 5, 1));
    assert_eq!(session.predict(&batch, &mut [vec![]]), argument("number of outputs", 5, 1));
    assert_eq!(session.combine(&[1.0], &world::adam(1)), argument("number of coefficients", 0, 1));
    assert!(matches!(session.gradient(0), Err(EngineError::Argument { expected: 0, got: 0, .. })));
    let snapshot = session.snapshot(true).expect("copies");
    let mut short = snapshot.clone();
    short.tables[1].pop();
    assert!(matches!(session.restore(&short), Err(EngineError::Argument { what: "length of a table", .. })));
    let mut odd = snapshot.clone();
    let arena = vec![0.0; plan.arena_len];
    odd.memory = Some(Memory { step: 1, dense: vec![arena; 3], tables: vec![odd.tables.clone(); 3] });
    assert_eq!(session.restore(&odd), argument("number of moments, at most", 2, 3));
    assert_eq!(session.snapshot(true).expect("copies"), snapshot, "a refusal changes nothing");
}

#[test]
fn more_memory_than_there_is() {
    let plan = world::every_op();
    let options = SessionOptions { max_rows: 1 << 50, initialisation: 1, dropout: 1, tables: TableUpdates::Exact };
    let Err(EngineError::Memory { needed, available, .. }) = world::engine(1).session(Arc::clone(&plan), options)
    else {
        panic!("a session of 2^50 rows was promised memory");
    };
    assert!(needed > available && available > 0);
}

#[test]
fn a_restore_undoes_a_combination_that_is_no_number() {
    let plan = world::every_op();
    let weights = world::objective_weights(&plan);
    let (batch, next) = (world::batch(&plan, 200, 1), world::batch(&plan, 200, 2));
    let stepped = |spoilt: bool| {
        let mut session = world::session(&world::engine(1), &plan, TableUpdates::Exact);
        let before = session.snapshot(true).expect("copies");
        if spoilt {
            session.gradients(&batch, Pass::of(1), &[&weights]).expect("the batch fits");
            session.combine(&[f32::NAN], &world::adam(1)).expect("a coefficient is there");
            session.restore(&before).expect("its own");
        }
        // Clipped by the norm of all of the gradient.
        session.step(&next, &weights, &world::adam(1)).expect("the batch fits");
        session.snapshot(true).expect("copies")
    };
    assert_eq!(stepped(true), stepped(false));
}

#[test]
fn names() {
    let engine = world::engine(2);
    assert_eq!((engine.name(), engine.numerics().as_str()), ("cpu", "cpu f32"));
}
