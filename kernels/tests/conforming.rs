//! The suite that every engine must pass, on the software device. It is slow: what sessions keep does not depend on the
//! widths of ops nor on how they are launched, and is looked at in one size. `mmtl verify` looks at it in all.

use std::sync::Arc;

use mmtl_plan::Plan;
use mmtl_reference::conformance::{
    assert_conforms, conformance_of_calls, conformance_of_sessions, conformance_of_steps, drawn_plans,
};

use crate::world;

/// Plans for every op with layers of so many units: one, a tile, and one more than that fits two.
fn plans(width: usize) -> Vec<(String, Arc<Plan>)> {
    let ending = format!("× {width}");
    let plans: Vec<_> = drawn_plans().into_iter().filter(|(name, _)| name.ends_with(&ending)).collect();
    assert!(plans.len() > 10, "{}", plans.len());
    plans
}

// Apart, as tests run side by side.

#[test]
fn steps_of_one_unit_conform() {
    assert_conforms(&conformance_of_steps(world::engine(), &plans(1)));
}

#[test]
fn steps_of_a_tile_conform() {
    assert_conforms(&conformance_of_steps(world::engine(), &plans(16)));
}

#[test]
fn steps_that_fit_no_tile_conform() {
    assert_conforms(&conformance_of_steps(world::engine(), &plans(33)));
}

#[test]
fn what_sessions_keep_conforms() {
    assert_conforms(&conformance_of_sessions(world::engine(), &plans(16)));
}

#[test]
fn calls_conform() {
    assert_conforms(&conformance_of_calls(world::engine()));
}

#[test]
fn steps_with_each_op_launched_by_itself_conform() {
    assert_conforms(&conformance_of_steps(world::composed(), &plans(33)));
}

#[test]
fn every_size_is_among_them() {
    assert_eq!([1, 16, 33].map(|width| plans(width).len()).iter().sum::<usize>(), drawn_plans().len());
}
