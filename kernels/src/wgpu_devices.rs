//! Devices that wgpu finds: any with Vulkan, Metal or Direct3D 12, a processor's software device included.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cubecl::Runtime;
use cubecl::device::{Device as _, DeviceId};
use cubecl::wgpu::{AutoGraphicsApi, GraphicsApi, RuntimeOptions, WgpuDevice, WgpuRuntime, WgpuSetup, init_setup};

use crate::device::{Device, matrix_units};
use crate::engine::GpuEngine;
use crate::failures;

/// Why there is none.
pub const NONE: &str = "no device with Vulkan was found, expected a driver, or Debian's `mesa-vulkan-drivers` for a \
                        software device";

/// Kinds of devices, the fastest first, as CubeCL numbers them: discrete, integrated, virtual, processors.
const KINDS: [u16; 4] = [0, 1, 2, 3];

/// All devices, the fastest kind first.
pub fn all() -> Vec<WgpuDevice> {
    let of_kind = |kind: &u16| -> Vec<DeviceId> { WgpuRuntime::enumerate_devices(*kind, &AutoGraphicsApi::backend()) };
    let mut devices: Vec<WgpuDevice> = KINDS.iter().flat_map(of_kind).map(WgpuDevice::from_id).collect();
    devices.dedup();
    devices
}

/// What the `number`-th device is; it is opened for that.
pub fn describe(number: usize) -> Device {
    let device = all().swap_remove(number);
    let setup = setup(&device);
    let (info, client) = (setup.adapter.get_info(), WgpuRuntime::client(&device));
    Device {
        name: format!("wgpu:{number}"),
        about: info.name,
        driver: format!("{:?}, {} {}", info.backend, info.driver, info.driver_info).trim().to_owned(),
        memory: None,
        plane: client.properties().hardware.plane_size_max,
        matrix_units: matrix_units(&client),
        software: device == WgpuDevice::Cpu,
    }
}

/// The engine on the `number`-th device.
pub fn engine(number: usize) -> Result<GpuEngine<WgpuRuntime>, String> {
    let mut devices = all();
    if devices.is_empty() {
        return Err(NONE.to_owned());
    }
    if number >= devices.len() {
        return Err(format!("there are {} devices, expected a number from 0 to {}", devices.len(), devices.len() - 1));
    }
    let device = devices.swap_remove(number);
    let info = setup(&device).adapter.get_info();
    let numerics = format!("wgpu f32, {}, {} {}", info.name, info.driver, info.driver_info);
    Ok(GpuEngine::new("wgpu", numerics, WgpuRuntime::client(&device), None))
}

/// Opens a device, once in a process, and hears of what goes wrong on it.
fn setup(device: &WgpuDevice) -> WgpuSetup {
    static OPEN: Mutex<BTreeMap<DeviceId, WgpuSetup>> = Mutex::new(BTreeMap::new());
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let fresh = || {
        let setup = init_setup::<AutoGraphicsApi>(device, RuntimeOptions::default());
        setup.device.on_uncaptured_error(Arc::new(|error| failures::note(error.to_string())));
        setup.device.set_device_lost_callback(|reason, text| failures::note(format!("lost ({reason:?}): {text}")));
        setup
    };
    open.entry(device.to_id()).or_insert_with(fresh).clone()
}
