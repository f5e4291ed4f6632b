//! Stores as large as people make them, made up for benches and tests of what reads them.

use std::fs;
use std::path::Path;

use mmtl_metrics::{Metric, Score, Scored};
use mmtl_plan::{Space, TargetScale, Task, TaskKind, Value};

use crate::error::GridError;
use crate::events::{Ending, Evaluated, GridEvent, RunEvent, RunStatus, Stamped, VERSION, ValidScore};
use crate::key::TrialKey;
use crate::planned::{Grid, Planned, write_grid};
use crate::store::{Store, atomic};
use crate::trial::Row;

const ARCHITECTURES: [&str; 6] = ["single-task", "shared-bottom", "mmoe", "cgc", "ple", "star"];
const SCENES: [&str; 4] = ["home", "search", "cart", "feed"];
const SEEDS: usize = 5;
/// Reports of progress between evaluations.
const REPORTS: usize = 10;
const STEPS_A_REPORT: u64 = 100;
/// Milliseconds since 1970 at which the first run begins, and how far events lie apart.
const BEGAN: u64 = 1_767_225_600_000;
const APART: u64 = 250;

/// Makes a store of `runs` runs that told `events` events each, of 2 tasks in 4 scenes by 2 metrics: every tenth report
/// of progress is followed by an evaluation and a checkpoint. One run in fifty failed; `running` of them, the last ones,
/// still run, though nobody executes them; the others finished, without records. The same arguments give the same bytes.
///
/// # Errors
/// When files cannot be written.
pub fn large_store(root: &Path, runs: usize, events: usize, running: usize) -> Result<Store, GridError> {
    let store = Store::create(root)?;
    let planned: Vec<Planned> = (0..runs).map(planned).collect();
    let status = |run: usize| match run {
        run if run + running >= runs => RunStatus::Running { host: "made-up".into(), pid: run as u32 },
        run if run % 50 == 49 => RunStatus::Failed { reason: reason() },
        _ => RunStatus::Finished,
    };
    for (number, run) in planned.iter().enumerate() {
        let folder = store.run(&run.key);
        fs::create_dir_all(folder.root()).map_err(GridError::writing(folder.root()))?;
        let path = folder.events_file();
        fs::write(&path, lines(&told(number, events, &status(number)))).map_err(GridError::writing(&path))?;
    }
    let told = grid_events(root, &planned, running, &status);
    fs::write(store.grid_file(), lines(&told)).map_err(GridError::writing(&store.grid_file()))?;
    atomic::replace(&store.experiment_file(), EXPERIMENT.as_bytes())?;
    write_grid(
        &store,
        &Grid { runs: planned, tasks: tasks(), scenes: SCENES.map(str::to_owned).to_vec(), ..Grid::default() },
    )?;
    Ok(store)
}

const EXPERIMENT: &str = "name = \"large\"\n[data]\nsource = \"synthetic\"\n[grid]\narchitecture = [\"mmoe\"]\n";

