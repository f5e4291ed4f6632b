//! The kernels of training steps on a device, by criterion, as `mmtl bench --kernels` launches them.
//!
//! `cargo bench --bench kernels` times them on the best device that there is, or else the first software device;
//! `cargo bench --bench kernels -- large` some. MMTL_BENCH_ENGINE names another device, such as `wgpu:1`,
//! MMTL_BENCH_ROWS replaces the cases' rows, of which a software device gets 64.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use mmtl_bench::{Work, adam, batches, case, session_options};
use mmtl_kernels::Profiled;
use mmtl_plan::Factors;

type Benched = Result<(), Box<dyn Error>>;

/// Cases that between them have every kind of kernel.
const CASES: [&str; 4] = ["large", "small-1024", "star-10", "norm-wide"];

/// Rows of a step on a software device.
const SOFT_ROWS: usize = 64;

/// Steps before the kernels of the last are timed.
const STEPS_BEFORE: usize = 4;

fn main() -> Benched {
    let (engine, software) = device()?;
    let rows = match std::env::var("MMTL_BENCH_ROWS") {
        Ok(text) => Some(text.parse()?),
        Err(_) => software.then_some(SOFT_ROWS),
    };
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for name in CASES {
        kernels_of(&mut criterion, name, &engine, rows)?;
    }
    criterion.final_summary();
    Ok(())
}

/// The device's name, and whether it is a processor.
fn device() -> Result<(String, bool), Box<dyn Error>> {
    let (mut found, missing) = mmtl_kernels::devices();
    found.sort_by_key(|device| device.software);
    let device = match std::env::var("MMTL_BENCH_ENGINE") {
        Ok(name) => found.iter().find(|device| device.name == name || device.name == format!("{name}:0")),
        Err(_) => found.first(),
    };
    let why = || missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let device = device.ok_or_else(|| format!("there is no such device to time: {}", why()))?;
    Ok((device.name.clone(), device.software))
}

fn kernels_of(criterion: &mut Criterion, name: &str, engine: &str, rows: Option<usize>) -> Benched {
    let case = case(name)?;
    let case = rows.map_or(case.clone(), |rows| case.of_rows(rows));
    let Work::Step { model, tables, .. } = &case.work else { return Ok(()) };
    let batches = batches(model.world, model.rows, STEPS_BEFORE);
    let options = session_options(model.rows, *tables);
    let profiled = Profiled { plan: Arc::new(model.plan()?), options, batches: &batches, update: adam(1) };
    let mut timer = mmtl_kernels::open(engine, Factors::F32)?.profile(&profiled)?;
    let mut group = criterion.benchmark_group(name);
    for (place, work) in timer.works().into_iter().enumerate() {
        group.throughput(Throughput::Bytes(work.bytes));
        let number = work.number.map_or(String::new(), |number| number.to_string());
        group.bench_function(BenchmarkId::new(work.kernel, number), |bencher| {
            bencher.iter_custom(|launches| {
                let seconds = timer.time(place, launches as usize).expect("the device launches what a step did");
                Duration::from_secs_f64(seconds)
            });
        });
    }
    group.finish();
    Ok(())
}
