//! NVIDIA's devices. The driver, its compiler and its headers are looked for before CubeCL asks for them, since it would
//! only panic.

use std::sync::Arc;

use cubecl::Runtime;
use cubecl::client::ComputeClient;
use cubecl::cuda::{CudaDevice, CudaRuntime, install};
use cudarc::driver::result;
use mmtl_plan::Factors;

use crate::device::{Device, DeviceEngine, matrix_units};
use crate::engine::GpuEngine;
use crate::failures::opened;
use crate::watch::patience;

/// All devices, each or why it does not open, or what is missing.
pub fn found() -> Result<Vec<Result<Device, String>>, String> {
    Ok((0..count()?).map(describe).collect())
}

/// The engine on the `number`-th device.
pub fn open(number: usize, factors: Factors) -> Result<Box<dyn DeviceEngine>, String> {
    Ok(Box::new(engine(number)?.rounding(factors)?))
}

/// The engine on the `number`-th device.
fn engine(number: usize) -> Result<GpuEngine<CudaRuntime>, String> {
    let count = count()?;
    if number >= count {
        return Err(format!("the last device is `cuda:{}`", count - 1));
    }
    let about = describe(number)?;
    let numerics = format!("cuda f32, {}, {}, {}", about.about, about.driver, compiler());
    let free = move || free_memory(number);
    Ok(GpuEngine::new("cuda", numerics, client(number)?, Some(Arc::new(free))).patient(patience()?))
}

fn client(number: usize) -> Result<ComputeClient<CudaRuntime>, String> {
    opened(|| CudaRuntime::client(&CudaDevice::new(number)))
}

/// Bytes that a device has left. The driver tells of the calling thread's device, which is none of CubeCL's threads.
fn free_memory(number: usize) -> Option<u64> {
    let device = result::device::get(i32::try_from(number).ok()?).ok()?;
    // SAFETY: the device was found, and so its context is kept until it is released below.
    unsafe {
        let context = result::primary_ctx::retain(device).ok()?;
        let free = result::ctx::set_current(context).and_then(|()| result::mem_get_info());
        let released = result::primary_ctx::release(device);
        released.and(free).ok().map(|(free, _)| free as u64)
    }
}

fn describe(number: usize) -> Result<Device, String> {
    let failed = |error: result::DriverError| format!("device {number} does not answer: {error:?}");
    let ordinal = i32::try_from(number).map_err(|_| format!("there is no device {number}"))?;
    let device = result::device::get(ordinal).map_err(failed)?;
    let client = client(number)?;
    // SAFETY: the device has just been found.
    let memory = unsafe { result::device::total_mem(device) }.map_err(failed)?;
    Ok(Device {
        name: format!("cuda:{number}"),
        about: result::device::get_name(device).map_err(failed)?,
        driver: driver(),
        memory: Some(memory as u64),
        plane: client.properties().hardware.plane_size_max,
        matrix_units: matrix_units(&client),
        software: false,
    })
}

/// The version of the compiler, which may contract products and sums in ways of its own.
fn compiler() -> String {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: it writes two numbers to where it is told.
    let answer = unsafe { cudarc::nvrtc::sys::nvrtcVersion(&raw mut major, &raw mut minor) };
    match answer.result() {
        Ok(()) => format!("NVRTC {major}.{minor}"),
        Err(_) => "NVRTC of an unknown version".to_owned(),
    }
}

/// The driver's version.
fn driver() -> String {
    let mut version = 0;
    // SAFETY: it writes one number to where it is told.
    let answer = unsafe { cudarc::driver::sys::cuDriverGetVersion(&raw mut version) };
    match answer.result() {
        Ok(()) => format!("CUDA {}.{}", version / 1000, version % 1000 / 10),
        Err(_) => "CUDA of an unknown version".to_owned(),
    }
}

/// Number of devices, of which there is at least one.
fn count() -> Result<usize, String> {
    // SAFETY: they only look for a library.
    let (driver, compiler) =
        unsafe { (cudarc::driver::sys::is_culib_present(), cudarc::nvrtc::sys::is_culib_present()) };
    let headers = install::cuda_path().is_some_and(|path| path.join("include/cuda_runtime.h").exists());
    if let Some(missing) = missing([driver, compiler, headers]) {
        return Err(missing.to_owned());
    }
    let failed = |error: result::DriverError| format!("NVIDIA's driver does not answer: {error:?}");
    result::init().map_err(failed)?;
    match result::device::get_count().map_err(failed)? {
        0 => Err("NVIDIA's driver knows of no device".to_owned()),
        count => Ok(count as usize),
    }
}

/// The first of driver, compiler and headers that is not there.
fn missing(there: [bool; 3]) -> Option<&'static str> {
    let needed = [
        "NVIDIA's driver (libcuda) was not found",
        "CUDA's run-time compiler (libnvrtc) was not found, expected it where libraries are looked for (LD_LIBRARY_PATH)",
        "CUDA's headers (include/cuda_runtime.h) were not found, expected them in CUDA_PATH",
    ];
    needed.into_iter().zip(there).find_map(|(needed, there)| (!there).then_some(needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_thing_that_is_missing_is_named() {
        for (there, named) in [
            ([false, false, false], "(libcuda)"),
            ([true, false, false], "(libnvrtc)"),
            ([true, true, false], "expected them in CUDA_PATH"),
        ] {
            assert!(missing(there).is_some_and(|missing| missing.contains(named)), "{there:?}: {:?}", missing(there));
        }
        assert_eq!(missing([true; 3]), None);
    }
}
