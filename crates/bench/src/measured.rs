//! What was measured.

use std::fmt::{self, Display};

use serde::Serialize;

use crate::device::DevicePeaks;
use crate::growth::Growth;
use crate::kernel::{Beside, Kernel, Step};
use crate::machine::Machine;
use crate::peaks::Peaks;
use crate::spread::Spread;

/// The size of a case's model, for whoever wants to check that two programs train the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Dense parameters.
    pub dense_parameters: usize,
    /// Parameters of embedding tables.
    pub table_parameters: usize,
    /// Floating-point operations of one row's forward pass.
    pub forward_flops_per_row: usize,
    /// Those that one call of the case needs a row: of a training step, or of the forward pass alone.
    pub flops_per_row: usize,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Name of the case.
    pub case: String,
    /// Rows of one call.
    pub rows: usize,
    /// Seconds of one call.
    pub seconds: Spread,
    /// Size of the model, where there is one.
    pub size: Option<Size>,
    /// By how many bytes the process grew: session and engine buffers, not the batches, and not what lies on a device.
    pub memory: Option<u64>,
}

impl Measured {
    /// Rows a second, by the median.
    pub fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.seconds.median
    }

    /// GFLOP/s of the model's own operations, by the median.
    pub fn gflops(&self) -> Option<f64> {
        let size = self.size?;
        Some(size.flops_per_row as f64 * self.rows_per_second() * 1e-9)
    }
}

/// A case that could not be measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Name of the case, or of what a step grows with.
    pub case: String,
    /// What happened.
    pub why: String,
}

impl Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "`{}` failed: {}", self.case, self.why)
    }
}

/// All of one call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What it was measured on.
    pub machine: Machine,
    /// The processor's own limits; none for cases on a device.
    pub peaks: Peaks,
    /// The device's, for cases on one.
    pub device: Option<DevicePeaks>,
    /// The cases.
    pub cases: Vec<Measured>,
    /// Kernels of the cases' steps, if asked for.
    pub kernels: Vec<Kernel>,
    /// The cases' steps on a device, in pieces.
    pub steps: Vec<Step>,
    /// The cases on another engine, if asked for.
    pub beside: Option<Beside>,
    /// Growth tables, if asked for.
    pub growth: Vec<Growth>,
    /// What is missing from all of these.
    pub failed: Vec<Failed>,
}

impl Report {
    /// Of nothing yet.
    pub fn of(machine: Machine) -> Self {
        let peaks = Peaks::default();
        Self {
            machine,
            peaks,
            device: None,
            cases: vec![],
            kernels: vec![],
            steps: vec![],
            beside: None,
            growth: vec![],
            failed: vec![],
        }
    }

    /// Share of a peak that a case reaches: of matrix products on as many threads, or of the device's instruction in use.
    pub fn share(&self, case: &Measured) -> Option<f64> {
        let peak = match &self.device {
            Some(device) => device.in_use(),
            None => self.peaks.gemm(self.machine.threads)?,
        };
        Some(case.gflops()? / peak)
    }
}
