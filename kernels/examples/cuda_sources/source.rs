//! A runtime that executes nothing: it turns every launch into CUDA source, with no driver and no device.

use std::collections::{BTreeMap, HashMap};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};

use cubecl::backtrace::BackTrace;
use cubecl::bytes::Bytes;
use cubecl::cuda::{CudaCompiler, CudaRuntime};
use cubecl::device::{Device, DeviceId, DeviceService, ServerUtilitiesHandle};
use cubecl::future::DynFut;
use cubecl::ir::TargetProperties;
use cubecl::prelude::*;
use cubecl::profile::ProfileDuration;
use cubecl::server::{
    Binding, ComputeServer, CopyDescriptor, IoError, KernelArguments, ProfileError, ProfilingToken,
    ServerCommunication, ServerError, ServerUtilities,
};
use cubecl::stream_id::StreamId;
use cubecl::{CubeTask, MemoryAllocationMode, MemoryUsage};
use cubecl_cpp::ComputeKernel;
use cubecl_cpp::shared::CompilationOptions;
use cubecl_runtime::allocator::ContiguousMemoryLayoutPolicy;
use cubecl_runtime::id::KernelId;
use cubecl_runtime::kernel::{CompiledKernel, Visibility};
use cubecl_runtime::logging::ServerLogger;
use cubecl_runtime::memory_management::ManagedMemoryHandle;
use cubecl_runtime::storage::{ComputeStorage, ManagedResource, StorageHandle, StorageId};
use cubecl_runtime::timestamp_profiler::TimestampProfiler;

use crate::h200;

/// Type of the device, which no other runtime's has.
const DEVICE_TYPE: u16 = 77;

/// What was launched so far. CubeCL makes servers itself, from nothing but the device's number.
static LAUNCHED: Mutex<Launched> = Mutex::new(Launched { kernels: BTreeMap::new(), faults: vec![] });

/// Everything that was launched.
#[derive(Clone)]
pub struct Launched {
    /// By a kernel's name: the sources of its variants, by what tells these apart.
    pub kernels: BTreeMap<String, BTreeMap<String, String>>,
    /// What was wrong with launches.
    pub faults: Vec<String>,
}

/// Everything that was launched so far.
pub fn launched() -> Launched {
    LAUNCHED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Turns launches into sources.
#[derive(Clone, Debug)]
pub struct SourceRuntime;

/// The only device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SourceDevice;

/// The device's side. Nothing is stored, and reads are of zeros.
#[derive(Debug)]
pub struct SourceServer {
    utilities: Arc<ServerUtilities<Self>>,
    compilation: CompilationOptions,
    timestamps: TimestampProfiler,
    /// Of each variant that was launched, which arguments it writes.
    seen: HashMap<KernelId, Vec<Visibility>>,
}

/// Memory of nothing.
pub struct NoStorage;

impl Device for SourceDevice {
    fn from_id(_: DeviceId) -> Self {
        Self
    }

    fn to_id(&self) -> DeviceId {
        DeviceId::new(DEVICE_TYPE, 0)
    }
}

impl DeviceService for SourceServer {
    fn init(_: DeviceId) -> Self {
        let policy = ContiguousMemoryLayoutPolicy::new(h200::ALIGNMENT);
        let utilities = ServerUtilities::new(h200::properties(), Arc::new(ServerLogger::default()), (), policy);
        Self {
            utilities: Arc::new(utilities),
            compilation: h200::compilation(),
            timestamps: TimestampProfiler::default(),
            seen: HashMap::new(),
        }
    }

    fn utilities(&self) -> ServerUtilitiesHandle {
        Arc::clone(&self.utilities) as ServerUtilitiesHandle
    }
}

impl ServerCommunication for SourceServer {
    const SERVER_COMM_ENABLED: bool = false;
}

impl SourceServer {
    /// Which arguments a kernel writes; at its first launch, keeps its source.
    fn arguments(&mut self, kernel: &dyn CubeTask<CudaCompiler>, mode: ExecutionMode) -> Result<&[Visibility], String> {
        let id = kernel.id();
        if !self.seen.contains_key(&id) {
            let compiled = self.compile(kernel, mode)?;
            let buffers = compiled.repr.as_ref().map_or(&[][..], |kernel| &kernel.buffers);
            self.seen.insert(id.clone(), buffers.iter().map(|buffer| buffer.vis).collect());
            let mut launched = LAUNCHED.lock().unwrap_or_else(PoisonError::into_inner);
            let variants = launched.kernels.entry(file_stem(kernel.name())).or_default();
            variants.insert(id.stable_format(), annotated(&compiled));
        }
        Ok(&self.seen[&id])
    }

    /// CubeCL's compiler panics where a device lacks what a kernel asks for, and its thread would swallow that.
    fn compile(&self, kernel: &dyn CubeTask<CudaCompiler>, mode: ExecutionMode) -> Result<Kernel, String> {
        let address = kernel.address_type();
        let compiled = panic::catch_unwind(AssertUnwindSafe(|| {
            kernel.compile(&mut CudaCompiler::default(), &self.compilation, mode, address)
        }));
        match compiled {
            Ok(Ok(compiled)) => Ok(compiled),
            Ok(Err(error)) => Err(error.to_string()),
            Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
                (Some(text), _) => Err(text.clone()),
                (None, text) => Err((*text.unwrap_or(&"CubeCL's compiler panicked")).to_owned()),
            },
        }
    }
}

