//! The peaks that steps are compared with, measured in the same call.

use serde::Serialize;

use crate::fma_peak::{FmaPeak, fma_peak};
use crate::gemm_peak::{GemmPeak, gemm_peak};

/// What the machine can do, on one thread and on as many as the cases have.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Peaks {
    /// Matrix products, every shape.
    pub gemm: Vec<GemmPeak>,
    /// Multiply-adds on registers.
    pub fma: Vec<FmaPeak>,
}

/// All of them, in about `seconds` each for matrix products and multiply-adds.
pub fn measure_peaks(threads: usize, seconds: f64) -> Peaks {
    let counts: &[usize] = if threads > 1 { &[1, threads] } else { &[1] };
    let share = seconds / counts.len() as f64;
    Peaks {
        gemm: counts.iter().flat_map(|&threads| gemm_peak(threads, share)).collect(),
        fma: counts.iter().map(|&threads| fma_peak(threads, share)).collect(),
    }
}

impl Peaks {
    /// GFLOP/s of the best shape on that many threads, by medians; `None` when it was not measured.
    pub fn gemm(&self, threads: usize) -> Option<f64> {
        let of = self.gemm.iter().filter(|peak| peak.threads == threads);
        of.map(|peak| peak.gflops.median).max_by(f64::total_cmp)
    }

    /// Each rate the better one of two measurements: before the cases and after them, since clocks drift.
    #[must_use]
    pub fn better(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.gemm.iter_mut().zip(&other.gemm) {
            if theirs.gflops.median > mine.gflops.median {
                *mine = *theirs;
            }
        }
        for (mine, theirs) in self.fma.iter_mut().zip(&other.fma) {
            if theirs.gflops.median > mine.gflops.median {
                *mine = *theirs;
            }
        }
        self
    }
}
