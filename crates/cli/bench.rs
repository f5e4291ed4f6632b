//! `mmtl bench`: times cases beside the machine's peak.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use mmtl_bench::{
    Axis, BenchError, Beside, Case, DevicePeaks, Failed, Kernel, Machine, Measured, Report, Step, case, cases, json,
    measure_peaks, text, time_growth,
};
use mmtl_kernels::DeviceEngine;
use mmtl_plan::Engine;

use crate::args::{Bench, Executed, TextOrJson};
use crate::bench_device;
use crate::engines::{PROCESSOR, device, engine, execution};
use crate::failure::Failure;
use crate::follow::duration;
use crate::preparing::Line;
use crate::say::{put, say};

/// Times what was asked for and prints it.
pub fn bench(args: &Bench) -> Result<(), Failure> {
    args.json.as_deref().map_or(Ok(()), can_be_written)?;
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let execution = execution(&args.executed);
    let is_device = !PROCESSOR.contains(&execution.engine.as_str());
    let chosen = chosen(args, is_device)?;
    let beside = args.beside.as_deref().or_else(|| is_device.then_some("cpu")).filter(|name| *name != "none");
    let other = beside.map(|name| other(name, threads)).transpose()?;
    let engines = 1 + usize::from(is_device) + usize::from(other.is_some());
    let growth = if args.growth { Axis::ALL.len() } else { 0 };
    let mut course = Course::new(chosen.len() * engines + growth);
    let report = if is_device {
        let engine = device(&execution).map_err(Failure::input)?;
        on_device(args, &chosen, engine.as_ref(), threads, &mut course)?
    } else {
        let engine = engine(&execution, threads).map_err(Failure::input)?;
        on_processor(args, &chosen, engine.as_ref(), threads, &mut course)
    };
    let beside = other.map(|engine| time_beside(engine.as_ref(), &chosen, args.seconds, &mut course));
    let report = Report { beside, failed: course.end(), ..report };
    let document = serde_json::to_string(&json(&report)).map_err(Failure::failed)?;
    match args.format {
        TextOrJson::Text => put(text(&report))?,
        TextOrJson::Json => say(&document)?,
    }
    if let Some(path) = &args.json {
        std::fs::write(path, format!("{document}\n")).map_err(Failure::writing(path))?;
    }
    let failed: Vec<String> = report.failed.iter().map(ToString::to_string).collect();
    if failed.is_empty() { Ok(()) } else { Err(Failure::failed(failed.join("\n"))) }
}

/// Tries before minutes have gone into what the file is for.
fn can_be_written(path: &Path) -> Result<(), Failure> {
    let is_new = std::fs::symlink_metadata(path).is_err();
    OpenOptions::new().append(true).create(true).open(path).map_err(Failure::writing(path))?;
    if is_new { std::fs::remove_file(path).map_err(Failure::writing(path)) } else { Ok(()) }
}

/// What is timed one after the other: says which is, and remembers those that failed; the others count all the same.
struct Course {
    line: Line,
    began: Instant,
    done: usize,
    of: usize,
    failed: Vec<Failed>,
}

impl Course {
    fn new(of: usize) -> Self {
        Self { line: Line::new(false), began: Instant::now(), done: 0, of, failed: vec![] }
    }

    fn take<T, E: Display>(&mut self, case: &str, time: impl FnOnce() -> Result<T, E>) -> Option<T> {
        self.line.show_now(|| told(case, self.done, self.of, self.began.elapsed()));
        let timed = time();
        self.done += 1;
        match timed {
            Ok(timed) => Some(timed),
            Err(error) => {
                self.failed.push(Failed { case: case.to_owned(), why: error.to_string() });
                None
            }
        }
    }

    fn end(self) -> Vec<Failed> {
        self.line.end();
        self.failed
    }
}

fn told(case: &str, done: usize, of: usize, elapsed: Duration) -> String {
    let left = match done {
        0 => String::new(),
        _ => format!("; about {} left", duration((elapsed / done as u32 * (of - done) as u32).as_secs())),
    };
    format!("timing `{case}`, {} of {of}{left}", done + 1)
}

