//! Writes the CUDA source of every kernel to a folder, on a machine without such a device or its libraries.
//!
//! Sessions of plans with every op run on a runtime that executes nothing: each launch becomes the source that an H200 would
//! be given. `.ci/cuda-sources` compiles them.
//!
//! ```text
//! cargo run -p mmtl-kernels --example cuda_sources -- FOLDER
//! ```

mod h200;
mod session;
mod source;

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use cubecl::Runtime;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use mmtl_kernels::{DeviceEngine, GpuEngine};
use mmtl_plan::Factors;

use source::{SourceDevice, SourceRuntime};

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = env::args_os().nth(1).ok_or("expected the folder that sources go to")?.into();
    // Whatever settings lie in some folder or variable: the sources are those that the engine has compiled.
    CubeClRuntimeConfig::set(CubeClRuntimeConfig::default());
    let client = SourceRuntime::client(&SourceDevice);
    let engine = || GpuEngine::new("cuda source", "cuda source".to_owned(), client.clone(), None);
    for factors in Factors::ALL {
        let fused = engine().rounding(factors)?;
        session::exercise(&fused)?;
        session::exercise_narrow(fused.composed().as_ref())?;
    }
    let probe = engine().probe()?;
    probe.copy()?;
    probe.multiply_add()?;
    probe.launch()?;
    probe.matrix_units().into_iter().try_for_each(|unit| probe.multiply_matrices(unit))?;
    let launched = source::launched();
    if let Some(fault) = launched.faults.first() {
        return Err(fault.clone().into());
    }
    fs::create_dir_all(&folder)?;
    for (name, sources) in &launched.kernels {
        for (variant, source) in sources.values().enumerate() {
            let variant = if variant == 0 { String::new() } else { format!("-{}", variant + 1) };
            fs::write(folder.join(format!("{name}{variant}.cu")), source)?;
        }
    }
    Ok(())
}
