//! The devices that there are, by the names that `--engine` takes.

use std::fmt;

use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
#[cfg(any(feature = "wgpu", feature = "cuda"))]
use cubecl::prelude::*;
use mmtl_plan::{Engine, EngineError, Factors};
use thiserror::Error;

use crate::counts::Counted;
use crate::probe::Probe;
use crate::profile::{KernelTimer, Profiled};
use crate::program::Launching;
use crate::{cuda_devices, failures, wgpu_devices};

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

/// A device, or a kind of them, that cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// As given to `--engine`.
    pub name: String,
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
    for (name, devices) in [("cuda", cuda_devices::found()), ("wgpu", wgpu_devices::found())] {
        match devices {
            Ok(devices) => {
                for (number, device) in devices.into_iter().enumerate() {
                    match device {
                        Ok(device) => found.push(device),
                        Err(why) => missing.push(Missing { name: format!("{name}:{number}"), why }),
                    }
                }
            }
            Err(why) => missing.push(Missing { name: name.to_owned(), why }),
        }
    }
    (found, missing)
}

/// What all products of an engine are cut into, and the engine.
pub type CutEngine = (String, Box<dyn DeviceEngine>);

/// An engine on a device that has been opened.
pub trait DeviceEngine: Engine {
    /// What its device can do at best.
    ///
    /// # Errors
    /// On a device failure.
    fn probe(&self) -> Result<Box<dyn Probe>, EngineError>;

    /// Whether a step's last ops are launched together.
    fn launching(&self) -> Launching;

    /// The same device's engine with all products cut into tiles of one size, for each that there is, with its name: small
    /// batches would never meet the largest.
    fn cut_into_tiles(&self) -> Vec<CutEngine>;

    /// What its sessions have asked of the device so far.
    fn counted(&self) -> Counted;

    /// The same device's engine that launches each op by itself, to compare with.
    fn composed(&self) -> Box<dyn DeviceEngine>;

    /// The kernels of a step, to be timed one by one.
    ///
    /// # Errors
    /// As [`Engine::session`] and its steps.
    fn profile(&self, profiled: &Profiled) -> Result<Box<dyn KernelTimer>, EngineError>;
}

/// The engine on the device called `name`: `wgpu` or `cuda` for the first of its kind, or with a number.
///
/// # Errors
/// When there is no such device, or it has no matrix units for such factors.
pub fn open(name: &str, factors: Factors) -> Result<Box<dyn DeviceEngine>, DeviceError> {
    prepare();
    let (kind, number) = match name.split_once(':') {
        None => (name, 0),
        Some((kind, number)) => match number.parse() {
            Ok(number) => (kind, number),
            Err(_) => return Err(DeviceError::Number(name.to_owned(), kind.to_owned())),
        },
    };
    let opened = match kind {
        "cuda" => cuda_devices::open(number, factors),
        "wgpu" => wgpu_devices::open(number, factors),
        _ => return Err(DeviceError::Kind(name.to_owned())),
    };
    opened.map_err(|why| DeviceError::Missing { name: name.to_owned(), why })
}

/// The best device of all that is no processor, if any.
pub fn best() -> Option<String> {
    devices().0.into_iter().find(|device| !device.software).map(|device| device.name)
}

/// The first device that is a processor: right, not fast, and to be had everywhere.
///
/// # Errors
/// When there is none.
pub fn software() -> Result<Box<dyn DeviceEngine>, DeviceError> {
    let found = devices().0.into_iter().find(|device| device.software);
    let why = "no software device with Vulkan was found, expected that of Debian's `mesa-vulkan-drivers`".to_owned();
    open(&found.ok_or(DeviceError::Missing { name: "wgpu".to_owned(), why })?.name, Factors::F32)
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.why)
    }
}

/// Before anything else is asked of CubeCL: settings that no file in some folder and no variable may change, and one
/// queue for all threads.
pub(crate) fn prepare() {
    static PREPARED: std::sync::Once = std::sync::Once::new();
    PREPARED.call_once(|| {
        failures::watch();
        let mut config = CubeClRuntimeConfig::default();
        config.streaming.max_streams = 1;
        CubeClRuntimeConfig::set(config);
    });
}

/// The shapes of a client's matrix units.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub(crate) fn matrix_units<R: Runtime>(client: &ComputeClient<R>) -> Vec<String> {
    let units = client.features().matmul.cmma.iter();
    let mut shapes: Vec<String> =
        units.map(|unit| format!("{}×{}×{} {:?} to {:?}", unit.m, unit.n, unit.k, unit.a_type, unit.cd_type)).collect();
    shapes.sort();
    shapes
}
