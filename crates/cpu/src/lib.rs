//! The default engine: plans executed on the processor, with SIMD and several threads, nothing installed.
//!
//! Rows are cut into tiles whose size the shape alone decides. A tile holds all its slots side by side, passes through
//! the whole forward and backward pass while it lies in the cache, and is nobody else's; parameters' gradients are then
//! summed over tiles in order. So bits do not depend on the number of threads, and no thread waits inside a pass except
//! where a batch normalisation needs all rows.

#![expect(
    clippy::inline_always,
    reason = "a function takes the instruction set of its caller only when inlined into it; see `simd::vectorised`"
)]

mod aligned;
mod compiled;
mod elementary;
mod engine;
mod gradient;
mod history;
mod kernel;
mod lanes;
mod layout;
mod matrix;
mod memory;
mod model;
mod node;
mod ops;
mod parameters;
mod pass;
mod prepared;
mod session;
mod simd;
mod sweep;
mod tables;
mod touched;
mod turns;
mod update;
mod workers;

pub use engine::CpuEngine;
