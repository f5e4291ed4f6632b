//! `mmtl bench`: times cases beside the machine's peak.

use std::fs::OpenOptions;
use std::thread::available_parallelism;

use mmtl_bench::{
    Axis, Beside, Case, Kernel, Machine, Report, Step, case, cases, json, measure_peaks, text, time_growth,
};
use mmtl_kernels::DeviceEngine;
use mmtl_plan::Engine;

use crate::args::{Bench, Executed, TextOrJson};
use crate::bench_device;
use crate::engines::{PROCESSOR, device, engine, execution};
use crate::failure::Failure;
use crate::say::{put, say};

/// Times what was asked for and prints it.
pub fn bench(args: &Bench) -> Result<(), Failure> {
    if let Some(path) = &args.json {
        // Known before minutes have gone into what it is for.
        OpenOptions::new().append(true).create(true).open(path).map_err(Failure::writing(path))?;
    }
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let chosen = chosen(args)?;
    let execution = execution(&args.executed);
    let is_device = !PROCESSOR.contains(&execution.engine.as_str());
    let beside = args.beside.as_deref().or_else(|| is_device.then_some("cpu")).filter(|name| *name != "none");
    let other = beside.map(|name| other(name, threads)).transpose()?;
    let report = if is_device {
        on_device(args, &chosen, device(&execution).map_err(Failure::input)?.as_ref(), threads)?
    } else {
        on_processor(args, &chosen, engine(&execution, threads).map_err(Failure::input)?.as_ref(), threads)?
    };
    let beside = other.map(|engine| time_beside(engine.as_ref(), &chosen, args.seconds)).transpose()?;
    let report = Report { beside, ..report };
    let document = serde_json::to_string(&json(&report)).map_err(Failure::failed)?;
    match args.format {
        TextOrJson::Text => put(text(&report))?,
        TextOrJson::Json => say(&document)?,
    }
    match &args.json {
        Some(path) => std::fs::write(path, format!("{document}\n")).map_err(Failure::writing(path)),
        None => Ok(()),
    }
}

fn on_processor(args: &Bench, chosen: &[Case], engine: &dyn Engine, threads: usize) -> Result<Report, Failure> {
    let seconds = args.seconds / 4.0;
    let before = measure_peaks(threads, seconds);
    let report = timed(args, chosen, engine, threads)?;
    Ok(Report { peaks: before.better(&measure_peaks(threads, seconds)), ..report })
}

fn on_device(args: &Bench, chosen: &[Case], engine: &dyn DeviceEngine, threads: usize) -> Result<Report, Failure> {
    let peaks = bench_device::peaks(engine, args.seconds / 4.0)?;
    let report = timed(args, chosen, engine, threads)?;
    let (mut kernels, mut steps) = (vec![], vec![]);
    for (case, whole) in chosen.iter().zip(&report.cases) {
        let Some(step) = bench_device::step(case, whole, engine, &peaks, args.seconds)? else { continue };
        let of_case: Vec<Kernel> =
            if args.no_kernels { vec![] } else { bench_device::kernels(case, engine, &peaks, args.seconds)? };
        let sum = (!args.no_kernels).then(|| of_case.iter().map(|kernel| kernel.seconds.median).sum());
        steps.push(Step { kernels: sum, ..step });
        kernels.extend(of_case);
    }
    Ok(Report { device: Some(peaks), kernels, steps, ..report })
}

/// Cases and growth, without what they are compared with.
fn timed(args: &Bench, chosen: &[Case], engine: &dyn Engine, threads: usize) -> Result<Report, Failure> {
    let time = |case: &Case| case.time(engine, args.seconds).map_err(Failure::failed);
    let cases = chosen.iter().map(time).collect::<Result<_, _>>()?;
    let axes = Axis::ALL.into_iter().filter(|_| args.growth);
    let growth = axes.map(|axis| time_growth(axis, engine, args.seconds).map_err(Failure::failed));
    Ok(Report {
        cases,
        growth: growth.collect::<Result<_, _>>()?,
        ..Report::of(Machine::here(threads, engine.numerics()))
    })
}

fn other(name: &str, threads: usize) -> Result<Box<dyn Engine>, Failure> {
    let asked = Executed { engine: name.to_owned(), precision: "f32".to_owned() };
    engine(&execution(&asked), threads).map_err(Failure::input)
}

fn time_beside(engine: &dyn Engine, chosen: &[Case], seconds: f64) -> Result<Beside, Failure> {
    let cases = chosen.iter().map(|case| case.time(engine, seconds).map_err(Failure::failed)).collect::<Result<_, _>>();
    Ok(Beside { numerics: engine.numerics(), cases: cases? })
}

fn chosen(args: &Bench) -> Result<Vec<Case>, Failure> {
    let mut found: Vec<Case> = match (args.cases.as_slice(), args.growth, &args.filter) {
        ([], false, None) => cases().into_iter().filter(|case| !case.only_by_name).collect(),
        ([], true, None) => vec![],
        ([], _, Some(_)) => cases(),
        (names, _, _) => names.iter().map(|name| case(name)).collect::<Result<_, _>>().map_err(Failure::input)?,
    };
    if let Some(part) = &args.filter {
        found.retain(|case| case.name.contains(part.as_str()));
        if found.is_empty() {
            let known = cases().iter().map(|case| case.name).collect::<Vec<_>>().join(", ");
            return Err(Failure::input(format!("no case's name contains `{part}`, expected part of one of {known}")));
        }
    }
    Ok(match args.rows {
        Some(rows) => found.into_iter().map(|case| case.of_rows(rows as usize)).collect(),
        None => found,
    })
}
