//! Devices of a kind that the program was built without.

use mmtl_plan::Factors;

use crate::device::{Device, DeviceEngine};

/// Why there is none.
const WHY: &str = "this program was built without it";

/// None.
pub fn found() -> Result<Vec<Result<Device, String>>, String> {
    Err(WHY.to_owned())
}

/// None.
pub fn open(_: usize, _: Factors) -> Result<Box<dyn DeviceEngine>, String> {
    Err(WHY.to_owned())
}
