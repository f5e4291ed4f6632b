//! Whole steps of every case of `mmtl bench`, and steps of plans that are next to nothing but one op, by criterion.
//!
//! `cargo bench` runs them all, `cargo bench -- op/` or `cargo bench -- small` some, on all cores: MMTL_BENCH_THREADS
//! says how many else.

use std::error::Error;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use mmtl_bench::{Call, Case, OP_ROWS, OP_WORLD, Running, SINGLE_OPS, Work, batches, cases};
use mmtl_cpu::CpuEngine;
use mmtl_plan::{Engine, TableUpdates};

type Benched = Result<(), Box<dyn Error>>;

/// Different batches of a one-op plan.
const OP_BATCHES: usize = 8;

fn main() -> Benched {
    let cores = available_parallelism().map_or(1, usize::from);
    let threads = std::env::var("MMTL_BENCH_THREADS").ok().map_or(Ok(cores), |text| text.parse())?;
    let engine = CpuEngine::new(threads)?;
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    whole_steps(&mut criterion, &engine)?;
    single_ops(&mut criterion, &engine)?;
    criterion.final_summary();
    Ok(())
}

fn whole_steps(criterion: &mut Criterion, engine: &dyn Engine) -> Benched {
    let mut group = criterion.benchmark_group("step");
    for Case { name, work, .. } in cases().into_iter().filter(|case| !case.only_by_name) {
        let (model, tables, call, round) = match work {
            Work::Step { model, tables, round } => (model, tables, Call::Step, round),
            Work::Predict { model, round } => (model, TableUpdates::Exact, Call::Predict, round),
            Work::Auc { .. } => continue, // no step
        };
        let plan = Arc::new(model.plan()?);
        group.throughput(Throughput::Elements(model.rows as u64));
        // Sessions and batches take long to make, so a case that is filtered out makes none.
        let mut running = None;
        group.bench_function(name, |bencher| {
            let running = running.get_or_insert_with(|| {
                let batches = batches(model.world, model.rows, round.batches);
                let mut running =
                    Running::new(Arc::clone(&plan), batches, tables, call, engine).expect("the engine runs the case");
                for _ in 0..if round.whole_first { round.batches } else { 0 } {
                    running.call().expect("a batch of the case fits its session");
                }
                running
            });
            bencher.iter(|| running.call().expect("a batch of the case fits its session"));
        });
    }
    group.finish();
    Ok(())
}

fn single_ops(criterion: &mut Criterion, engine: &dyn Engine) -> Benched {
    let mut group = criterion.benchmark_group("op");
    group.throughput(Throughput::Elements(OP_ROWS as u64));
    for op in SINGLE_OPS {
        let plan = Arc::new(op.plan()?);
        let mut running = None;
        group.bench_function(op.name, |bencher| {
            let running = running.get_or_insert_with(|| {
                let batches = batches(OP_WORLD, OP_ROWS, OP_BATCHES);
                Running::new(Arc::clone(&plan), batches, TableUpdates::Exact, Call::Step, engine)
                    .expect("the engine runs every op")
            });
            bencher.iter(|| running.call().expect("a batch of the op fits its session"));
        });
    }
    group.finish();
    Ok(())
}
