//! The suite that every engine must pass, on the software device.

use mmtl_reference::conformance::{assert_conforms, conformance, conformance_of_steps, drawn_plans};

use crate::world;

#[test]
fn conforms_on_the_software_device() {
    assert_conforms(&conformance(world::engine()));
}

/// Every op, in the size that fits no tile: others are drawn for either engine by `shapes`. What sessions keep does not
/// depend on how ops are launched.
#[test]
fn conforms_with_each_op_launched_by_itself() {
    let plans: Vec<_> = drawn_plans().into_iter().filter(|(name, _)| name.ends_with("× 33")).collect();
    assert!(plans.len() > 10, "{}", plans.len());
    assert_conforms(&conformance_of_steps(world::composed(), &plans));
}
