//! Gradients whose squares are no `f32` are clipped to what they should be.

use mmtl_cpu::CpuEngine;
use mmtl_plan::{Decay, Engine, Optimiser, Snapshot, TableUpdates, Update};
use mmtl_reference::{Precision, ReferenceEngine};

use crate::world;

/// What a step of plain descent along a clipped gradient leaves, for objectives weighted `huge` times as much.
fn stepped(engine: &dyn Engine, tables: TableUpdates, huge: f32) -> Snapshot {
    let plan = world::every_op();
    let mut session = world::session(engine, &plan, tables);
    let weights: Vec<f32> = world::objective_weights(&plan).into_iter().map(|weight| weight * huge).collect();
    let optimiser = Optimiser::Sgd { momentum: 0.0 };
    let update = Update { optimiser, lr: 1.0, step: 1, clip: Some(2.0), decay: Decay::default() };
    session.step(&world::batch(&plan, 50, 3), &weights, &update).expect("the batch fits");
    session.snapshot(false).expect("copies")
}

fn all(snapshot: Snapshot) -> Vec<f32> {
    [snapshot.dense, snapshot.tables.concat()].concat()
}

/// Below and above what squares of `f32` reach, and close to its end.
#[test]
fn huge_gradients_are_clipped_to_the_bound() {
    let truth = ReferenceEngine { precision: Precision::Double, ..ReferenceEngine::default() };
    let plan = world::every_op();
    let before = all(world::session(world::engine(), &plan, TableUpdates::Exact).snapshot(false).expect("copies"));
    for huge in [1e15, 1e18, 1e20, 1e30, 1e36] {
        let expected = all(stepped(&truth, TableUpdates::Exact, huge));
        let moved =
            |after: &[f32]| after.iter().zip(&before).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
        assert!((moved(&expected) - 2.0).abs() < 1e-3, "{huge}: {}", moved(&expected));
        for tables in [TableUpdates::Exact, TableUpdates::Dense] {
            let got = all(stepped(world::engine(), tables, huge));
            let worst = got.iter().zip(&expected).map(|(got, expected)| (got - expected).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-4, "{huge}, {tables:?}: {worst}");
        }
        let processor = all(stepped(&CpuEngine::new(1).expect("the caller's thread"), TableUpdates::Exact, huge));
        let worst = processor.iter().zip(&expected).map(|(got, expected)| (got - expected).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{huge} on the processor: {worst}");
    }
}
