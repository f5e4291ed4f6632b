//! The suite that every engine must pass, on the software device.

use mmtl_reference::conformance::{assert_conforms, conformance};

use crate::world;

#[test]
fn conforms_on_the_software_device() {
    assert_conforms(&conformance(world::engine()));
}

#[test]
fn conforms_with_each_op_launched_by_itself() {
    assert_conforms(&conformance(world::composed()));
}
