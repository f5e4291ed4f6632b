//! The suite that every engine must pass, on the software device. It is slow: what sessions keep does not depend on the
//! widths of ops nor on how they are launched, and is looked at in one size. `mmtl verify` looks at it in all.

use std::sync::Arc;

use mmtl_plan::Plan;
use mmtl_reference::conformance::{
    assert_conforms, conformance_of_calls, conformance_of_sessions, conformance_of_steps, drawn_plans,
};

use crate::world;

/// Plans for every op in the size that fits no tile: others are drawn for either engine by `shapes`.
fn plans_that_fit_no_tile() -> Vec<(String, Arc<Plan>)> {
    let plans: Vec<_> = drawn_plans().into_iter().filter(|(name, _)| name.ends_with("× 33")).collect();
    assert!(plans.len() > 10, "{}", plans.len());
    plans
}

#[test]
fn conforms_on_the_software_device() {
    let engine = world::engine();
    assert_conforms(&conformance_of_steps(engine, &drawn_plans()));
    assert_conforms(&conformance_of_sessions(engine, &plans_that_fit_no_tile()));
    assert_conforms(&conformance_of_calls(engine));
}

#[test]
fn conforms_with_each_op_launched_by_itself() {
    assert_conforms(&conformance_of_steps(world::composed(), &plans_that_fit_no_tile()));
}
