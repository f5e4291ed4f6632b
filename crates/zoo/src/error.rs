//! What can be wrong with a name.

use thiserror::Error;

/// A name that the zoo does not know.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ZooError {
    /// No architecture has that name.
    #[error("unknown architecture `{name}`; {}", hint(.nearest.as_deref(), .known))]
    Architecture {
        /// The name given.
        name: String,
        /// The closest name there is.
        nearest: Option<String>,
        /// All names.
        known: Vec<&'static str>,
    },
}

fn hint(nearest: Option<&str>, known: &[&str]) -> String {
    match nearest {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known: {}", known.join(", ")),
    }
}
