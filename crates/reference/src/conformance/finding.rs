//! What a comparison found.

use std::fmt::{self, Write};

/// One quantity of one case, compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The plan, and what was done with it.
    pub case: String,
    /// What was compared.
    pub quantity: String,
    /// The largest error.
    pub error: f64,
    /// What is allowed; 0 where bits must be equal.
    pub bound: f64,
}

impl Finding {
    /// Whether the error is within its bound. One that is not a number is not.
    pub fn holds(&self) -> bool {
        self.error <= self.bound
    }

    /// The error in units of its bound: at most 1 where it holds.
    pub fn excess(&self) -> f64 {
        if self.error == 0.0 { 0.0 } else { self.error / self.bound }
    }

    /// The one of two that is closer to its bound, or farther past it.
    pub(crate) fn worse(self, other: Self) -> Self {
        if self.excess() >= other.excess() || self.excess().is_nan() { self } else { other }
    }

    /// A statement that is right or wrong.
    pub(crate) fn fact(quantity: impl Into<String>, right: bool) -> Self {
        let error = if right { 0.0 } else { f64::INFINITY };
        Self { case: String::new(), quantity: quantity.into(), error, bound: 0.0 }
    }

    /// Bits that must be equal; the error is the number of values that differ.
    pub(crate) fn same_bits(quantity: impl Into<String>, got: &[f32], expected: &[f32]) -> Self {
        let differing = got.iter().zip(expected).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
        let error = differing as f64 + got.len().abs_diff(expected.len()) as f64;
        Self { case: String::new(), quantity: quantity.into(), error, bound: 0.0 }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: error {:.3e}, allowed {:.3e}", self.case, self.quantity, self.error, self.bound)
    }
}

/// The finding of each case that is closest to its bound, or farthest past it, in order of first appearance.
pub fn worst_of_each_case(findings: &[Finding]) -> Vec<Finding> {
    let mut worst: Vec<Finding> = vec![];
    for finding in findings {
        match worst.iter_mut().find(|worst| worst.case == finding.case) {
            Some(so_far) => *so_far = so_far.clone().worse(finding.clone()),
            None => worst.push(finding.clone()),
        }
    }
    worst
}

/// Panics with the findings that do not hold, if any.
///
/// # Panics
/// When one does not hold, or there is none at all.
pub fn assert_conforms(findings: &[Finding]) {
    assert!(!findings.is_empty(), "nothing was compared");
    let failures: Vec<&Finding> = findings.iter().filter(|finding| !finding.holds()).collect();
    let mut message = String::new();
    for failure in failures.iter().take(40) {
        writeln!(message, "  {failure}").expect("a string takes any text");
    }
    assert!(failures.is_empty(), "{} of {} findings do not hold:\n{message}", failures.len(), findings.len());
}
