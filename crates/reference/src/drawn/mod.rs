//! Schemas, batches, plans, weights and updates drawn from a seed: the same ones on every machine, for tests of
//! anything that executes plans.

mod batch;
mod draws;
mod every_op;
mod plan;
mod schema;
#[cfg(any(test, feature = "strategies"))]
pub mod strategies;
mod update;
mod weights;

pub use batch::{Rows, batch};
pub use draws::Draws;
pub use every_op::every_op;
pub use plan::{PlanCase, PlanSize, plan};
pub use schema::{SchemaSize, schema};
pub use update::{RULES, updates};
pub use weights::{memory, weights};
