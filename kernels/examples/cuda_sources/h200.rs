//! What CubeCL would find out about an H200.

use cubecl::features::{Features, Plane, TypeUsage};
use cubecl::ir::{
    DeviceProperties, ElemType, FloatKind, HardwareProperties, MemoryDeviceProperties, SemanticType, VectorSize,
};
use cubecl::profile::TimingMethod;
use cubecl_cpp::DialectWmmaCompiler;
use cubecl_cpp::cuda::CudaDialect;
use cubecl_cpp::cuda::arch::CudaArchitecture;
use cubecl_cpp::cuda::mma::CudaWmmaCompiler;
use cubecl_cpp::register_supported_types;
use cubecl_cpp::shared::{CompilationOptions, CppSupportedFeatures, register_mma_features, register_wmma_features};

/// Compute capability 9.0.
const ARCHITECTURE: CudaArchitecture = CudaArchitecture { version: 90 };

/// Units of a plane.
const PLANE: u32 = 32;

/// Bytes of shared memory that a cube may ask for: 227 KiB.
const SHARED_MEMORY: usize = 232_448;

/// A quarter of the memory, the most that CubeCL gives one buffer.
const LARGEST_BUFFER: u64 = 139 << 28;

/// Where CubeCL lets buffers start.
pub const ALIGNMENT: usize = 512;

/// The properties that CubeCL's CUDA server registers (`cubecl-cuda`, `runtime.rs`), as far as kernels can ask for them.
pub fn properties() -> DeviceProperties {
    let hardware = HardwareProperties {
        load_width: 128,
        plane_size_min: PLANE,
        plane_size_max: PLANE,
        max_bindings: 1024,
        max_shared_memory_size: SHARED_MEMORY,
        max_cube_count: (i32::MAX as u32, 65_535, 65_535),
        max_units_per_cube: 1024,
        max_cube_dim: (1024, 1024, 64),
        num_streaming_multiprocessors: Some(132),
        num_tensor_cores: Some(4),
        min_tensor_cores_dim: Some(8),
        num_cpu_cores: None,
        max_vector_size: VectorSize::MAX,
    };
    let memory = MemoryDeviceProperties { max_page_size: LARGEST_BUFFER, alignment: ALIGNMENT as u64 };
    let mut properties = DeviceProperties::new(Features::default(), memory, hardware, TimingMethod::System);
    register_supported_types(&mut properties);
    properties.register_type_usage(ElemType::Float(FloatKind::TF32), TypeUsage::Conversion);
    properties.register_semantic_type(SemanticType::Pipeline);
    for plane in [Plane::Ops, Plane::Sync, Plane::NonUniformControlFlow] {
        properties.features.plane.insert(plane);
    }
    properties.features.memory_reinterpret = true;
    properties.features.alignment = true;
    properties.features.copy_async = true;
    properties.features.cube_cluster = true;
    let wmma = <CudaWmmaCompiler as DialectWmmaCompiler<CudaDialect<CudaWmmaCompiler>>>::supported_wmma_combinations;
    let mma = <CudaWmmaCompiler as DialectWmmaCompiler<CudaDialect<CudaWmmaCompiler>>>::supported_mma_combinations;
    register_wmma_features(wmma(&ARCHITECTURE), &mut properties);
    register_mma_features(mma(&ARCHITECTURE), &mut properties);
    properties
}

/// How CubeCL compiles for it.
pub fn compilation() -> CompilationOptions {
    let supports_features = CppSupportedFeatures {
        fast_math: true,
        grid_constants: true,
        clusters: true,
        elect_sync: true,
        fast_tanh: true,
    };
    CompilationOptions { warp_size: PLANE, supports_features }
}
