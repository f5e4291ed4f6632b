//! A step in its steady state allocates nothing: whatever a session needs, it has from the start or the first steps.
//! A binary of its own, since the allocator counts for the whole program.

use std::alloc::System;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use mmtl_plan::{Batch, Plan, TableUpdates};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

mod world;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often anybody has allocated, or had an allocation grow.
fn allocations() -> usize {
    let stats = COUNTING.stats();
    stats.allocations + stats.reallocations
}

/// On the main thread, beside which there is none of a harness: what that allocates would be counted.
fn main() {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let test = || {
        a_step_allocates_nothing();
        Ok(())
    };
    libtest_mimic::run(&arguments, vec![Trial::test("a_step_allocates_nothing", test)]).exit();
}

fn a_step_allocates_nothing() {
    // The history of exact updates, 255 long, fills before the counting and during it.
    count(&world::every_op(), 600);
    count(&world::every_op_wide(), 40);
    count(&world::small_tables(false), 40);
}

fn count(plan: &Arc<Plan>, steps: u64) {
    let weights = world::objective_weights(plan);
    let batches: Vec<Batch> = (0..4).map(|number| world::batch(plan, 200, number)).collect();
    for threads in [1, 2] {
        let mut session = world::session(&world::engine(threads), plan, TableUpdates::Exact);
        let mut before = 0;
        for step in 1..=steps {
            if step == steps / 2 {
                before = allocations();
            }
            session
                .step(&batches[step as usize % batches.len()], &weights, &world::adam(step))
                .expect("the batch fits");
        }
        assert!(before > 0, "nothing is counted");
        let allocated = allocations() - before;
        // Entering a pool is rayon's: its queue takes a new block every 63 entries.
        let entries = if threads > 1 { steps / 2 / 60 + 1 } else { 0 };
        assert!(allocated <= entries as usize, "{allocated} allocations on {threads} threads");
    }
}
