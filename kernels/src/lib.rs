//! The engine for graphics processors, in CubeCL kernels: one launch does the same for all experts, tasks and scenes, as
//! lists of jobs say, so that the number of launches does not depend on how many there are.
//!
//! Everything of a step stays on the device. Sums have an order that shapes decide, and no two units add to one number:
//! the same device gives the same bits.

#[cfg(all(test, feature = "wgpu"))]
#[path = "../tests/alone.rs"]
mod alone;
mod backward;
mod budget;
mod buffer;
mod chip;
mod compiling;
#[cfg(all(test, feature = "wgpu"))]
mod conforming;
mod cost;
mod counts;
#[cfg(feature = "cuda")]
mod cuda_devices;
mod cutting;
mod device;
mod elementary;
mod engine;
mod failures;
mod header;
mod jobs;
mod launches;
#[cfg(not(all(feature = "cuda", feature = "wgpu")))]
mod left_out;
mod matrix_peak;
mod ops;
mod own_thread;
mod packed;
mod parameters;
mod parts;
mod pass;
mod place;
mod probe;
mod profile;
mod program;
mod random;
mod reduce;
mod rows;
mod session;
mod stage;
mod tables;
mod tile;
mod update;
#[cfg(feature = "wgpu")]
mod vulkan_memory;
mod watch;
mod watched;
#[cfg(feature = "wgpu")]
mod wgpu_devices;
mod works;

#[cfg(not(feature = "cuda"))]
use left_out as cuda_devices;
#[cfg(not(feature = "wgpu"))]
use left_out as wgpu_devices;

pub use cost::Cost;
pub use counts::Counted;
pub use device::{CutEngine, Device, DeviceEngine, DeviceError, Missing, best, devices, open, software};
pub use engine::GpuEngine;
pub use launches::launches;
pub use probe::Probe;
pub use profile::{KernelTime, KernelTimer, KernelWork, Profiled, time_kernels};
pub use program::Launching;
pub use works::step_cost;
