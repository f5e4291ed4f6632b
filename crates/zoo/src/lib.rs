//! The architectures: each a function from what the data offers ([`mmtl_plan::Schema`]) and a few knobs to a
//! [`mmtl_plan::Plan`]. Nothing outside this crate knows any of them by name.
//!
//! # Adding an architecture
//!
//! 1. Write `src/NAME.rs`: an ASCII picture of the net, the paper with its equations, a unit struct, and its
//!    [`Architecture`]: `knobs` (each with type, default, range and doc) and `plan`. `applies` and `fits` have defaults
//!    that suit most.
//! 2. Name it among the modules below and list it in `src/registry.rs`. Command line, tables, documentation and the tests that walk the registry (plans
//!    build, gradients agree with finite differences) have it from there.
//! 3. Add what only it promises to `crates/reference/tests/structure/NAME.rs`, and what else `CONTRIBUTING.md` names.
//!
//! What several share: `inputs` (one embedding table a vocabulary), `hidden` (a multi-layer perceptron over named
//! groups), `towers` (task towers, heads, predictions and losses), `model` (the knobs of all).
//!
//! Name groups after their task, or their component and number, never after their position among all: the name keys
//! the group's random numbers, so that adding a task or an expert moves nobody else's initial values.

mod architecture;
mod error;
mod hidden;
mod inputs;
mod knobs;
mod model;
mod registry;
mod towers;

mod cgc;
mod cross_stitch;
mod esmm;
mod matrix_factorisation;
mod mmoe;
mod omoe;
mod ple;
mod shared_bottom;
mod single_task;
mod star;

pub use architecture::{Architecture, FitTasks, Protocol};
pub use error::ZooError;
pub use model::model_knobs;
pub use registry::{architecture, architectures};
