use std::collections::BTreeSet;
use std::sync::Arc;

use mmtl_bench::{Call, OP_WORLD, Running, SINGLE_OPS, batches};
use mmtl_plan::{LinearWeights, NormKind, Op, TableUpdates};
use mmtl_reference::ReferenceEngine;

/// What is there to time; a new op is a compile error here.
fn kind(op: &Op) -> &'static str {
    match op {
        Op::Embed(_) => "embed",
        Op::Linear(op) => match op.weights {
            LinearWeights::Shared { .. } => "linear",
            LinearWeights::PerScene { .. } => "linear per scene",
            LinearWeights::Star { .. } => "linear star",
        },
        Op::Norm(op) => match op.kind {
            NormKind::Layer => "layer norm",
            NormKind::Batch { .. } => "batch norm",
            NormKind::Scene { .. } => "scene norm",
        },
        Op::Gate(_) => "gate",
        Op::Mix(_) => "mix",
        Op::Add(_) => "add",
        Op::Concat(_) => "concat",
        Op::Predict(_) => "predict",
        Op::Loss(_) => "loss",
    }
}

#[test]
fn every_kind_of_op_is_timed() {
    let plans = SINGLE_OPS.map(|op| op.plan().expect("the op has a plan"));
    let kinds: BTreeSet<&str> = plans.iter().flat_map(|plan| plan.ops.iter().map(kind)).collect();
    assert_eq!(kinds.len(), 13, "{kinds:?}");
}

#[test]
fn each_of_them_trains() {
    for op in SINGLE_OPS {
        let plan = Arc::new(op.plan().expect("the op has a plan"));
        let engine = ReferenceEngine::default();
        let batches = batches(OP_WORLD, 32, 2);
        let mut running = Running::new(plan, batches, TableUpdates::Exact, Call::Step, &engine).expect("a session");
        for _ in 0..3 {
            running.call().expect("a step");
        }
        running.check().expect("losses are finite");
    }
}
