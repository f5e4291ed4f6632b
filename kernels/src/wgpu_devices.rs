//! Devices that wgpu finds: any with Vulkan, Metal or Direct3D 12, a processor's software device included.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cubecl::Runtime;
use cubecl::device::{Device as _, DeviceId};
use cubecl::wgpu::{AutoGraphicsApi, GraphicsApi, RuntimeOptions, WgpuDevice, WgpuRuntime, WgpuSetup, init_setup};
use mmtl_plan::Factors;

use crate::device::{Device, DeviceEngine, matrix_units, prepare};
use crate::engine::{FreeMemory, GpuEngine};
use crate::failures::{self, opened};
use crate::vulkan_memory::VulkanMemory;
use crate::watch::patience;

/// Why there is none.
pub const NONE: &str = "no device with Vulkan was found, expected a driver, or Debian's `mesa-vulkan-drivers` for a \
                        software device";

/// CubeCL's number for devices of any kind.
const ANY: u16 = 4;

/// CubeCL's numbers of the kinds of devices that have one, from discrete to processors.
const KINDS: std::ops::Range<u16> = 0..4;

/// All devices, the fastest kind first.
pub fn all() -> Vec<WgpuDevice> {
    // Looking for drivers takes a while, and some complain on standard error each time.
    static FOUND: OnceLock<Vec<DeviceId>> = OnceLock::new();
    prepare();
    let found = FOUND.get_or_init(|| WgpuRuntime::enumerate_devices(ANY, &AutoGraphicsApi::backend()));
    let of_kind = |kind: u16| {
        let number = found.iter().filter(move |id| id.type_id == kind).count();
        (0..number).map(move |index| WgpuDevice::from_id(DeviceId::new(kind, index as u16)))
    };
    KINDS.flat_map(of_kind).collect()
}

/// What they are, each or why it does not open; they are opened for that.
pub fn found() -> Result<Vec<Result<Device, String>>, String> {
    match all().len() {
        0 => Err(NONE.to_owned()),
        number => Ok((0..number).map(describe).collect()),
    }
}

/// The engine on the `number`-th device.
pub fn open(number: usize, factors: Factors) -> Result<Box<dyn DeviceEngine>, String> {
    Ok(Box::new(engine(number)?.rounding(factors)?))
}

/// What the `number`-th device is; it is opened for that.
fn describe(number: usize) -> Result<Device, String> {
    let device = all().swap_remove(number);
    let setup = setup(&device)?;
    let (info, client) = (setup.adapter.get_info(), opened(|| WgpuRuntime::client(&device))?);
    Ok(Device {
        name: format!("wgpu:{number}"),
        about: info.name,
        driver: format!("{:?}, {} {}", info.backend, info.driver, info.driver_info).trim().to_owned(),
        memory: VulkanMemory::of(&setup).and_then(|memory| memory.total()),
        plane: client.properties().hardware.plane_size_max,
        matrix_units: matrix_units(&client),
        software: device == WgpuDevice::Cpu,
    })
}

/// The engine on the `number`-th device.
pub fn engine(number: usize) -> Result<GpuEngine<WgpuRuntime>, String> {
    let mut devices = all();
    if devices.is_empty() {
        return Err(NONE.to_owned());
    }
    if number >= devices.len() {
        return Err(format!("the last device is `wgpu:{}`", devices.len() - 1));
    }
    let device = devices.swap_remove(number);
    let setup = setup(&device)?;
    let info = setup.adapter.get_info();
    let numerics = format!("wgpu f32, {}, {} {}", info.name, info.driver, info.driver_info);
    let client = opened(|| WgpuRuntime::client(&device))?;
    // A software device takes the system's memory, whatever its driver calls its own.
    let of_its_own = VulkanMemory::of(&setup).filter(|_| device != WgpuDevice::Cpu);
    let free = of_its_own.map(|memory| -> FreeMemory { Arc::new(move || memory.free()) });
    Ok(GpuEngine::new("wgpu", numerics, client, free).patient(patience()?))
}

/// Opens a device, once in a process, and hears of what goes wrong on it.
pub(crate) fn setup(device: &WgpuDevice) -> Result<WgpuSetup, String> {
    static OPEN: Mutex<BTreeMap<DeviceId, WgpuSetup>> = Mutex::new(BTreeMap::new());
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(setup) = open.get(&device.to_id()) {
        return Ok(setup.clone());
    }
    let setup = opened(|| init_setup::<AutoGraphicsApi>(device, RuntimeOptions::default()))?;
    setup.device.on_uncaptured_error(Arc::new(|error| failures::note(error.to_string())));
    setup.device.set_device_lost_callback(|reason, text| failures::note_lost(format!("{reason:?} {text}").trim()));
    open.insert(device.to_id(), setup.clone());
    Ok(setup)
}

#[cfg(test)]
mod tests {
    use mmtl_plan::{Engine, EngineError, Initial, SessionOptions, TableUpdates};
    use mmtl_reference::drawn::{self, Rows, SchemaSize};

    use super::*;
    use crate::alone::alone;

    #[test]
    fn a_lost_device_answers_nothing_any_more() {
        alone("wgpu_devices::tests::a_lost_device_answers_nothing_any_more", || {
            let engine = engine(0).unwrap_or_else(|error| panic!("{error}"));
            let schema = drawn::schema(SchemaSize::default());
            let plan = Arc::new(drawn::every_op(&schema, vec!["one".to_owned()], 1).expect("the plan is valid"));
            let options = SessionOptions { max_rows: 8, initialisation: 1, dropout: 1, tables: TableUpdates::Exact };
            let mut session = engine.session(Arc::clone(&plan), options).expect("there is memory");
            let (batch, mut out) = (drawn::batch(&schema, &Rows::count(8), 1), vec![vec![]; plan.outputs.len()]);
            session.predict(&batch, &mut out).expect("the device is there");
            assert_eq!(session.snapshot(false).expect("copies").dense, Initial::of(&plan, 1).dense);
            setup(&all()[0]).expect("it is open").device.destroy();
            let errors =
                [session.predict(&batch, &mut out).err(), session.snapshot(false).err(), session.losses().err()];
            assert!(errors.iter().all(|error| matches!(error, Some(EngineError::Device(_)))), "{errors:?}");
            // Whichever comes first: wgpu tells of the loss when it next looks at the device, which a read may not live to.
            let told = |error: &EngineError| {
                let told = error.to_string();
                told.contains("lost (Destroyed)") || told.contains("Failed to map buffer")
            };
            let another = engine.session(plan, options).err();
            assert!(errors.iter().chain([&another]).flatten().all(told), "{errors:?}, {another:?}");
            assert!(another.is_some(), "no session is made on it");
        });
    }
}
