//! What `mmtl bench` measures on a device only.

use std::sync::Arc;

use mmtl_bench::{
    BenchError, Budget, Case, Composed, DevicePeaks, Kernel, LaunchCount, Launched, MatrixPeak, Measured, Spread, Step,
    UnderRoof, WarmUp, Work, adam, batches, session_options, time_rounds,
};
use mmtl_kernels::{DeviceEngine, KernelTime, KernelWork, Launching, Profiled, step_cost, time_kernels};
use mmtl_plan::{EngineError, Plan, TableUpdates};

use crate::failure::Failure;

/// Steps taken before the kernels of the next are timed.
const STEPS_BEFORE: usize = 4;

/// What the device can do, measured for about `seconds` each.
pub fn peaks(engine: &dyn DeviceEngine, seconds: f64) -> Result<DevicePeaks, Failure> {
    let probe = engine.probe().map_err(Failure::failed)?;
    let time = |call: &dyn Fn() -> Result<(), EngineError>| -> Result<Spread, Failure> {
        time_rounds(Budget { seconds, warm_up: WarmUp::UpTo(1) }, |_| call()).map_err(Failure::failed)
    };
    let rate = |spread: Spread, work: u64| spread.map(|seconds| work as f64 / seconds * 1e-9);
    let unit = |unit| {
        let gflops = rate(time(&|| probe.multiply_matrices(unit))?, probe.matrix_flops(unit));
        Ok(MatrixPeak { precision: unit.name().to_owned(), gflops })
    };
    Ok(DevicePeaks {
        precision: engine.factors().name().to_owned(),
        copy: rate(time(&|| probe.copy())?, probe.copied_bytes()),
        multiply_add: rate(time(&|| probe.multiply_add())?, probe.flops()),
        matrix: probe.matrix_units().into_iter().map(unit).collect::<Result<_, Failure>>()?,
        launch: time(&|| probe.launch())?.map(|seconds| seconds / probe.launches() as f64),
    })
}

/// A case's training step, of which the whole has been timed, and how long it takes with each op launched by itself; none of
/// a case without one. Its kernels are not timed.
pub fn step(
    case: &Case,
    whole: &Measured,
    engine: &dyn DeviceEngine,
    peaks: &DevicePeaks,
    seconds: f64,
) -> Result<Option<Step>, BenchError> {
    let Work::Step { model, tables, .. } = &case.work else { return Ok(None) };
    let plan = model.plan()?;
    let launches = |launching| launches(&plan, *tables, launching);
    let (counts, one_by_one) = (launches(engine.launching())?, launches(Launching::Composed)?);
    let composed = if counts == one_by_one {
        None
    } else {
        let launches = one_by_one.iter().map(|count| count.launches).sum();
        let timed = case.time(engine.composed().as_ref(), seconds)?;
        Some(Composed { seconds: timed.seconds, launches })
    };
    let (options, batches) = (session_options(model.rows, *tables), batches(model.world, model.rows, 1));
    let cost = step_cost(&plan, options, &batches[0], false, engine.launching())?;
    let flops = whole.size.map_or(0, |size| size.flops_per_row * whole.rows);
    Ok(Some(Step {
        case: case.name.to_owned(),
        launches: counts,
        bytes: cost.bytes,
        under_roof: UnderRoof::of(flops as u64, cost.bytes, whole.seconds.median, peaks),
        kernels: None,
        composed,
    }))
}

fn launches(plan: &Plan, tables: TableUpdates, launching: Launching) -> Result<Vec<LaunchCount>, BenchError> {
    let counts = mmtl_kernels::launches(plan, tables, false, launching)?;
    let count = |(kernel, launches): (&str, usize)| LaunchCount { kernel: kernel.to_owned(), launches };
    Ok(counts.into_iter().map(count).collect())
}

/// The kernels of a case's training step; none of a case without one.
pub fn kernels(
    case: &Case,
    engine: &dyn DeviceEngine,
    peaks: &DevicePeaks,
    seconds: f64,
) -> Result<Vec<Kernel>, BenchError> {
    let Work::Step { model, tables, .. } = &case.work else { return Ok(vec![]) };
    let profiled = Profiled {
        plan: Arc::new(model.plan()?),
        options: session_options(model.rows, *tables),
        batches: batches(model.world, model.rows, STEPS_BEFORE),
        update: adam(1),
    };
    let mut timer = engine.profile(&profiled)?;
    let times = time_kernels(timer.as_mut(), seconds)?;
    Ok(times.iter().map(|time| Kernel::new(case.name, &launched(time), peaks)).collect())
}

fn launched(time: &KernelTime) -> Launched<'_> {
    let KernelWork { kernel, number, flops, bytes, sessions, uncached } = time.work;
    Launched { kernel, number, rounds: &time.seconds, flops, bytes, sessions, uncached }
}
