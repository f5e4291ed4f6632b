//! What an engine reaches, beside what it could.

use std::collections::BTreeMap;

use mmtl_grid::events::{RunState, RunStatus};

/// What is known of costs and limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roofline {
    /// Floating-point operations of a row's forward pass through each fit, by the label of the run's first row in tables.
    pub costs: BTreeMap<String, Vec<u64>>,
    /// What was measured of an engine, if somebody did.
    pub bench: Option<Bench>,
}

/// What `mmtl bench` measured of an engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bench {
    /// The engine's numerics class.
    pub numerics: String,
    /// Threads that it had.
    pub threads: u64,
    /// GFLOP/s that nothing exceeds: of matrix products on so many threads, or of the device's instruction in use.
    pub peak: f64,
    /// GB/s of a device's copies.
    pub copy: Option<f64>,
    /// Whole cases.
    pub steps: Vec<Reached>,
    /// Kernels of training steps, on a device.
    pub kernels: Vec<Reached>,
}

/// What a case or a kernel reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// Its name.
    pub name: String,
    /// The case.
    pub case: String,
    /// GFLOP/s.
    pub gflops: f64,
    /// Operations a byte, of kernels that multiply.
    pub intensity: Option<f64>,
    /// Share of the roof: of the peak, or of what memory allows at that intensity.
    pub share: f64,
}

impl Roofline {
    /// GFLOP/s of a run that trains: its rows a second, each of three times its forward pass (one forward, two backward).
    /// `None` while it does something else, and before any run that costs the same has a record.
    pub fn gflops(&self, run: &RunState) -> Option<f64> {
        let trains = matches!(run.status, RunStatus::Running { .. }) && run.stage.is_none();
        let fit = run.fits.get(run.fit).filter(|fit| trains && fit.rows_per_second > 0.0)?;
        let flops = *self.costs.get(&run.rows.first()?.to_string())?.get(run.fit)?;
        Some(fit.rows_per_second * 3.0 * flops as f64 * 1e-9)
    }
}
