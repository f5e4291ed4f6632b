//! Training in its steady state allocates nothing, the thread that prepares its batches included. A binary of its own,
//! since the allocator counts for the whole program, on all threads.
//!
//! Apart from steps, these are counted and excused, each with its number: the list in which a session hands out losses
//! (every [`READ_EVERY`] steps), the means of a report and the sums begun anew after it (four reports a second at most),
//! what rayon needs to enter a pool, and the first time that trainer or loader wait for the other.

use std::alloc::System;
use std::io;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use mmtl_cpu::CpuEngine;
use mmtl_data::{Dataset, FieldColumn};
use mmtl_plan::{FieldKind, Purpose, Stream, Value};
use mmtl_train::{Checkpoint, Command, Evaluation, FitRows, Progress, READ_EVERY, Watcher, fit};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[expect(dead_code, reason = "shared with the other tests, which use all of it")]
mod world;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often anybody has allocated, or had an allocation grow.
fn allocations() -> usize {
    let stats = COUNTING.stats();
    stats.allocations + stats.reallocations
}

const ROWS: usize = 2000;
const IDS: usize = 3000;
const BATCH: i64 = 64;
const EPOCHS: i64 = 60;

/// Counting begins here, in the sixteenth epoch: the history of exact updates is full then, 256 steps long.
const FIRST: u64 = 304;

/// So long a wait that the loader has filled its queue and waits too.
const WAIT: Duration = Duration::from_millis(20);

/// At the first wait of each thread on the channel between them: the end's list of who waits, the thread's note of
/// itself, and what is to be done with that when it ends. In all likelihood both waited long before the counting.
const FIRST_WAITS: usize = 2 * 3;

/// The world of the other tests with so many ids, frequent and rare, that batches differ in how many they hold, and with
/// weights and groups.
fn dataset() -> Dataset {
    let mut columns = world::columns(ROWS);
    let skewed = |name: &str, count: usize| -> Vec<u32> {
        let stream = Stream::new(23, Purpose::Data, name);
        (0..count).map(|at| (stream.uniform(0, at as u64).powi(3) * IDS as f64) as u32).collect()
    };
    for (field, column) in columns.schema.fields.iter().zip(&mut columns.fields) {
        let (FieldKind::Categorical { vocabulary } | FieldKind::Tokens { vocabulary, .. }) = field.kind else {
            continue;
        };
        if let FieldColumn::Ids(ids) | FieldColumn::Tokens { ids, .. } = column {
            *ids = skewed(&field.name, ids.len());
            columns.schema.vocabularies[vocabulary].size = IDS;
        }
    }
    columns.weights = (0..ROWS).map(|row| 0.5 + (row % 3) as f32).collect();
    columns.groups = (0..ROWS as u64).map(|row| row / 4).collect();
    Dataset::from_columns(columns).expect("the columns fit the schema")
}

/// Looks at the counter and leaves it as it is.
#[derive(Default)]
struct Meter {
    step: u64,
    before: usize,
    reports: usize,
    /// Steps, losses read and allocations of what was counted.
    counted: (u64, usize, usize),
}

impl Watcher for Meter {
    fn progress(&mut self, _: &Progress) -> io::Result<()> {
        // One at the step before the counting lets the sums begin anew during it.
        self.reports += usize::from(self.step + READ_EVERY >= FIRST);
        Ok(())
    }

    fn evaluated(&mut self, evaluation: &Evaluation) -> io::Result<()> {
        assert!(evaluation.epochs == EPOCHS as f64, "an evaluation while it is counted");
        Ok(())
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        assert!(checkpoint.step() > FIRST + self.counted.0, "a checkpoint while it is counted");
        Ok(())
    }

    fn command(&mut self) -> io::Result<Command> {
        self.step += READ_EVERY;
        if self.step < FIRST {
            std::thread::sleep(if self.step <= 4 * READ_EVERY { WAIT } else { Duration::ZERO });
            return Ok(Command::Continue);
        }
        let allocated = allocations();
        if self.step == FIRST {
            self.before = allocated;
        }
        let steps = self.step - FIRST;
        self.counted = (steps, (steps / READ_EVERY) as usize, allocated - self.before);
        Ok(Command::Continue)
    }
}

/// On the main thread, beside which there is none of a harness: what that allocates would be counted.
fn main() {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let test = || {
        training_allocates_nothing_batches_included();
        Ok(())
    };
    libtest_mimic::run(&arguments, vec![Trial::test("training_allocates_nothing_batches_included", test)]).exit();
}

fn training_allocates_nothing_batches_included() {
    let dataset = dataset();
    let plan = world::plan(&dataset, "mmoe", &[0, 1, 2], &[("dropout", Value::Float(0.1))]);
    let train = [
        ("epochs", Value::Int(EPOCHS)),
        ("eval_every", Value::Float(EPOCHS as f64)),
        ("batch_size", Value::Int(BATCH)),
        ("patience", Value::Int(0)),
        ("checkpoint_every", Value::Float(1e9)),
    ];
    let spec = world::spec(&dataset, &plan, &train, &[]);
    let steps = spec.training.timetable(FitRows::all(&dataset).train().len()).steps();
    for threads in [1, 2] {
        let mut meter = Meter::default();
        let engine = CpuEngine::new(threads).expect("threads start");
        world::finished(fit(&engine, &dataset, &spec, None, &mut meter).expect("it trains"));
        let (counted, reads, allocations) = meter.counted;
        assert!(counted > steps - FIRST - READ_EVERY - 1, "only {counted} of {steps} steps were counted");
        // rayon's queue into a pool takes a new block every 63 entries, one a step.
        let entries = if threads > 1 { counted as usize / 63 + 1 } else { 0 };
        let excused = reads + 2 * meter.reports + entries + FIRST_WAITS;
        assert!(
            allocations <= excused,
            "{allocations} allocations, {excused} excused, in {counted} steps on {threads} threads"
        );
    }
}
