//! A forecast holds: what runs then allocate at their peak is what it said, counted by the allocator. A binary of its
//! own with one test, since the allocator counts for the whole program.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use mmtl_cpu::CpuEngine;
use mmtl_grid::run::{CheckpointFits, Journal, RunError, fits, run_trial};
use mmtl_grid::{Catalogue, Execution, Experiment, Round, forecast, prepare};
use mmtl_train::{Checkpoint, Evaluation, Model, Progress};

/// The system's allocator, counting.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(LIVE.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(LIVE.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Share of the peak by which a forecast may be off: lists that grow by doubling, records, scores.
const TOLERANCE: f64 = 0.05;

/// Large tables, where copies of weights decide; and many rows with few parameters, where batches and rows do.
const EXPERIMENTS: [&str; 2] = [
    r#"
name = "tables"
[data]
source = "synthetic"
rows = 6000
dim = 4
scenes = 2
popularity = 0.0
cardinalities = [3000, 2000]
[model]
embedding_dim = 32
[train]
epochs = 2
batch_size = 256
[seeds]
data = 1
[grid]
architecture = ["single-task", "mmoe", "star"]
"train.optimiser" = ["adam", "sgd"]
protocol = ["joint", "per-scene"]
"#,
    r#"
name = "rows"
[data]
source = "synthetic"
rows = 20000
dim = 60
cache = false
[model]
embedding_dim = 4
[train]
epochs = 1
batch_size = 1024
[select]
per = "task"
[shared-bottom]
bottom_widths = [8]
tower_widths = [4]
[grid]
architecture = ["shared-bottom"]
seed = [1, 2]
"#,
];

/// Writes checkpoints as a worker does, but nowhere.
struct Nowhere;

impl Journal for Nowhere {
    fn progress(&mut self, _: usize, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn evaluated(&mut self, _: usize, _: &Evaluation) -> io::Result<()> {
        Ok(())
    }

    fn checkpoint(&mut self, _: usize, checkpoint: &Checkpoint) -> io::Result<()> {
        io::Write::write_all(&mut io::sink(), &checkpoint.to_bytes())
    }

    fn wants_insight(&self) -> bool {
        true
    }

    fn kept(&mut self, _: usize, _: CheckpointFits<'_>) -> Result<Option<Checkpoint>, RunError> {
        Ok(None)
    }

    fn fitted(&mut self, _: usize, _: &Model) -> io::Result<()> {
        Ok(())
    }

    fn stop(&mut self) -> bool {
        false
    }
}

#[test]
fn runs_take_what_was_forecast() {
    for text in EXPERIMENTS {
        holds(text);
    }
}

fn holds(text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (file, cache) = (folder.path().join("experiment.toml"), folder.path().join("cache"));
    std::fs::write(&file, text).unwrap();
    let (catalogue, execution, engine) = (Catalogue::standard(), Execution::default(), CpuEngine::new(1).unwrap());
    let experiment = Experiment::read(&file, &catalogue).unwrap();
    let told = forecast(&experiment, &catalogue, (&execution, &engine), (2, 1), &cache, &mut |_| {}).unwrap();
    let prepared = prepare(&experiment, &catalogue, &execution, &cache, &mut |_| {}).unwrap();
    let mut runs = 0;
    for (run, trial) in prepared.trials().filter(|(run, _)| run.not_applicable.is_none()) {
        let configuration = &trial.configuration;
        let settings = configuration.settings(&catalogue).unwrap();
        let of_run = |row: &mmtl_grid::Row| {
            row.architecture == run.architecture && row.values.iter().all(|value| run.rows[0].values.contains(value))
        };
        let told = told.configurations.iter().find(|told| of_run(&told.row)).unwrap();
        let dataset = mmtl_data::open(&settings.data, &configuration.seeds, &cache, &mut |_| {}).unwrap();
        // Preparing data in memory is over here.
        let not_mapped = if told.cost.mapped == 0 { dataset.bytes() as usize } else { 0 };
        let lists = 4 * dataset.len();
        let before = LIVE.load(Relaxed) - not_mapped - lists;
        PEAK.store(LIVE.load(Relaxed), Relaxed);
        let architecture = mmtl_zoo::architecture(&run.architecture).unwrap();
        let fits = fits(configuration, &settings, architecture, &dataset).unwrap();
        run_trial(&fits, &dataset, &engine, (Round::Final, &[]), &mut Nowhere).unwrap().unwrap();
        let (taken, expected) = (PEAK.load(Relaxed) - before, told.cost.memory().unwrap());
        let off = taken as f64 / expected as f64 - 1.0;
        assert!(off.abs() < TOLERANCE, "`{}` took {taken} bytes, {off:+.3} off {:?}", run.rows[0], told.cost);
        runs += 1;
    }
    assert_eq!(runs, told.configurations.iter().map(|told| told.runs).sum::<usize>());
}
