//! The suite that every engine must pass, on the software device.

use mmtl_kernels::vulkan;
use mmtl_reference::conformance::{assert_conforms, conformance};

#[test]
fn conforms_on_the_software_device() {
    assert_conforms(&conformance(&vulkan::software()));
}
