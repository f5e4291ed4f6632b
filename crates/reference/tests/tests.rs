//! Tests of the oracle against PyTorch, and of the conformance suite against engines with known faults.

mod conforming;
mod faulty;
mod golden;
mod golden_plans;
mod reach;
