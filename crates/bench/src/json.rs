//! A report for programs: what was measured, and what follows from it.

use serde::Serialize;

use crate::measured::{Measured, Report};

/// Version of the format.
const VERSION: u32 = 3;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    program: &'static str,
    machine: &'a crate::machine::Machine,
    peaks: &'a crate::peaks::Peaks,
    device: Option<&'a crate::device::DevicePeaks>,
    gemm_peak: Option<f64>,
    cases: Vec<Case<'a>>,
    kernels: &'a [crate::kernel::Kernel],
    steps: &'a [crate::kernel::Step],
    beside: Option<&'a crate::kernel::Beside>,
    growth: &'a [crate::growth::Growth],
    failed: &'a [crate::measured::Failed],
}

#[derive(Serialize)]
struct Case<'a> {
    #[serde(flatten)]
    measured: &'a Measured,
    rows_per_second: f64,
    gflops: Option<f64>,
    share: Option<f64>,
}

/// The report as one JSON object; rates are in GFLOP/s, times in seconds, memory in bytes.
pub fn json(report: &Report) -> impl Serialize + '_ {
    let case = |measured| Case {
        measured,
        rows_per_second: measured.rows_per_second(),
        gflops: measured.gflops(),
        share: report.share(measured),
    };
    Document {
        version: VERSION,
        program: concat!("mmtl ", env!("CARGO_PKG_VERSION")),
        machine: &report.machine,
        peaks: &report.peaks,
        device: report.device.as_ref(),
        gemm_peak: report.peaks.gemm(report.machine.threads),
        cases: report.cases.iter().map(case).collect(),
        kernels: &report.kernels,
        steps: &report.steps,
        beside: report.beside.as_ref(),
        growth: &report.growth,
        failed: &report.failed,
    }
}
