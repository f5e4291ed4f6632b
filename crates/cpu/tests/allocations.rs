//! A step in its steady state allocates nothing: whatever a session needs, it has from the start or the first steps.
//! A binary of its own, since the allocator counts for the whole program.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mmtl_plan::{Batch, Plan, TableUpdates};

mod world;

/// The system's allocator, counting.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_step_allocates_nothing() {
    // The history of exact updates, 256 long, fills before the counting and during it.
    count(&world::every_op(), 600);
    count(&world::every_op_wide(), 40);
}

fn count(plan: &Arc<Plan>, steps: u64) {
    let weights = world::objective_weights(plan);
    let batches: Vec<Batch> = (0..4).map(|number| world::batch(plan, 200, number)).collect();
    for threads in [1, 2] {
        let mut session = world::session(&world::engine(threads), plan, TableUpdates::Exact);
        let mut before = 0;
        for step in 1..=steps {
            if step == steps / 2 {
                before = ALLOCATIONS.load(Ordering::Relaxed);
            }
            session
                .step(&batches[step as usize % batches.len()], &weights, &world::adam(step))
                .expect("the batch fits");
        }
        let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
        // Entering a pool is rayon's: its queue takes a new block every 63 entries.
        let entries = if threads > 1 { steps / 2 / 60 + 1 } else { 0 };
        assert!(allocated <= entries as usize, "{allocated} allocations on {threads} threads");
    }
}
