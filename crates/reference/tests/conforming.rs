//! The oracle in `f32` conforms to itself in `f64`.

use mmtl_reference::ReferenceEngine;
use mmtl_reference::conformance::{assert_conforms, conformance, worst_of_each_case};

#[test]
fn the_oracle_conforms() {
    let findings = conformance(&ReferenceEngine::default());
    assert_conforms(&findings);
    // A bound that nothing comes near would also hold for an engine that is wrong.
    let measured = worst_of_each_case(&findings).into_iter().filter(|worst| worst.excess() > 0.001).count();
    assert!(measured > 200, "only {measured} cases come within a thousandth of a bound");
}
