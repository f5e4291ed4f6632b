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

/// One kernel of a case's training step on a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kernel {
    /// The case.
    pub case: String,
    /// Name of the kernel.
    pub kernel: String,
    /// How often a step launches it.
    pub launches: usize,
    /// Seconds of all these launches: the 10th percentile, the median and the 90th.
    pub seconds: [f64; 3],
    /// GFLOP/s of its products, by the median.
    pub gflops: f64,
    /// GB/s of what it reads and writes at least, by the median.
    pub gigabytes: f64,
    /// Share of the roofline at its arithmetic intensity: the longer of what its products take at the device's peak of
    /// multiply-adds and its bytes at that of copies, by its own time (Williams et al., CACM 2009).
    pub share: f64,
}

impl Kernel {
    /// From seconds by rounds, operations and bytes.
    pub fn new(case: &str, kernel: &str, launches: usize, rounds: &[f64], work: [u64; 2], peaks: &DevicePeaks) -> Self {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        let seconds = [at(0.1), at(0.5), at(0.9)];
        let [gflop, gigabytes] = work.map(|work| work as f64 * 1e-9);
        let least = (gflop / peaks.multiply_add.median).max(gigabytes / peaks.copy.median);
        let (case, kernel) = (case.to_owned(), kernel.to_owned());
        let [gflops, gigabytes] = [gflop, gigabytes].map(|work| work / seconds[1]);
        Self { case, kernel, launches, seconds, gflops, gigabytes, share: least / seconds[1] }
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
