//! From an experiment file to trained trials: expansion, the run store, events, and what schedules and runs them.

mod catalogue;
mod configuration;
mod error;
pub mod events;
mod experiment;
mod key;
mod key_name;
mod lattice;
mod protocol;
pub mod store;
mod trial;

pub use catalogue::{Catalogue, Named};
pub use configuration::{Configuration, Execution, TrialSettings};
pub use error::GridError;
pub use experiment::{Ablation, Axis, Compare, Experiment, Fault, Faults, MOST_TRIALS};
pub use key::{NUMBERS, TrialKey};
pub use key_name::{Key, Section};
pub use protocol::Protocol;
pub use trial::{Row, Trial};
