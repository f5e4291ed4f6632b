//! The engines by name.

use mmtl_cpu::CpuEngine;
use mmtl_grid::Execution;
use mmtl_plan::Engine;
use mmtl_reference::ReferenceEngine;

/// The engine that a trial names, with so many threads.
pub fn engine(execution: &Execution, threads: usize) -> Result<Box<dyn Engine>, String> {
    match (execution.engine.as_str(), execution.precision.as_str()) {
        ("cpu", "f32") => Ok(Box::new(CpuEngine::new(threads).map_err(|error| error.to_string())?)),
        ("reference", "f32") => Ok(Box::new(ReferenceEngine::default())),
        ("cpu" | "reference", precision) => Err(format!("precision `{precision}` is not to be had, expected `f32`")),
        (engine, _) => Err(format!("engine `{engine}` is not to be had, expected `cpu` or `reference`")),
    }
}
