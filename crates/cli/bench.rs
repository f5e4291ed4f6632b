//! `mmtl bench`: times cases beside the machine's peak.

use std::thread::available_parallelism;

use mmtl_bench::{
    Axis, Budget, Case, DevicePeaks, Machine, Peaks, Report, Spread, case, cases, json, measure_peaks, text,
    time_growth, time_rounds,
};
use mmtl_plan::EngineError;

use crate::args::{Bench, TextOrJson};
use crate::engines::{engine, execution};
use crate::failure::Failure;

/// Times what was asked for and prints it.
pub fn bench(args: &Bench) -> Result<(), Failure> {
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let chosen = chosen(args)?;
    let execution = execution(&args.executed);
    let engine = engine(&execution, threads).map_err(Failure::input)?;
    let limits = Limits { device: &execution.engine, threads, seconds: args.seconds / 4.0 };
    let (before, device) = limits.measure()?;
    let mut measured = vec![];
    for case in &chosen {
        measured.push(case.time(engine.as_ref(), args.seconds).map_err(Failure::failed)?);
    }
    let mut growth = vec![];
    for axis in Axis::ALL.into_iter().filter(|_| args.growth) {
        growth.push(time_growth(axis, engine.as_ref(), args.seconds).map_err(Failure::failed)?);
    }
    let peaks = before.better(&limits.measure()?.0);
    let report = Report { machine: Machine::here(threads, engine.numerics()), peaks, device, cases: measured, growth };
    match args.format {
        TextOrJson::Text => print!("{}", text(&report)),
        TextOrJson::Json => println!("{}", serde_json::to_string(&json(&report)).map_err(Failure::failed)?),
    }
    Ok(())
}

/// What a case is compared with, of the processor or of a device.
struct Limits<'a> {
    device: &'a str,
    threads: usize,
    seconds: f64,
}

impl Limits<'_> {
    fn measure(&self) -> Result<(Peaks, Option<DevicePeaks>), Failure> {
        if ["cpu", "reference"].contains(&self.device) {
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
