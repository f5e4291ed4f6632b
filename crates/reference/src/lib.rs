//! The oracle: every op, forward and backward, as plain loops over `f32` or `f64`, obviously right and never
//! optimised.
//!
//! It is held by finite differences in `f64` and by PyTorch's autograd; other engines are held to it.

pub mod conformance;
pub mod drawn;
mod engine;
pub mod finite_difference;
mod ops;
mod oracle;
mod parameters;
mod real;
mod scope;
mod session;
mod update;

pub use engine::{Precision, ReferenceEngine};
pub use ops::embed::touched_rows;
pub use oracle::{Oracle, Tape};
pub use parameters::Parameters;
pub use real::Real;
pub use scope::Mode;
pub use update::{Moments, apply};
