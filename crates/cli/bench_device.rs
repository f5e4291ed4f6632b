//! What `mmtl bench` measures on a device only.

use std::sync::Arc;

use mmtl_bench::{
    Budget, Case, Composed, DevicePeaks, Kernel, LaunchCount, Launched, MatrixPeak, Spread, Work, adam, batches,
    session_options, time_rounds,
};
use mmtl_grid::Execution;
use mmtl_kernels::{DeviceEngine, KernelTime, KernelWork, Profiled, time_kernels};
use mmtl_plan::EngineError;

use crate::engines::device;
use crate::failure::Failure;

/// Steps taken before the kernels of the next are timed.
const STEPS_BEFORE: usize = 4;

/// What the device can do, measured for about `seconds` each.
pub fn peaks(execution: &Execution, seconds: f64) -> Result<DevicePeaks, Failure> {
    let probe = device(execution).map_err(Failure::input)?.probe();
    let time = |call: &dyn Fn() -> Result<(), EngineError>| -> Result<Spread, Failure> {
        time_rounds(Budget { seconds, warm_up: 1 }, |_| call()).map_err(Failure::failed)
    };
    let rate = |spread: Spread, work: u64| spread.map(|seconds| work as f64 / seconds * 1e-9);
    let unit = |unit| {
        let gflops = rate(time(&|| probe.multiply_matrices(unit))?, probe.matrix_flops(unit));
        Ok(MatrixPeak { precision: unit.name().to_owned(), gflops })
    };
    Ok(DevicePeaks {
        precision: execution.precision.clone(),
        copy: rate(time(&|| probe.copy())?, probe.copied_bytes()),
        multiply_add: rate(time(&|| probe.multiply_add())?, probe.flops()),
        matrix: probe.matrix_units().into_iter().map(unit).collect::<Result<_, Failure>>()?,
        launch: time(&|| probe.launch())?.map(|seconds| seconds / probe.launches() as f64),
    })
}

/// Launches of a case's training step; none of a case without one.
pub fn launches(case: &Case, engine: &dyn DeviceEngine) -> Result<Option<Vec<LaunchCount>>, Failure> {
    let Work::Step { model, tables, .. } = &case.work else { return Ok(None) };
    let plan = model.plan().map_err(Failure::failed)?;
    let counts = mmtl_kernels::launches(&plan, *tables, false, engine.launching()).map_err(Failure::failed)?;
    let count = |(kernel, launches): (&str, usize)| LaunchCount { kernel: kernel.to_owned(), launches };
    Ok(Some(counts.into_iter().map(count).collect()))
}

/// A case's training step with each op launched by itself, which is launched as `fused` says otherwise; none where that makes
/// no difference.
pub fn composed(
    case: &Case,
    engine: &dyn DeviceEngine,
    fused: &[LaunchCount],
    seconds: f64,
) -> Result<Option<Composed>, Failure> {
    let engine = engine.composed();
    match launches(case, engine.as_ref())? {
        Some(counts) if counts != fused => {
            let launches = counts.iter().map(|count| count.launches).sum();
            let timed = case.time(engine.as_ref(), seconds).map_err(Failure::failed)?;
            Ok(Some(Composed { seconds: timed.seconds, launches }))
        }
        Some(_) | None => Ok(None),
    }
}

/// The kernels of a case's training step; none of a case without one.
pub fn kernels(case: &Case, execution: &Execution, peaks: &DevicePeaks, seconds: f64) -> Result<Vec<Kernel>, Failure> {
    let Work::Step { model, tables, .. } = &case.work else { return Ok(vec![]) };
    let batches = batches(model.world, model.rows, STEPS_BEFORE);
    let profiled = Profiled {
        plan: Arc::new(model.plan().map_err(Failure::failed)?),
        options: session_options(model.rows, *tables),
        batches: &batches,
        update: adam(1),
    };
    let device = device(execution).map_err(Failure::input)?;
    let mut timer = device.profile(&profiled).map_err(Failure::failed)?;
    let times = time_kernels(timer.as_mut(), seconds).map_err(Failure::failed)?;
    Ok(times.iter().map(|time| Kernel::new(case.name, &launched(time), peaks)).collect())
}

fn launched(time: &KernelTime) -> Launched<'_> {
    let KernelWork { kernel, number, flops, bytes, sessions, uncached } = time.work;
    Launched { kernel, number, rounds: &time.seconds, flops, bytes, sessions, uncached }
}
