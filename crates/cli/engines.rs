//! The engines by name.

use mmtl_cpu::CpuEngine;
use mmtl_grid::Execution;
use mmtl_kernels::DeviceEngine;
use mmtl_plan::{Engine, Factors, nearest};
use mmtl_reference::ReferenceEngine;

use crate::args::Executed;

/// Everything that `--engine` takes, devices' numbers apart.
const NAMES: [&str; 5] = ["auto", "cpu", "cuda", "wgpu", "reference"];

/// Those of them that no device executes.
pub const PROCESSOR: [&str; 2] = ["cpu", "reference"];

/// What was asked for, by the name under which it is stored: `auto` is the best device that there is or else the
/// processor, and a device's number 0 is left out.
pub fn execution(asked: &Executed) -> Execution {
    let name = match asked.engine.as_str() {
        "auto" => mmtl_kernels::best().unwrap_or_else(|| "cpu".to_owned()),
        name => name.to_owned(),
    };
    let engine = name.strip_suffix(":0").unwrap_or(&name).to_owned();
    Execution { engine, precision: asked.precision.clone() }
}

/// The engine that a trial names, with so many threads where it runs on the processor.
pub fn engine(execution: &Execution, threads: usize) -> Result<Box<dyn Engine>, String> {
    check(execution)?;
    match execution.engine.as_str() {
        "cpu" => Ok(Box::new(CpuEngine::new(threads).map_err(|error| error.to_string())?)),
        "reference" => Ok(Box::new(ReferenceEngine::default())),
        _ => Ok(device(execution)?),
    }
}

/// The device that a trial names.
pub fn device(execution: &Execution) -> Result<Box<dyn DeviceEngine>, String> {
    let factors = check(execution)?;
    mmtl_kernels::open(&execution.engine, factors).map_err(|error| error.to_string())
}

/// What factors are rounded to, if there are such an engine and such a precision at all.
fn check(execution: &Execution) -> Result<Factors, String> {
    let name = execution.engine.as_str();
    let kind = name.split_once(':').map_or(name, |(kind, _)| kind);
    if !NAMES.contains(&kind) {
        let meant = nearest(name, NAMES).map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
        let known = NAMES.join("`, `");
        return Err(format!("engine `{name}` is not to be had{meant}, expected one of `{known}`"));
    }
    let factors = factors(execution)?;
    if factors != Factors::F32 && PROCESSOR.contains(&kind) {
        return Err(format!("precision `{}` is not to be had on `{kind}`, expected `f32`", factors.name()));
    }
    Ok(factors)
}

fn factors(execution: &Execution) -> Result<Factors, String> {
    let name = execution.precision.as_str();
    Factors::named(name).ok_or_else(|| {
        let names = Factors::ALL.map(Factors::name);
        let meant = nearest(name, names).map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
        format!("precision `{name}` is not known{meant}, expected one of `{}`", names.join("`, `"))
    })
}
