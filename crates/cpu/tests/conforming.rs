//! The suite that every engine must pass.

use mmtl_cpu::CpuEngine;
use mmtl_reference::conformance::{assert_conforms, conformance};

#[test]
fn conforms_on_one_thread() {
    assert_conforms(&conformance(&CpuEngine::new(1).expect("the caller's thread")));
}

#[test]
fn conforms_on_two_threads() {
    assert_conforms(&conformance(&CpuEngine::new(2).expect("two threads")));
}
