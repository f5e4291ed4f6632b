//! The devices that there are, by the names that `--engine` takes.

use std::fmt;

use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
#[cfg(any(feature = "wgpu", feature = "cuda"))]
use cubecl::prelude::*;
use mmtl_plan::Engine;
use thiserror::Error;

use crate::failures;
use crate::probe::Probe;
use crate::profile::{KernelTimer, Profiled};

/// A device, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// As given to `--engine`, such as `wgpu:0`.
    pub name: String,
    /// What it calls itself.
    pub about: String,
    /// Its driver.
    pub driver: String,
    /// Bytes of its own memory, where it tells.
    pub memory: Option<u64>,
    /// Units that work in step.
    pub plane: u32,
    /// Shapes of its matrix units' products, with the types of factors and sums.
    pub matrix_units: Vec<String>,
    /// Whether it is a processor that plays a device: right, not fast.
    pub software: bool,
}

/// A kind of device that cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// As given to `--engine`.
    pub name: &'static str,
    /// What is missing.
    pub why: String,
}

/// Why an engine cannot be had.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DeviceError {
    /// There is no such device.
    #[error("engine `{name}` is not to be had: {why}")]
    Missing {
        /// As asked for.
        name: String,
        /// What is missing.
        why: String,
    },
    /// The number after the colon is none.
    #[error("engine `{0}`: expected a number after the colon, such as `{1}:0`")]
    Number(String, String),
    /// The kind is none.
    #[error("engine `{0}` is not to be had, expected `wgpu` or `cuda`, with a device's number or without")]
    Kind(String),
}

/// Everything that can be used, and why the rest cannot.
pub fn devices() -> (Vec<Device>, Vec<Missing>) {
    prepare();
    let (mut found, mut missing) = (vec![], vec![]);
    for (name, devices) in [("cuda", cuda()), ("wgpu", wgpu())] {
        match devices {
            Ok(devices) => found.extend(devices),
            Err(why) => missing.push(Missing { name, why }),
        }
    }
    (found, missing)
}

/// The engine on the device called `name`: `wgpu` or `cuda` for the first of its kind, or with a number.
///
/// # Errors
/// When there is no such device.
pub fn open(name: &str) -> Result<Box<dyn Engine>, DeviceError> {
    chosen(name, open_cuda, open_wgpu)
}

/// What that device can do at best.
///
/// # Errors
/// When there is no such device.
pub fn probe(name: &str) -> Result<Box<dyn Probe>, DeviceError> {
    chosen(name, probe_cuda, probe_wgpu)
}

/// The kernels of a step on that device, to be timed one by one.
///
/// # Errors
/// When there is no such device, or it fails.
pub fn profile(name: &str, profiled: &Profiled<'_>) -> Result<Box<dyn KernelTimer>, DeviceError> {
    let failed = |error: mmtl_plan::EngineError| error.to_string();
    chosen(
        name,
        |number| profile_cuda(number)?(profiled).map_err(failed),
        |number| profile_wgpu(number)?(profiled).map_err(failed),
    )
}

/// Something that profiles on a device that has been opened.
type Profiler = Box<dyn Fn(&Profiled<'_>) -> Result<Box<dyn KernelTimer>, mmtl_plan::EngineError>>;

fn chosen<T>(
    name: &str,
    cuda: impl Fn(usize) -> Result<T, String>,
    wgpu: impl Fn(usize) -> Result<T, String>,
) -> Result<T, DeviceError> {
    prepare();
    let (kind, number) = match name.split_once(':') {
        None => (name, 0),
        Some((kind, number)) => match number.parse() {
            Ok(number) => (kind, number),
            Err(_) => return Err(DeviceError::Number(name.to_owned(), kind.to_owned())),
        },
    };
    let missing = |why| DeviceError::Missing { name: name.to_owned(), why };
    match kind {
        "cuda" => cuda(number).map_err(missing),
        "wgpu" => wgpu(number).map_err(missing),
        _ => Err(DeviceError::Kind(name.to_owned())),
    }
}

/// The best device of all that is no processor, if any.
pub fn best() -> Option<String> {
    devices().0.into_iter().find(|device| !device.software).map(|device| device.name)
}

/// The first device that is a processor: right, not fast, and to be had everywhere.
///
/// # Errors
/// When there is none.
pub fn software() -> Result<Box<dyn Engine>, DeviceError> {
    let found = devices().0.into_iter().find(|device| device.software);
    let why = "no software device with Vulkan was found, expected that of Debian's `mesa-vulkan-drivers`".to_owned();
    open(&found.ok_or(DeviceError::Missing { name: "wgpu".to_owned(), why })?.name)
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.why)
    }
}

