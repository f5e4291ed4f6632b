//! What can go wrong.

use mmtl_plan::{EngineError, KnobError, PlanError};
use mmtl_zoo::ZooError;
use thiserror::Error;

/// Why something could not be measured.
#[derive(Debug, Error)]
pub enum BenchError {
    /// No case has that name.
    #[error("unknown case `{name}`, expected one of {}{}", .known.join(", "), suggestion(.nearest.as_deref()))]
    Case {
        /// The name given.
        name: String,
        /// The closest name there is.
        nearest: Option<String>,
        /// All names.
        known: Vec<&'static str>,
    },
    /// The zoo has no such architecture.
    #[error(transparent)]
    Architecture(#[from] ZooError),
    /// An architecture does not take a case's knobs.
    #[error(transparent)]
    Knob(#[from] KnobError),
    /// An architecture makes no plan of a case's knobs.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Something that does not train is not worth timing.
    #[error("the loss of `{objective}` stopped being finite at step {step}, so its time says nothing")]
    NotFinite {
        /// Name of the objective.
        objective: String,
        /// First step whose loss was not finite.
        step: u64,
    },
    /// A score has no value.
    #[error("the AUC of the generated rows is undefined")]
    Undefined,
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
