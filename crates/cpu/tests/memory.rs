//! What the engine says a session will take is what it takes, counted by the allocator. A binary of its own, since the
//! allocator counts for the whole program.

use std::alloc::System;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use mmtl_cpu::CpuEngine;
use mmtl_plan::{Decay, Engine, Footprint, Optimiser, Plan, SessionOptions, Settings, TableUpdates, Update, Value};
use mmtl_reference::drawn::{self, Rows, SchemaSize};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that are allocated now.
fn live() -> usize {
    let stats = COUNTING.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Share of the footprint by which a session may differ from it: the compiled ops, marks of tiles and turns.
const TOLERANCE: f64 = 0.01;

/// Rows of the largest batch.
const ROWS: usize = 1500;

fn options() -> SessionOptions {
    SessionOptions { max_rows: ROWS, initialisation: 1, dropout: 1, tables: TableUpdates::Exact }
}

/// The footprint of a session, and the bytes that it holds after some steps.
fn told_and_held(plan: &Arc<Plan>, threads: usize) -> (Footprint, usize) {
    let engine = CpuEngine::new(threads).expect("threads start");
    let told = engine.footprint(plan, options()).expect("the plan is executed").expect("the engine can tell");
    let batch = drawn::batch(&plan.schema, &Rows::count(ROWS), 1);
    let weights = vec![1.0; plan.objectives.len()];
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    let stepped = || {
        let mut session = engine.session(Arc::clone(plan), options()).expect("there is memory");
        for step in 1..=3 {
            let update = Update { optimiser, lr: 0.01, step, clip: Some(0.5), decay: Decay::default() };
            session.step(&batch, &weights, &update).expect("the batch fits");
        }
        session
    };
    // What a program and a pool's threads allocate once, whatever the session, is none of this one's.
    drop(stepped());
    let before = live();
    let mut session = stepped();
    let held = live() - before;
    let snapshot = session.snapshot(true).expect("copies");
    let floats = |arrays: &[Vec<f32>]| arrays.iter().map(Vec::len).sum::<usize>();
    let trained = snapshot.dense.len() + floats(&snapshot.tables);
    assert_eq!(told.parameters, 4 * (trained + floats(&snapshot.states)) as u64, "`{}`", plan.name);
    let rows: usize = plan.tables.iter().map(|table| table.rows).sum();
    assert_eq!(told.optimiser, (8 * trained + rows) as u64, "`{}`: two moments, and a byte of steps seen", plan.name);
    (told, held)
}

/// An architecture on a schema whose tables are large enough to matter.
fn large(name: &str) -> Arc<Plan> {
    let schema = drawn::schema(SchemaSize { items: 3000, ..SchemaSize::default() });
    let architecture = mmtl_zoo::architecture(name).expect("the zoo has it");
    let own = Settings::resolve(&architecture.knobs(), []).expect("defaults are accepted");
    let dim = Value::Int(16);
    let model = Settings::resolve(&mmtl_zoo::model_knobs(), [("embedding_dim", &dim)]).expect("16 is a width");
    let tasks: Vec<usize> = (0..schema.tasks.len()).collect();
    Arc::new(architecture.plan(&schema, &tasks, &model, &own).expect("it applies"))
}

/// On the main thread, beside which there is none of a harness: what that allocates would be counted.
fn main() {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let test = || {
        a_session_takes_what_its_footprint_says();
        Ok(())
    };
    libtest_mimic::run(&arguments, vec![Trial::test("a_session_takes_what_its_footprint_says", test)]).exit();
}

fn a_session_takes_what_its_footprint_says() {
    for threads in [1, 2] {
        for plan in [large("mmoe"), large("star"), large("shared-bottom")] {
            let (told, held) = told_and_held(&plan, threads);
            let off = held as f64 / told.total() as f64 - 1.0;
            assert!(off.abs() < TOLERANCE, "`{}` on {threads} threads holds {held} bytes, told {told:?}", plan.name);
        }
    }
}