fn key(run: usize) -> TrialKey {
    // Keys of real trials are hashes: neighbours in the grid are none in the folder.
    let spread = (run as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{spread:016x}").parse().expect("16 hexadecimal digits")
}

fn planned(run: usize) -> Planned {
    let configuration = run / SEEDS;
    let architecture = ARCHITECTURES[configuration % ARCHITECTURES.len()].to_owned();
    let rate = 1e-4 * (1 + configuration / ARCHITECTURES.len()) as f64;
    let values = vec![("train.lr".to_owned(), Value::Float(rate))];
    let row =
        Row { architecture: architecture.clone(), values, ablation: None, baseline: configuration == 1, tuning: false };
    let seed = (run % SEEDS) as u64 + 1;
    Planned { key: key(run), architecture, protocol: "joint".into(), seed, rows: vec![row], not_applicable: None }
}

fn tasks() -> Vec<Task> {
    let task = |name: &str, kind| Task { name: name.into(), kind, space: Space::All, product_of: vec![] };
    let scale = TargetScale { mean: 0.0, deviation: 1.0 };
    vec![task("click", TaskKind::Binary), task("spend", TaskKind::Regression { scale })]
}

fn reason() -> String {
    "fit `all`: the loss of task `spend` is not finite at step 1200".to_owned()
}

fn grid_events(root: &Path, runs: &[Planned], running: usize, status: &dyn Fn(usize) -> RunStatus) -> Vec<GridEvent> {
    let experiment = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut told = vec![GridEvent::Opened {
        experiment,
        host: "made-up".into(),
        pid: 1,
        jobs: running.max(1),
        trials: runs.len(),
    }];
    told.extend(runs.iter().cloned().map(|run| GridEvent::Planned {
        key: run.key,
        architecture: run.architecture,
        protocol: run.protocol,
        seed: run.seed,
        rows: run.rows,
        status: RunStatus::Queued,
    }));
    for (number, run) in runs.iter().enumerate() {
        let started = RunStatus::Running { host: "made-up".into(), pid: number as u32 };
        let now = status(number);
        told.extend([started, now].map(|status| GridEvent::Moved { key: run.key.clone(), status }));
    }
    if running == 0 {
        told.push(GridEvent::Closed { ending: Ending::Done });
    }
    told
}

/// What the worker of a run told.
fn told(run: usize, events: usize, status: &RunStatus) -> Vec<RunEvent> {
    let end = match status {
        RunStatus::Finished => vec![RunEvent::Fitted { fit: 0, best_step: STEPS_A_REPORT }, RunEvent::Finished],
        RunStatus::Failed { .. } => vec![RunEvent::Failed { reason: reason() }],
        _ => vec![],
    };
    let fits = vec!["all".to_owned()];
    let mut told = vec![RunEvent::Started { host: "made-up".into(), pid: run as u32, threads: 2, fits }];
    let between = events.saturating_sub(told.len() + end.len());
    let steps = (between as u64 + 1) * STEPS_A_REPORT;
    let mut draw = Draw(run as u64);
    let (mut step, mut best) = (0, 0.0);
    for place in 0..between {
        told.push(match place % (REPORTS + 2) {
            0..REPORTS => {
                step += STEPS_A_REPORT;
                RunEvent::Progress {
                    fit: 0,
                    step,
                    steps,
                    epochs: step as f64 / 1024.0,
                    rows_per_second: 90_000.0 + 10_000.0 * draw.next(),
                    losses: vec![Some(0.6 + 0.1 * draw.next()), Some(0.9 + 0.1 * draw.next())],
                }
            }
            REPORTS => {
                // Rises fast, then slowly, with noise.
                let score = 0.5 - 0.4 / (1.0 + step as f64 / 1000.0) + 0.02 * draw.next();
                let is_best = score > best;
                best = f64::max(best, score);
                RunEvent::Evaluated(evaluated(step, score, is_best, &mut draw))
            }
            _ => RunEvent::Checkpointed { fit: 0, step },
        });
    }
    told.extend(end);
    told
}

fn evaluated(step: u64, score: f64, best: bool, draw: &mut Draw) -> Evaluated {
    let mut scores = vec![];
    for (task, metrics) in [("click", [Metric::Auc, Metric::LogLoss]), ("spend", [Metric::Mse, Metric::Mae])] {
        for scene in [None].into_iter().chain(SCENES.map(Some)) {
            scores.extend(metrics.map(|metric| {
                let counts = metric.counts_classes().then_some(1_234);
                let score = Score::Value(0.7 + 0.1 * draw.next());
                let scored = Scored { positives: counts, negatives: counts, ..Scored::over(score, 10_468) };
                ValidScore { task: task.into(), scene: scene.map(str::to_owned), metric, scored }
            }));
        }
    }
    let losses = vec![Some(0.6 + 0.1 * draw.next()), Some(0.9 + 0.1 * draw.next())];
    Evaluated { fit: 0, step, epochs: step as f64 / 1024.0, score: Score::Value(score), best, losses, scores }
}

fn lines<E: serde::Serialize>(told: &[E]) -> Vec<u8> {
    let mut bytes = vec![];
    for (event, seq) in told.iter().zip(1..) {
        let line = Stamped { v: VERSION, attempt: 1, seq, at: BEGAN + APART * seq, event };
        serde_json::to_writer(&mut bytes, &line).expect("finite numbers and strings can be written");
        bytes.push(b'\n');
    }
    bytes
}

/// Numbers from 0 to 1 with all their digits (SplitMix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{GridState, Happened, catch_up};
    use crate::planned::read_grid;
    use crate::store::Line;

    #[test]
    fn a_made_up_store_reads_like_one_that_was_run() {
        let folder = tempfile::tempdir().unwrap();
        let store = large_store(&folder.path().join("large"), 60, 50, 8).unwrap();
        let mut state = GridState::default();
        let lines = store.grid_lines().poll().unwrap();
        lines.into_iter().filter_map(Line::into_value).for_each(|line| state.apply(Happened::Grid(line)));
        let counts = state.counts();
        assert_eq!((counts.finished, counts.failed, counts.running), (51, 1, 8));
        let runs = read_grid(&store).unwrap().runs;
        for run in &runs {
            assert_eq!(store.run(&run.key).events().poll().unwrap().len(), 50);
            let caught = catch_up(&store.run(&run.key)).unwrap();
            assert!(caught.lines.damage().is_none());
            state.adopt(caught.told);
        }
        let run = state.run(&runs[59].key).unwrap();
        assert!(run.fits[0].best().is_some_and(|best| best.scores.len() == 20) && run.fits[0].fraction() > 0.5);
        assert_eq!(state.log.iter().filter(|(_, _, _, text)| *text == reason()).count(), 1);
        let again = large_store(&folder.path().join("again").join("large"), 60, 50, 8).unwrap();
        for file in [store.grid_file(), store.run(&runs[3].key).events_file()] {
            let other = again.root().join(file.strip_prefix(store.root()).unwrap());
            assert_eq!(fs::read(file).unwrap(), fs::read(other).unwrap());
        }
    }
}
