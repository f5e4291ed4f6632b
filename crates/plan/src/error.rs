//! What can be wrong with a plan.

use thiserror::Error;

/// A plan that cannot be built.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    /// An op was given a slot of a shape it cannot take.
    #[error("op `{op}`: {what} is {got}, expected {expected}")]
    Shape {
        /// The op's name.
        op: String,
        /// Which of its arguments.
        what: String,
        /// What it needs.
        expected: String,
        /// What it was given.
        got: String,
    },
    /// Two things share a name, and would share random numbers.
    #[error("the name `{0}` is used twice in one plan")]
    DuplicateName(String),
    /// The plan has nothing to train.
    #[error("plan `{0}` has no objective")]
    NoObjective(String),
}
