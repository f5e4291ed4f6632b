//! The kernels of training steps on a device, by criterion, as `mmtl bench` launches them: with the last ops of a step launched
//! together, and with each by itself. Gradients are clipped. It fails where an architecture at its defaults launches a kernel
//! that none of the cases has.
//!
//! `cargo bench --bench kernels` times them on the best device that there is, or else the first software device;
//! `cargo bench --bench kernels -- large` some. MMTL_BENCH_ENGINE names another device, such as `wgpu:1`,
//! MMTL_BENCH_ROWS replaces the cases' rows, of which a software device gets 64.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use mmtl_bench::{Case, Model, Round, Work, World, adam, batches, case, session_options};
use mmtl_kernels::{DeviceEngine, Launching, Profiled};
use mmtl_plan::{Factors, Settings, TableUpdates, Update};
use mmtl_reference::drawn::{self, SchemaSize};
use mmtl_zoo::{architectures, model_knobs};

type Benched = Result<(), Box<dyn Error>>;

/// Cases that have most kernels between them.
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
    let engine = mmtl_kernels::open(&engine, Factors::F32)?;
    let mut timed = BTreeSet::new();
    let cases = CASES.into_iter().map(case).collect::<Result<Vec<Case>, _>>()?;
    for case in cases.into_iter().chain([star_with_its_auxiliary_net()]) {
        let case = rows.map_or(case.clone(), |rows| case.of_rows(rows));
        timed.extend(kernels_of(&mut criterion, case.name, &case, engine.as_ref())?);
        let composed = format!("{}, composed", case.name);
        timed.extend(kernels_of(&mut criterion, &composed, &case, engine.composed().as_ref())?);
    }
    criterion.final_summary();
    let left_out: Vec<_> = of_the_zoo()?.difference(&timed).copied().collect();
    if left_out.is_empty() { Ok(()) } else { Err(format!("no case has these kernels: {}", left_out.join(", ")).into()) }
}

/// What adds logits of two nets.
fn star_with_its_auxiliary_net() -> Case {
    let world = World { fields: 14, ids: 10_000, tasks: 1, scenes: 10 };
    let model = Model { architecture: "star", settings: vec![], world, rows: 4096 };
    let round = Round { batches: STEPS_BEFORE, whole_first: false };
    let work = Work::Step { model, tables: TableUpdates::Exact, round };
    Case { name: "star-auxiliary", about: "STAR at its defaults, 10 scenes", work, only_by_name: true }
}

/// The kernels of all architectures at their defaults, launched either way.
fn of_the_zoo() -> Result<BTreeSet<&'static str>, Box<dyn Error>> {
    let schema = drawn::schema(SchemaSize::default());
    let mut kernels = BTreeSet::new();
    for architecture in architectures() {
        let (model, own) = (Settings::resolve(&model_knobs(), [])?, Settings::resolve(&architecture.knobs(), [])?);
        for fit in architecture.fits(&schema) {
            let plan = architecture.plan(&schema, &fit.tasks, &model, &own)?;
            for launching in [Launching::Fused, Launching::Composed] {
                let launches = mmtl_kernels::launches(&plan, TableUpdates::Exact, true, launching)?;
                kernels.extend(launches.into_iter().map(|(kernel, _)| kernel));
            }
        }
    }
    Ok(kernels)
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

/// Times the kernels of a case's step, and tells which there are.
fn kernels_of(
    criterion: &mut Criterion,
    name: &str,
    case: &Case,
    engine: &dyn DeviceEngine,
) -> Result<Vec<&'static str>, Box<dyn Error>> {
    let Work::Step { model, tables, .. } = &case.work else { return Ok(vec![]) };
    let batches = batches(model.world, model.rows, STEPS_BEFORE);
    let options = session_options(model.rows, *tables);
    let update = Update { clip: Some(1.0), ..adam(1) };
    let profiled = Profiled { plan: Arc::new(model.plan()?), options, batches, update };
    let mut timer = engine.profile(&profiled)?;
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
    Ok(timer.works().into_iter().map(|work| work.kernel).collect())
}
