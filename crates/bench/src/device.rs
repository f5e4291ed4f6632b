//! What a device can do, for its kernels to be compared with.

use serde::Serialize;

use crate::spread::Spread;

/// What a device can do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DevicePeaks {
    /// The precision in use: what products are held to.
    pub precision: String,
    /// GB/s of a copy within its memory, read and written bytes together.
    pub copy: Spread,
    /// GFLOP/s of multiply-adds on registers, in `f32`.
    pub multiply_add: Spread,
    /// Its matrix units, if any.
    pub matrix: Vec<MatrixPeak>,
    /// Seconds of a launch of nothing, one of many between two waits for the device.
    pub launch: Spread,
}

/// What matrix units can do with fragments that stay in registers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MatrixPeak {
    /// The precision of their factors.
    pub precision: String,
    /// GFLOP/s, with sums in `f32`.
    pub gflops: Spread,
}

impl DevicePeaks {
    /// GFLOP/s of the instruction in use: matrix units of the precision, else multiply-adds.
    pub fn in_use(&self) -> f64 {
        let units = self.matrix.iter().find(|peak| peak.precision == self.precision);
        units.map_or(self.multiply_add.median, |peak| peak.gflops.median)
    }
}