fn on_processor(args: &Bench, chosen: &[Case], engine: &dyn Engine, threads: usize, course: &mut Course) -> Report {
    let seconds = args.seconds / 4.0;
    let before = measure_peaks(threads, seconds);
    let report = timed(args, chosen, engine, threads, course);
    Report { peaks: before.better(&measure_peaks(threads, seconds)), ..report }
}

fn on_device(
    args: &Bench,
    chosen: &[Case],
    engine: &dyn DeviceEngine,
    threads: usize,
    course: &mut Course,
) -> Result<Report, Failure> {
    let peaks = bench_device::peaks(engine, args.seconds / 4.0)?;
    let mut report = timed(args, chosen, engine, threads, course);
    for case in chosen {
        let Some(whole) = report.cases.iter().find(|whole| whole.case == case.name) else { continue };
        let pieces = course.take(case.name, || in_pieces(args, case, whole, engine, &peaks));
        if let Some((step, kernels)) = pieces.flatten() {
            report.steps.push(step);
            report.kernels.extend(kernels);
        }
    }
    Ok(Report { device: Some(peaks), ..report })
}

/// A case's step and its kernels; nothing of a case without one.
fn in_pieces(
    args: &Bench,
    case: &Case,
    whole: &Measured,
    engine: &dyn DeviceEngine,
    peaks: &DevicePeaks,
) -> Result<Option<(Step, Vec<Kernel>)>, BenchError> {
    let Some(step) = bench_device::step(case, whole, engine, peaks, args.seconds)? else { return Ok(None) };
    if args.no_kernels {
        return Ok(Some((step, vec![])));
    }
    let kernels = bench_device::kernels(case, engine, peaks, args.seconds)?;
    let sum = kernels.iter().map(|kernel| kernel.seconds.median).sum();
    Ok(Some((Step { kernels: Some(sum), ..step }, kernels)))
}

/// Cases and growth, without what they are compared with.
fn timed(args: &Bench, chosen: &[Case], engine: &dyn Engine, threads: usize, course: &mut Course) -> Report {
    let cases = time_all(chosen, engine, args.seconds, course);
    let axes = Axis::ALL.into_iter().filter(|_| args.growth);
    let growth = axes.filter_map(|axis| course.take(axis.name(), || time_growth(axis, engine, args.seconds)));
    Report { cases, growth: growth.collect(), ..Report::of(Machine::here(threads, engine.numerics())) }
}

fn time_all(chosen: &[Case], engine: &dyn Engine, seconds: f64, course: &mut Course) -> Vec<Measured> {
    chosen.iter().filter_map(|case| course.take(case.name, || case.time(engine, seconds))).collect()
}

fn other(name: &str, threads: usize) -> Result<Box<dyn Engine>, Failure> {
    let asked = Executed { engine: name.to_owned(), precision: "f32".to_owned() };
    engine(&execution(&asked), threads).map_err(Failure::input)
}

fn time_beside(engine: &dyn Engine, chosen: &[Case], seconds: f64, course: &mut Course) -> Beside {
    Beside { numerics: engine.numerics(), cases: time_all(chosen, engine, seconds, course) }
}

fn chosen(args: &Bench, is_device: bool) -> Result<Vec<Case>, Failure> {
    let mut found: Vec<Case> = match (args.cases.as_slice(), args.growth, &args.filter) {
        ([], false, None) => cases().into_iter().filter(|case| !case.only_by_name).collect(),
        ([], true, None) => vec![],
        ([], _, Some(part)) => {
            cases().into_iter().filter(|case| is_device || !case.only_by_name || case.name == *part).collect()
        }
        (names, _, _) => names.iter().map(|name| case(name)).collect::<Result<_, _>>().map_err(Failure::input)?,
    };
    if let Some(part) = &args.filter {
        let known = found.iter().map(|case| case.name).collect::<Vec<_>>().join(", ");
        found.retain(|case| case.name.contains(part.as_str()));
        if found.is_empty() {
            let left_out = cases().into_iter().find(|case| case.only_by_name && case.name.contains(part.as_str()));
            let hint = left_out.map_or(String::new(), |case| format!("; `{}` is run by its whole name", case.name));
            let sentence = format!("no case's name contains `{part}`, expected part of one of {known}{hint}");
            return Err(Failure::input(sentence));
        }
    }
    Ok(match args.rows {
        Some(rows) => found.into_iter().map(|case| case.of_rows(rows as usize)).collect(),
        None => found,
    })
}