type Kernel = CompiledKernel<CudaCompiler>;

impl ComputeServer for SourceServer {
    type Kernel = Box<dyn CubeTask<CudaCompiler>>;
    type Info = ();
    type MemoryLayoutPolicy = ContiguousMemoryLayoutPolicy;
    type Storage = NoStorage;

    fn initialize_memory(&mut self, _: ManagedMemoryHandle, _: u64, _: StreamId) {}

    fn logger(&self) -> Arc<ServerLogger> {
        Arc::clone(&self.utilities.logger)
    }

    fn utilities(&self) -> Arc<ServerUtilities<Self>> {
        Arc::clone(&self.utilities)
    }

    fn read(&mut self, parts: Vec<CopyDescriptor>, _: StreamId) -> DynFut<Result<Vec<Bytes>, ServerError>> {
        let zeros = |part: &CopyDescriptor| Bytes::from_bytes_vec(vec![0; part.handle.size_in_used() as usize]);
        let zeros = parts.iter().map(zeros).collect();
        Box::pin(async move { Ok(zeros) })
    }

    fn write(&mut self, _: Vec<(CopyDescriptor, Bytes)>, _: StreamId) {}

    fn sync(&mut self, _: StreamId) -> DynFut<Result<(), ServerError>> {
        Box::pin(async move { Ok(()) })
    }

    fn get_resource(&mut self, _: Binding, _: StreamId) -> Result<ManagedResource<()>, ServerError> {
        Err(IoError::UnsupportedIoOperation { backtrace: BackTrace::capture() }.into())
    }

    unsafe fn launch(
        &mut self,
        kernel: Self::Kernel,
        _: CubeCount,
        bindings: KernelArguments,
        mode: ExecutionMode,
        _: StreamId,
    ) {
        let fault = match self.arguments(kernel.as_ref(), mode) {
            Ok(visibilities) => aliased(visibilities, &bindings),
            Err(error) => Some(format!("has no CUDA source: {error}")),
        };
        if let Some(fault) = fault {
            let fault = format!("kernel {} {fault}", file_stem(kernel.name()));
            LAUNCHED.lock().unwrap_or_else(PoisonError::into_inner).faults.push(fault);
        }
    }

    fn flush(&mut self, _: StreamId) -> Result<(), ServerError> {
        Ok(())
    }

