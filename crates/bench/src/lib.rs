//! What is measured, how, and beside what: [`Case`]s as data, timed in rounds, with the machine's peak of matrix
//! products ([`gemm_peak`]) and of fused multiply-adds ([`fma_peak`]) measured in the same call.
//!
//! A step's floating-point operations are the model's own, [`mmtl_plan::Plan::cost`]: what an engine computes twice or
//! pads counts for nothing.

mod auc;
mod case;
mod counted;
mod device;
mod device_text;
mod error;
mod fma_peak;
mod gemm_peak;
mod growth;
mod json;
mod kernel;
mod machine;
mod measured;
mod memory;
mod model;
mod peaks;
mod roofline;
mod running;
mod session_timing;
mod single_op;
mod slope;
mod spread;
mod team;
mod text;
mod timing;
mod world;

pub use auc::time_auc;
pub use case::{AUC_ROWS, Case, Work, case, cases};
pub use counted::Counted;
pub use device::{DevicePeaks, MatrixPeak};
pub use error::BenchError;
pub use fma_peak::{FmaPeak, fma_peak};
pub use gemm_peak::{GemmPeak, SHAPES, gemm_peak};
pub use growth::{Axis, Growth, Point, time_growth};
pub use json::json;
pub use kernel::{Beside, Composed, Kernel, LaunchCount, Launched, Step, UnderRoof};
pub use machine::Machine;
pub use measured::{Failed, Measured, Report, Size};
pub use memory::resident;
pub use model::{Model, Setting};
pub use peaks::{Peaks, measure_peaks};
pub use running::{Call, Running, adam, batches, session_options};
pub use session_timing::{Round, time_session};
pub use single_op::{OP_ROWS, OP_WORLD, SINGLE_OPS, SingleOp};
pub use slope::slope;
pub use spread::Spread;
pub use text::text;
pub use timing::{Budget, Turn, WarmUp, time_rounds, time_turns};
pub use world::World;
