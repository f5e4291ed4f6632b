//! How much memory a device with Vulkan has, and has left: wgpu tells neither.

use ash::vk;
use cubecl::wgpu::WgpuSetup;
use wgpu::hal::api::Vulkan;

/// A device's memory, asked anew each time.
pub struct VulkanMemory {
    /// Keeps what the other two belong to.
    _adapter: wgpu::Adapter,
    instance: ash::Instance,
    device: vk::PhysicalDevice,
    /// Whether the driver tells what this process may still take.
    tells_budget: bool,
}

impl VulkanMemory {
    /// That of a device that has been opened; none where it is driven by something else than Vulkan.
    pub fn of(setup: &WgpuSetup) -> Option<Self> {
        // SAFETY: nothing is destroyed, and the adapter is kept as long as what is taken from it.
        let adapter = unsafe { setup.adapter.as_hal::<Vulkan>() }?;
        let (shared, device) = (adapter.shared_instance(), adapter.raw_physical_device());
        let instance = shared.raw_instance().clone();
        // SAFETY: the device is the instance's.
        let extensions = unsafe { instance.enumerate_device_extension_properties(device) }.unwrap_or_default();
        let named = |extension: &vk::ExtensionProperties| {
            extension.extension_name_as_c_str().is_ok_and(|name| name == ash::ext::memory_budget::NAME)
        };
        let tells_budget = shared.instance_api_version() >= vk::API_VERSION_1_1 && extensions.iter().any(named);
        let kept = setup.adapter.clone();
        drop(adapter);
        Some(Self { _adapter: kept, instance, device, tells_budget })
    }

    /// Bytes of its own memory.
    pub fn total(&self) -> Option<u64> {
        self.largest_heap().map(|(_, heap)| heap.size)
    }

    /// Bytes of it that this process may still take; all of them where the driver does not tell.
    pub fn free(&self) -> Option<u64> {
        let (place, heap) = self.largest_heap()?;
        if !self.tells_budget {
            return Some(heap.size);
        }
        let mut budget = vk::PhysicalDeviceMemoryBudgetPropertiesEXT::default();
        let mut properties = vk::PhysicalDeviceMemoryProperties2::default().push_next(&mut budget);
        // SAFETY: the device is the instance's, whose version has this function and whose device this extension.
        unsafe { self.instance.get_physical_device_memory_properties2(self.device, &mut properties) };
        Some(budget.heap_budget[place].saturating_sub(budget.heap_usage[place]))
    }

    /// The largest heap of the device's own memory, with its place among all heaps.
    fn largest_heap(&self) -> Option<(usize, vk::MemoryHeap)> {
        // SAFETY: the device is the instance's.
        let properties = unsafe { self.instance.get_physical_device_memory_properties(self.device) };
        let heaps = properties.memory_heaps_as_slice().iter().copied().enumerate();
        heaps
            .filter(|(_, heap)| heap.flags.contains(vk::MemoryHeapFlags::DEVICE_LOCAL))
            .max_by_key(|(_, heap)| heap.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wgpu_devices;

    #[test]
    fn a_device_tells_what_it_has_and_what_it_has_left() {
        let setup = wgpu_devices::setup(&wgpu_devices::all()[0]).unwrap_or_else(|error| panic!("{error}"));
        let memory = VulkanMemory::of(&setup).expect("it is driven by Vulkan");
        let (total, free) = (memory.total().expect("it has some"), memory.free().expect("it tells"));
        println!("{free} of {total} bytes, budget told: {}", memory.tells_budget);
        assert!(total > 1 << 28 && free > 1 << 24 && free <= total, "{free} of {total} bytes");
    }
}
