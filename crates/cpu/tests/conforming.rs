//! The suite that every engine must pass.

use std::sync::Arc;

use mmtl_cpu::CpuEngine;
use mmtl_plan::{Plan, Pool};
use mmtl_reference::conformance::{assert_conforms, conformance, conformance_of};
use mmtl_reference::drawn::{self, PlanCase, PlanSize, SchemaSize};

#[test]
fn conforms_on_one_thread() {
    assert_conforms(&conformance(&CpuEngine::new(1).expect("the caller's thread")));
}

#[test]
fn conforms_on_two_threads() {
    assert_conforms(&conformance(&CpuEngine::new(2).expect("two threads")));
}

/// Lookups of widths that the drawn plans do not have, most of which the engine compiles.
#[test]
fn lookups_of_usual_widths_conform() {
    let schema = drawn::schema(SchemaSize::default());
    let plans = [4, 8, 16, 32, 33].map(|dim| {
        let (name, size) = (format!("embed {dim}"), PlanSize { dim, groups: 1, width: 3 });
        let plan: Plan = drawn::plan(&name, PlanCase::Embed(Pool::Mean), size, &schema).expect("the plan is valid");
        (name, Arc::new(plan))
    });
    assert_conforms(&conformance_of(&CpuEngine::new(2).expect("two threads"), &plans));
}