/// Before anything else is asked of CubeCL: settings that no file in some folder and no variable may change, and one
/// queue for all threads.
fn prepare() {
    static PREPARED: std::sync::Once = std::sync::Once::new();
    PREPARED.call_once(|| {
        failures::watch();
        let mut config = CubeClRuntimeConfig::default();
        config.streaming.max_streams = 1;
        CubeClRuntimeConfig::set(config);
    });
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Result<Vec<Device>, String> {
    let found = crate::wgpu_devices::all();
    if found.is_empty() {
        return Err(crate::wgpu_devices::NONE.to_owned());
    }
    (0..found.len()).map(crate::wgpu_devices::describe).collect()
}

#[cfg(feature = "wgpu")]
fn open_wgpu(number: usize) -> Result<Box<dyn Engine>, String> {
    Ok(Box::new(crate::wgpu_devices::engine(number)?))
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Result<Vec<Device>, String> {
    Err(LEFT_OUT.to_owned())
}

#[cfg(not(feature = "wgpu"))]
fn open_wgpu(_: usize) -> Result<Box<dyn Engine>, String> {
    Err(LEFT_OUT.to_owned())
}

#[cfg(feature = "wgpu")]
fn probe_wgpu(number: usize) -> Result<Box<dyn Probe>, String> {
    Ok(Box::new(crate::wgpu_devices::engine(number)?.probe()))
}

#[cfg(not(feature = "wgpu"))]
fn probe_wgpu(_: usize) -> Result<Box<dyn Probe>, String> {
    Err(LEFT_OUT.to_owned())
}

#[cfg(feature = "wgpu")]
fn profile_wgpu(number: usize) -> Result<Profiler, String> {
    let engine = crate::wgpu_devices::engine(number)?;
    Ok(Box::new(move |profiled| engine.profile(profiled)))
}

#[cfg(not(feature = "wgpu"))]
fn profile_wgpu(_: usize) -> Result<Profiler, String> {
    Err(LEFT_OUT.to_owned())
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<Vec<Device>, String> {
    crate::cuda_devices::all()
}

#[cfg(feature = "cuda")]
fn open_cuda(number: usize) -> Result<Box<dyn Engine>, String> {
    Ok(Box::new(crate::cuda_devices::engine(number)?))
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<Vec<Device>, String> {
    Err(LEFT_OUT.to_owned())
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(_: usize) -> Result<Box<dyn Engine>, String> {
    Err(LEFT_OUT.to_owned())
}

#[cfg(feature = "cuda")]
fn probe_cuda(number: usize) -> Result<Box<dyn Probe>, String> {
    Ok(Box::new(crate::cuda_devices::engine(number)?.probe()))
}

#[cfg(not(feature = "cuda"))]
fn probe_cuda(_: usize) -> Result<Box<dyn Probe>, String> {
    Err(LEFT_OUT.to_owned())
}

#[cfg(feature = "cuda")]
fn profile_cuda(number: usize) -> Result<Profiler, String> {
    let engine = crate::cuda_devices::engine(number)?;
    Ok(Box::new(move |profiled| engine.profile(profiled)))
}

#[cfg(not(feature = "cuda"))]
fn profile_cuda(_: usize) -> Result<Profiler, String> {
    Err(LEFT_OUT.to_owned())
}

#[cfg(not(all(feature = "wgpu", feature = "cuda")))]
const LEFT_OUT: &str = "this program was built without it";

/// The shapes of a client's matrix units.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub(crate) fn matrix_units<R: Runtime>(client: &ComputeClient<R>) -> Vec<String> {
    let units = client.features().matmul.cmma.iter();
    let mut shapes: Vec<String> =
        units.map(|unit| format!("{}×{}×{} {:?} to {:?}", unit.m, unit.n, unit.k, unit.a_type, unit.cd_type)).collect();
    shapes.sort();
    shapes
}
