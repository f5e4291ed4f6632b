//! What was measured.

use serde::Serialize;

use crate::growth::Growth;
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
    /// By how many bytes the process grew: session and engine buffers, not the batches.
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

/// What a device can do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DevicePeaks {
    /// GB/s of a copy within its memory, read and written bytes together.
    pub copy: Spread,
    /// GFLOP/s of multiply-adds on registers, in `f32`.
    pub multiply_add: Spread,
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
    /// Growth tables, if asked for.
    pub growth: Vec<Growth>,
}

impl Report {
    /// Share of a peak that a case reaches: of matrix products on as many threads, or of the device's multiply-adds.
    pub fn share(&self, case: &Measured) -> Option<f64> {
        let peak = match self.device {
            Some(device) => device.multiply_add.median,
            None => self.peaks.gemm(self.machine.threads)?,
        };
        Some(case.gflops()? / peak)
    }
}
