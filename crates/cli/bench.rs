//! `mmtl bench`: times cases beside the machine's peak.

use std::sync::Arc;
use std::thread::available_parallelism;

use mmtl_bench::{
    Axis, Budget, Case, DevicePeaks, Kernel, Machine, Peaks, Report, Spread, Work, batches, case, cases, json,
    measure_peaks, text, time_growth, time_rounds,
};
use mmtl_kernels::{KernelTime, Profiled};
use mmtl_plan::{Decay, EngineError, Optimiser, SessionOptions, Update};

use crate::args::{Bench, TextOrJson};
use crate::engines::{engine, execution};
use crate::failure::Failure;

/// Times what was asked for and prints it.
pub fn bench(args: &Bench) -> Result<(), Failure> {
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let chosen = chosen(args)?;
    let execution = execution(&args.executed);
    let engine = engine(&execution, threads).map_err(Failure::input)?;
    if args.kernels && on_processor(&execution.engine) {
        return Err(Failure::input("`--kernels` is for devices, expected `--engine wgpu` or `--engine cuda` with it"));
    }
    let limits = Limits { device: &execution.engine, threads, seconds: args.seconds / 4.0 };
    let (before, device) = limits.measure()?;
    let mut measured = vec![];
    for case in &chosen {
        measured.push(case.time(engine.as_ref(), args.seconds).map_err(Failure::failed)?);
    }
    let mut kernels = vec![];
    for case in chosen.iter().filter(|_| args.kernels) {
        let Some(peaks) = &device else { continue };
        kernels.extend(kernels_of(case, &execution.engine, peaks, args.seconds)?);
    }
    let mut growth = vec![];
    for axis in Axis::ALL.into_iter().filter(|_| args.growth) {
        growth.push(time_growth(axis, engine.as_ref(), args.seconds).map_err(Failure::failed)?);
    }
    let peaks = if device.is_some() { before } else { before.better(&limits.measure()?.0) };
    let report =
        Report { machine: Machine::here(threads, engine.numerics()), peaks, device, cases: measured, kernels, growth };
    match args.format {
        TextOrJson::Text => print!("{}", text(&report)),
        TextOrJson::Json => println!("{}", serde_json::to_string(&json(&report)).map_err(Failure::failed)?),
    }
    Ok(())
}

fn on_processor(engine: &str) -> bool {
    ["cpu", "reference"].contains(&engine)
}

/// The kernels of a case's training step; none of a case without one.
fn kernels_of(case: &Case, device: &str, peaks: &DevicePeaks, seconds: f64) -> Result<Vec<Kernel>, Failure> {
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
    let times = mmtl_kernels::profile(device, &profiled).map_err(Failure::failed)?;
    let kernel = |time: KernelTime| {
        Kernel::new(case.name, time.kernel, time.launches, &time.seconds, [time.flops, time.bytes], peaks)
    };
    Ok(times.into_iter().map(kernel).collect())
}

/// Steps taken before the kernels of the next are timed.
const STEPS_BEFORE: usize = 4;

/// What a case is compared with, of the processor or of a device.
struct Limits<'a> {
    device: &'a str,
    threads: usize,
    seconds: f64,
}

impl Limits<'_> {
    fn measure(&self) -> Result<(Peaks, Option<DevicePeaks>), Failure> {
        if on_processor(self.device) {
            return Ok((measure_peaks(self.threads, self.seconds), None));
        }
        let probe = mmtl_kernels::probe(self.device).map_err(Failure::input)?;
        let rate = |work: f64, call: &dyn Fn() -> Result<(), EngineError>| {
            let spread =
                time_rounds(Budget { seconds: self.seconds, warm_up: 1 }, |_| call()).map_err(Failure::failed)?;
            Ok::<Spread, Failure>(spread.map(|seconds| work / seconds * 1e-9))
        };
        let copy = rate(probe.copied_bytes() as f64, &|| probe.copy())?;
        let multiply_add = rate(probe.flops() as f64, &|| probe.multiply_add())?;
        Ok((Peaks::default(), Some(DevicePeaks { copy, multiply_add })))
    }
}

fn chosen(args: &Bench) -> Result<Vec<Case>, Failure> {
    match (args.cases.as_slice(), args.growth) {
        ([], false) => Ok(cases()),
        ([], true) => Ok(vec![]),
        (names, _) => names.iter().map(|name| case(name)).collect::<Result<_, _>>().map_err(Failure::input),
    }
}
