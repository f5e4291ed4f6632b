//! What `mmtl bench` measures on a device only.

use std::sync::Arc;

use mmtl_bench::{
    Budget, Case, DevicePeaks, Kernel, LaunchCount, Launched, MatrixPeak, Spread, Work, batches, time_rounds,
};
use mmtl_grid::Execution;
use mmtl_kernels::{KernelTime, Profiled};
use mmtl_plan::{Decay, EngineError, Optimiser, SessionOptions, Update};

use crate::failure::Failure;

/// Steps taken before the kernels of the next are timed.
const STEPS_BEFORE: usize = 4;

/// What the device can do, measured for about `seconds` each.
pub fn peaks(execution: &Execution, seconds: f64) -> Result<DevicePeaks, Failure> {
    let probe = mmtl_kernels::probe(&execution.engine).map_err(Failure::input)?;
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
pub fn launches(case: &Case) -> Result<Option<Vec<LaunchCount>>, Failure> {
    let Work::Step { model, tables, .. } = &case.work else { return Ok(None) };
    let plan = model.plan().map_err(Failure::failed)?;
    let counts = mmtl_kernels::launches(&plan, *tables, false).map_err(Failure::failed)?;
    let count = |(kernel, launches): (&str, usize)| LaunchCount { kernel: kernel.to_owned(), launches };
    Ok(Some(counts.into_iter().map(count).collect()))
}

/// The kernels of a case's training step; none of a case without one.
pub fn kernels(case: &Case, execution: &Execution, peaks: &DevicePeaks, seconds: f64) -> Result<Vec<Kernel>, Failure> {
    let Work::Step { model, tables, .. } = &case.work else { return Ok(vec![]) };
    let batches = batches(model.world, model.rows, STEPS_BEFORE);
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    let profiled = Profiled {
        plan: Arc::new(model.plan().map_err(Failure::failed)?),
        options: SessionOptions { max_rows: model.rows, initialisation: 1, dropout: 1, tables: *tables },
        batches: &batches,
        update: Update { optimiser, lr: 1e-3, step: 1, clip: None, decay: Decay::default() },
        seconds,
    };
    let times = mmtl_kernels::profile(&execution.engine, &profiled).map_err(Failure::failed)?;
    Ok(times.iter().map(|time| Kernel::new(case.name, &launched(time), peaks)).collect())
}

fn launched(time: &KernelTime) -> Launched<'_> {
    Launched {
        kernel: time.kernel,
        number: time.number,
        rounds: &time.seconds,
        flops: time.flops,
        bytes: time.bytes,
        sessions: time.sessions,
        uncached: time.uncached,
    }
}
