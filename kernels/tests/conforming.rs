//! The suite that every engine must pass, on the software device.

use mmtl_reference::conformance::{assert_conforms, conformance};

use crate::world;

#[test]
fn conforms_on_the_software_device() {
    assert_conforms(&conformance(world::engine()));
}
