//! A grid of ten thousand runs, made up: what its files told, and what it scored.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Mutex;

use mmtl_dash::{Event, Scheduler, State, Subjects};
use mmtl_grid::events::{CaughtUp, Happened, RunEvent, RunLine, catch_up_all};
use mmtl_grid::large_store::large_store;
use mmtl_grid::store::{FormatVersion, Line};
use mmtl_grid::{Catalogue, Experiment, Grid, TrialKey, read_grid};
use mmtl_metrics::{Score, Scored};
use mmtl_plan::Space;
use mmtl_report::{Candidate, Entry, Run, RunState, Runs, Scores, Split, Task};

/// Events of each run: enough for an evaluation.
const EVENTS: usize = 14;
/// Runs that still run.
const RUNNING: usize = 8;
/// Points of a curve.
const POINTS: u64 = 2_000;

/// The grid as a dashboard knows it that has read all of it.
pub fn state(runs: usize) -> State {
    let folder = tempfile::tempdir().expect("there is room for files");
    let store = large_store(&folder.path().join("large"), runs, EVENTS, RUNNING).expect("it can be written");
    let mut state = State::default();
    let grid = read_grid(&store).expect("it was just written");
    let experiment = Experiment::read(&store.experiment_file(), &Catalogue::standard()).expect("it makes sense");
    let subjects = Subjects::of(&grid, &experiment);
    state.apply(Event::Scores(Ok(Box::new(scores(&grid, &subjects)))));
    state.apply(Event::Subjects(subjects));
    let each = store.grid_lines().poll_each(|line| {
        if let Line::Value(line) = line {
            state.apply(Event::Clock(line.at));
            state.apply(Event::Happened(Happened::Grid(line)));
        }
    });
    each.expect("grid.jsonl is there");
    let keys: Vec<TrialKey> = grid.runs.iter().map(|run| run.key.clone()).collect();
    let told = Mutex::new(&mut state);
    catch_up_all(&store, &keys, 2, |_, caught| {
        let CaughtUp { told: all, .. } = caught.expect("its lines are whole");
        told.lock().expect("no other panicked").apply(Event::CaughtUp(Box::new(all)));
        ControlFlow::Continue(())
    });
    state.apply(Event::Scheduler(Scheduler::Alive { host: "made-up".into(), pid: 1 }));
    state
}

/// Curves as long as those of a day's run.
pub fn follow(state: &mut State, keys: BTreeSet<TrialKey>) {
    for key in keys {
        let line = |seq: u64| {
            let losses = vec![Some(1.0 / seq as f64), Some((seq % 7) as f64)];
            let (step, steps, rows_per_second) = (100 * seq, 100 * POINTS, 9e4);
            let event = RunEvent::Progress { fit: 0, step, steps, epochs: seq as f64 / 10.0, rows_per_second, losses };
            RunLine { v: FormatVersion(2), attempt: 1, seq, at: seq, event }
        };
        state.apply(Event::Lines(key, (1..=POINTS).map(line).collect()));
    }
}

/// Scores of all runs by what each task is compared by, on validation and test rows.
fn scores(grid: &Grid, subjects: &Subjects) -> Scores {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let (mut candidates, mut entries): (Vec<Candidate>, _) = (vec![], vec![]);
    for (number, run) in grid.runs.iter().enumerate() {
        let label = run.rows.first().map(ToString::to_string).unwrap_or_default();
        let candidate = *places.entry(label.clone()).or_insert(candidates.len());
        if candidate == candidates.len() {
            candidates.push(Candidate { label, runs: Runs::Planned(vec![]), baseline: Some(1) });
        }
        if let Runs::Planned(runs) = &mut candidates[candidate].runs {
            runs.push(Run { key: run.key.to_string(), seed: run.seed, state: RunState::Finished });
        }
        for (task, subject) in subjects.tasks.iter().enumerate() {
            let value = 0.7 + (number as f64 * 0.618_034).fract() / 10.0;
            let counts = Some(400);
            let scored = Scored { positives: counts, negatives: counts, ..Scored::over(Score::Value(value), 1000) };
            entries.extend([Split::Valid, Split::Test].map(|split| Entry {
                candidate,
                seed: run.seed,
                task,
                space: Space::All,
                slice: "all".to_owned(),
                split,
                metric: subject.compared_by,
                pooled: scored,
                scenes: vec![scored; grid.scenes.len()],
            }));
        }
    }
    let tasks = subjects.tasks.iter();
    let tasks =
        tasks.map(|task| Task { name: task.name.clone(), kind: task.kind, compared_by: task.compared_by }).collect();
    let (experiment, scenes) = ("large".into(), grid.scenes.clone());
    Scores { experiment, scenes, tasks, candidates, entries, revealed: false, tuning: None }
}
