//! Devices that wgpu finds: any with Vulkan, a processor's software device included.

use cubecl::Runtime;
use cubecl::wgpu::{RuntimeOptions, Vulkan, WgpuDevice, WgpuRuntime, init_setup};

use crate::engine::GpuEngine;

/// The software device.
pub fn software() -> GpuEngine<WgpuRuntime> {
    let device = WgpuDevice::Cpu;
    let setup = init_setup::<Vulkan>(&device, RuntimeOptions::default());
    let info = setup.adapter.get_info();
    let numerics = format!("wgpu f32, {} {}", info.name, info.driver_info);
    GpuEngine::new("wgpu", numerics, WgpuRuntime::client(&device))
}
