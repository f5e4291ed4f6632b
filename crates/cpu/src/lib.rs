//! The default engine: plans executed on the processor, with SIMD and several threads, nothing installed.
//!
//! Rows are cut into tiles whose size the shape alone decides. A tile holds all its slots side by side and passes through
//! the whole forward and backward pass while it lies in the cache; on the way it adds its share to every block of
//! parameters' gradients, in the order of tiles (`turns`). Matrix products are one chain of fused multiply-adds an
//! element (`kernel`). So bits depend neither on the number of threads nor on the instruction set, and no thread waits
//! inside a pass except for its turn, and where a batch normalisation needs all rows.
//!
//! `MMTL_SIMD=scalar` or `avx2` in the environment uses that instruction set instead of the machine's widest.

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
mod reach;
mod session;
mod simd;
mod sweep;
mod tables;
mod touched;
mod turns;
mod update;
mod workers;

pub use engine::CpuEngine;
