//! The same trial gives the same bytes: on any number of threads, in any order, beside other runs, and however often
//! its worker or its scheduler is killed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mmtl_grid::events::RunEvent;
use mmtl_grid::store::{Line, Store};
use mmtl_grid::{TrialKey, read_grid};
use mmtl_plan::{Purpose, Stream};

use crate::program::Program;

/// Fits of their own for each task, for each scene, and one with every kind of state; selection per scene.
fn experiment(architectures: &str, epochs: u32) -> String {
    format!(
        r#"
name = "exact"
[data]
source = "synthetic"
rows = 6000
dim = 16
scenes = 3
categories = 2
kinds = ["binary", "regression"]
[model]
dropout = 0.2
embedding_dim = 4
[train]
epochs = {epochs}
patience = 0
batch_size = 64
checkpoint_every = 0.02
clip = 1.0
decay_tables = 1e-4
schedule = "cosine"
[select]
per = "scene"
[grid]
architecture = [{architectures}]
protocol = ["joint", "per-scene"]
seed = [1, 2]
"#
    )
}

/// `record.json` and `predictions.parquet` of every run.
fn results(root: &Path) -> BTreeMap<TrialKey, [Vec<u8>; 2]> {
    let store = Store::open(root).unwrap();
    let runs = read_grid(&store).unwrap().runs.into_iter().filter(|run| run.not_applicable.is_none());
    runs.map(|run| {
        let folder = store.run(&run.key);
        let read =
            |name: &str| fs::read(folder.file(name)).unwrap_or_else(|error| panic!("{} {name}: {error}", run.key));
        (run.key.clone(), ["record.json", "predictions.parquet"].map(read))
    })
    .collect()
}

#[test]
fn threads_order_and_company_move_no_byte() {
    let (one, other) = (Program::new(), Program::new());
    one.write("exact.toml", &experiment(r#""single-task", "mmoe", "star""#, 2));
    other.write("exact.toml", &experiment(r#""star", "mmoe", "single-task""#, 2));
    for (program, how) in [(&one, ["--jobs", "1", "--threads", "1"]), (&other, ["--jobs", "3", "--threads", "2"])] {
        let finished = program.grid("exact.toml", &how);
        assert_eq!(finished.code, 0, "{finished:?}");
    }
    let (one, other) = (results(&one.path("results/exact")), results(&other.path("results/exact")));
    assert_eq!(one.len(), 10, "star has no per-scene runs");
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (key, bytes) in &one {
        assert!(bytes == &other[key], "{key} differs");
    }
}

/// `scalar` is what a machine without vectors does; where there is no AVX2, nothing else can be asked for.
#[test]
fn instruction_sets_move_no_byte() {
    let dropped = experiment(r#""mmoe""#, 1);
    // Experts of two layers, the second of which passes the first's ReLU back: dropout would come between them.
    let whole = dropped
        .replace("dropout = 0.2", "dropout = 0.0")
        .replace("[train]", "[mmoe]\nexpert_widths = [32, 16]\n[train]");
    let mut others = vec!["scalar"];
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        others.push("avx2");
    }
    for text in [dropped, whole] {
        let run = |set: &str| {
            let program = Program::new();
            program.write("exact.toml", &text);
            let output = program.command(&["run", "--plain", "exact.toml"]).env("MMTL_SIMD", set).output().unwrap();
            assert!(output.status.success(), "{set}: {output:?}");
            results(&program.path("results/exact"))
        };
        let widest = run("");
        assert_eq!(widest.len(), 4);
        for set in &others {
            for (key, bytes) in &run(set) {
                assert!(bytes == &widest[key], "{key} differs with {set}");
            }
        }
    }
}

const KILLS: u64 = 50;

#[test]
fn fifty_kills_move_no_byte() {
    let text = experiment(r#""single-task", "star""#, 40);
    let (calm, killed) = (Program::new(), Program::new());
    for program in [&calm, &killed] {
        program.write("exact.toml", &text);
    }
    let finished = calm.grid("exact.toml", &["--jobs", "2", "--threads", "1"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    kill_often(&killed);
    // The scheduler that the last kill left may report the worker that it lost; the next one goes on with it.
    killed.grid("exact.toml", &["--jobs", "2", "--threads", "1"]);
    let finished = killed.grid("exact.toml", &["--jobs", "2", "--threads", "1"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let going_on = attempts_that_went_on(&killed.path("results/exact"));
    let (calm, killed) = (results(&calm.path("results/exact")), results(&killed.path("results/exact")));
    for (key, bytes) in &calm {
        assert!(bytes == &killed[key], "{key} differs");
    }
    assert_eq!(calm.len(), killed.len());
    assert!(going_on >= 10, "only {going_on} attempts went on from a checkpoint");
}

/// Attempts that went on from a checkpoint behind the first step.
fn attempts_that_went_on(root: &Path) -> usize {
    let runs = Store::open(root).unwrap().runs().unwrap();
    let lines = runs.into_iter().flat_map(|run| run.events().poll().unwrap()).filter_map(Line::into_value);
    lines.filter(|line| matches!(line.event, RunEvent::Resumed { step: 1.., .. })).count()
}

/// Kills workers and schedulers by turns at random moments, starting the grid again whenever nothing runs.
fn kill_often(program: &Program) {
    let random = Stream::new(1, Purpose::Data, "moments of kills");
    let root = program.path("results/exact");
    for kill in 0..KILLS {
        let of_scheduler = kill % 3 == 0;
        let began = Instant::now();
        loop {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "nothing to kill at kill {kill}: the grid is over too soon"
            );
            start(program);
            thread::sleep(Duration::from_millis(20 + 200 * u64::from(random.word(0, kill)) / u64::from(u32::MAX)));
            if let Some(pid) = victim(&root, of_scheduler) {
                let status = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
                if status.success() {
                    break;
                }
            }
        }
    }
}

fn start(program: &Program) {
    let started = program.grid("exact.toml", &["--jobs", "2", "--threads", "1", "--detach"]);
    assert_eq!(started.code, 0, "{started:?}");
}

/// The process of a live scheduler or worker.
fn victim(root: &Path, of_scheduler: bool) -> Option<u32> {
    let store = Store::open(root).unwrap();
    if of_scheduler {
        return store.scheduler().unwrap().map(|grant| grant.holder.pid);
    }
    let worker = |folder: mmtl_grid::store::RunFolder| folder.worker().unwrap().map(|grant| grant.holder.pid);
    store.runs().unwrap().into_iter().find_map(worker)
}