    fn memory_usage(&mut self, _: StreamId) -> Result<MemoryUsage, ServerError> {
        Ok(MemoryUsage { number_allocs: 0, bytes_in_use: 0, bytes_padding: 0, bytes_reserved: 0 })
    }

    fn memory_cleanup(&mut self, _: StreamId) {}

    fn start_profile(&mut self, _: StreamId) -> Result<ProfilingToken, ServerError> {
        Ok(self.timestamps.start())
    }

    fn end_profile(&mut self, _: StreamId, token: ProfilingToken) -> Result<ProfileDuration, ProfileError> {
        self.timestamps.stop(token)
    }

    fn allocation_mode(&mut self, _: MemoryAllocationMode, _: StreamId) {}
}

/// `ops-linear-forward` for the kernel `mmtl_kernels::ops::linear::forward::Forward<…>`: its modules and its function.
fn file_stem(kernel: &str) -> String {
    let path: Vec<&str> = kernel.split('<').next().unwrap_or(kernel).split("::").collect();
    // The first part is the crate, the last the type that CubeCL makes of the function.
    path.get(1..path.len() - 1).map_or_else(|| kernel.to_owned(), |path| path.join("-"))
}

/// CUDA is promised that nobody writes what a kernel only reads (`const … __restrict__`): one buffer must not be both in
/// a launch. WGSL has no such promise, and no test on its devices would notice.
fn aliased(visibilities: &[Visibility], bindings: &KernelArguments) -> Option<String> {
    // Handles of one buffer print alike; its number is private.
    let memory: Vec<String> = bindings.buffers.iter().map(|binding| format!("{:?}", binding.memory)).collect();
    let of = |visibility| (0..visibilities.len()).filter(move |&argument| visibilities[argument] == visibility);
    let mut pairs = of(Visibility::Read).flat_map(|read| of(Visibility::ReadWrite).map(move |written| (read, written)));
    let (read, written) = pairs.find(|&(read, written)| memory[read] == memory[written])?;
    Some(format!("is given one buffer as argument {read}, which it only reads, and {written}, which it writes"))
}

/// The source under what it does not say of itself.
fn annotated(compiled: &Kernel) -> String {
    let shared = compiled.repr.as_ref().map_or(0, ComputeKernel::shared_memory_size);
    let CubeDim { x, y, z } = compiled.cube_dim;
    format!("// Cubes of {x} x {y} x {z} units, with {shared} bytes of shared memory.\n{}", compiled.source)
}

impl ComputeStorage for NoStorage {
    type Resource = ();

    fn alignment(&self) -> usize {
        h200::ALIGNMENT
    }

    fn get(&mut self, _: &StorageHandle) {}

    fn alloc(&mut self, _: u64) -> Result<StorageHandle, IoError> {
        Err(IoError::UnsupportedIoOperation { backtrace: BackTrace::capture() })
    }

    fn dealloc(&mut self, _: StorageId) {}

    fn flush(&mut self) {}
}

impl Runtime for SourceRuntime {
    type Compiler = CudaCompiler;
    type Server = SourceServer;
    type Device = SourceDevice;

    fn client(device: &SourceDevice) -> ComputeClient<Self> {
        ComputeClient::load(device)
    }

    fn name(_: &ComputeClient<Self>) -> &'static str {
        "cuda source"
    }

    fn require_array_lengths() -> bool {
        CudaRuntime::require_array_lengths()
    }

    fn max_cube_count() -> (u32, u32, u32) {
        CudaRuntime::max_cube_count()
    }

    fn can_read_tensor(_: &cubecl::zspace::Shape, _: &cubecl::zspace::Strides) -> bool {
        true
    }

    fn target_properties() -> TargetProperties {
        CudaRuntime::target_properties()
    }

    fn enumerate_devices(_: u16, (): &()) -> Vec<DeviceId> {
        vec![SourceDevice.to_id()]
    }
}
