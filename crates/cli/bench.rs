//! `mmtl bench`: times cases beside the machine's peak.

use std::thread::available_parallelism;

use mmtl_bench::{Axis, Case, Machine, Report, case, cases, json, measure_peaks, text, time_growth};

use crate::args::{Bench, TextOrJson};
use crate::engines::{engine, execution};
use crate::failure::Failure;

/// Times what was asked for and prints it.
pub fn bench(args: &Bench) -> Result<(), Failure> {
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let chosen = chosen(args)?;
    let engine = engine(&execution(&args.executed), threads).map_err(Failure::input)?;
    let before = measure_peaks(threads, args.seconds / 4.0);
    let mut measured = vec![];
    for case in &chosen {
        measured.push(case.time(engine.as_ref(), args.seconds).map_err(Failure::failed)?);
    }
    let mut growth = vec![];
    for axis in Axis::ALL.into_iter().filter(|_| args.growth) {
        growth.push(time_growth(axis, engine.as_ref(), args.seconds).map_err(Failure::failed)?);
    }
    let peaks = before.better(&measure_peaks(threads, args.seconds / 4.0));
    let report = Report { machine: Machine::here(threads, engine.numerics()), peaks, cases: measured, growth };
    match args.format {
        TextOrJson::Text => print!("{}", text(&report)),
        TextOrJson::Json => println!("{}", serde_json::to_string(&json(&report)).map_err(Failure::failed)?),
    }
    Ok(())
}

fn chosen(args: &Bench) -> Result<Vec<Case>, Failure> {
    match (args.cases.as_slice(), args.growth) {
        ([], false) => Ok(cases()),
        ([], true) => Ok(vec![]),
        (names, _) => names.iter().map(|name| case(name)).collect::<Result<_, _>>().map_err(Failure::input),
    }
}
