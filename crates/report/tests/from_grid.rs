//! From a store to scores.

use std::fs;

use mmtl_grid::events::{EventWriter, GridEvent, RunStatus};
use mmtl_grid::store::{Cell, Record, Rows, Store, Times};
use mmtl_grid::{Catalogue, Experiment, Grid, GridError, Planned, Row, TrialKey};
use mmtl_metrics::{Metric, Overall, Reason, Score, Scored};
use mmtl_plan::{Space, TargetScale, Task, TaskKind, Value};
use mmtl_report::{
    Absence, Candidate, Entry, Metrics, Outcome, Report, RunState, Runs, Scores, Selection, Split, Terminal, from_grid,
    text,
};

use crate::grid::{auc, scored};

fn key(number: u64) -> TrialKey {
    format!("{number:016x}").parse().unwrap()
}

fn row(architecture: &str, protocol: &str, baseline: bool) -> Row {
    let values = vec![("protocol".to_owned(), Value::Text(protocol.to_owned()))];
    Row { architecture: architecture.to_owned(), values, ablation: None, baseline, tuning: false }
}

fn planned(number: u64, seed: u64, rows: &[Row]) -> Planned {
    let (architecture, protocol) = (rows[0].architecture.clone(), "joint".to_owned());
    Planned { key: key(number), architecture, protocol, seed, rows: rows.to_vec(), not_applicable: None }
}

fn cell(task: &str, part: &str, metric: Metric, rows: Rows, scored: Scored) -> Cell {
    let space = if task == "conversion" { Space::Given("click".into()) } else { Space::All };
    Cell { task: task.into(), slice: "all".into(), space, part: part.into(), metric, rows, scored }
}

/// A record with one binary task, one regression and one multiclass task in two scenes.
fn record(value: f64) -> Record {
    let mut cells = vec![];
    for part in ["valid", "test"] {
        let shift = if part == "valid" { 0.125 } else { 0.0 };
        for (task, metric) in [
            ("conversion", Metric::Auc),
            ("conversion", Metric::LogLoss),
            ("conversion", Metric::Accuracy),
            ("spend", Metric::Mse),
            ("spend", Metric::Rmse),
            ("spend", Metric::Mae),
            ("size", Metric::LogLoss),
            ("size", Metric::Accuracy),
        ] {
            let of = |value| if metric == Metric::Auc { auc(value, 100, 50) } else { scored(Score::Value(value), 100) };
            // Wrong on purpose: these are made again.
            let wrong = [Overall::Rows, Overall::Macro].map(|kind| (Rows::Overall(kind), of(0.0)));
            let right = [
                (Rows::Overall(Overall::Pooled), of(value + shift)),
                (Rows::Scene("home".into()), of(value + shift + 0.25)),
                (Rows::Scene("away".into()), of(value + shift - 0.25)),
            ];
            cells.extend(wrong.into_iter().chain(right).map(|(rows, scored)| cell(task, part, metric, rows, scored)));
        }
    }
    Record { numerics: "cpu".into(), fits: vec![], cells, selected: None }
}

/// The runs of two architectures under two protocols, one with an ablation that came out as its base, and of a third
/// that makes no sense.
fn grid() -> Grid {
    let base = row("shared-bottom", "joint", true);
    let same = Row { ablation: Some("uniform gate".into()), ..row("mmoe", "joint", false) };
    let mut runs = vec![
        planned(1, 1, std::slice::from_ref(&base)),
        planned(2, 2, &[base]),
        planned(3, 1, &[row("shared-bottom", "per-scene", true)]),
        planned(4, 1, &[row("mmoe", "joint", false), same]),
        planned(5, 1, &[row("mmoe", "per-scene", false)]),
        planned(6, 2, &[row("mmoe", "per-scene", false)]),
        planned(7, 3, &[row("mmoe", "per-scene", false)]),
        planned(8, 1, &[row("star", "per-scene", false)]),
        planned(9, 2, &[row("star", "per-scene", false)]),
    ];
    for run in &mut runs[7..] {
        run.not_applicable = Some("no scenes to share".into());
    }
    let task = |name: &str, kind, space| Task { name: name.into(), kind, space, product_of: vec![] };
    let scale = TargetScale { mean: 0.0, deviation: 1.0 };
    let tasks = vec![
        task("conversion", TaskKind::Binary, Space::Given("click".into())),
        task("spend", TaskKind::Regression { scale }, Space::All),
        task("size", TaskKind::Multiclass { classes: 3 }, Space::All),
    ];
    Grid { runs, tasks, scenes: vec!["home".into(), "away".into()], ..Grid::default() }
}

fn plan(store: &Store, grid: &Grid) {
    let planned = format!("{{\"version\":1,\"grid\":{}}}", serde_json::to_string(grid).unwrap());
    fs::write(store.root().join("planned.json"), planned).unwrap();
}

/// A store with that grid, of which four runs have finished, and the folder that it lies in.
fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("mine")).unwrap();
    plan(&store, &grid());
    let mut events = EventWriter::open(&store.grid_file()).unwrap();
    let moved = |number, status| GridEvent::Moved { key: key(number), status };
    for event in [
        GridEvent::Opened { experiment: "mine".into(), host: "h".into(), pid: 1, jobs: 1, trials: 7 },
        moved(1, RunStatus::Failed { reason: "before the attempt that finished".into() }),
        moved(5, RunStatus::Cancelled),
        moved(6, RunStatus::Failed { reason: "no memory".into() }),
        moved(7, RunStatus::Running { host: "h".into(), pid: 2 }),
    ] {
        events.tell(event).unwrap();
    }
    for (number, value) in [(1, 0.5), (2, 0.625), (3, 0.375), (4, 0.75)] {
        let run = store.run(&key(number));
        fs::create_dir_all(run.root()).unwrap();
        run.finish(&record(value), &Times::default()).unwrap();
    }
    (folder, store)
}

fn read(store: &Store) -> Result<Scores, GridError> {
    let text = "name = \"mine\"\n[data]\nsource = \"reviews\"\n[grid]\narchitecture = [\"mmoe\"]\n\
                [compare]\nmetric = { regression = \"mae\" }\n";
    from_grid(store, &Experiment::parse("mine.toml", text.as_bytes(), &Catalogue::standard()).unwrap())
}

fn states(candidate: &Candidate) -> Vec<(u64, &str)> {
    let word = |state: &RunState| match state {
        RunState::Finished => "finished",
        RunState::Failed(_) => "failed",
        RunState::Cancelled => "cancelled",
        RunState::Pruned => "pruned",
        RunState::Unfinished => "unfinished",
    };
    candidate.planned().iter().map(|run| (run.seed, word(&run.state))).collect()
}

#[test]
fn runs_become_candidates_with_the_nearest_baseline() {
    let (_folder, store) = store();
    let scores = read(&store).unwrap();
    assert_eq!(scores.experiment, "mine");
    let candidates: Vec<_> = scores.candidates.iter().map(|c| (c.label.as_str(), states(c), c.baseline)).collect();
    assert_eq!(
        candidates,
        [
            ("shared-bottom joint", vec![(1, "finished"), (2, "finished")], Some(0)),
            ("shared-bottom per-scene", vec![(1, "finished")], Some(1)),
            ("mmoe joint", vec![(1, "finished")], Some(0)),
            ("mmoe joint (uniform gate)", vec![(1, "finished")], Some(0)),
            ("mmoe per-scene", vec![(1, "cancelled"), (2, "failed"), (3, "unfinished")], Some(1)),
            ("star per-scene", vec![], Some(1)),
        ]
    );
    assert_eq!(scores.candidates[5].runs, Runs::NotApplicable("no scenes to share".into()));
    // The ablation that came out as its base shares its run.
    assert_eq!(scores.candidates[2].planned()[0].key, scores.candidates[3].planned()[0].key);
}

#[test]
fn pruned_runs_and_revealed_scores_are_told() {
    let (_folder, store) = store();
    let mut events = EventWriter::open(&store.grid_file()).unwrap();
    let written = || {
        text(
            &Report::new(&read(&store).unwrap(), &Selection::default()).unwrap(),
            Terminal { width: None, styled: false },
        )
    };
    assert!(!written().contains("looked at") && !written().contains("pruned"));
    events.tell(GridEvent::Moved { key: key(6), status: RunStatus::Pruned }).unwrap();
    events.tell(GridEvent::Revealed).unwrap();
    let scores = read(&store).unwrap();
    assert_eq!(states(&scores.candidates[4]), [(1, "cancelled"), (2, "pruned"), (3, "unfinished")]);
    assert!(scores.revealed);
    for part in [
        "4 of 7 runs finished, 1 cancelled, 1 pruned, 1 unfinished",
        "Pruned for their validation scores (1 of 7 runs), so that the means of these rows are over the seeds left: mmoe \
         per-scene seed 2.",
        "Test scores were looked at before the grid was done.",
    ] {
        assert!(written().contains(part), "`{part}` is not in: {}", written());
    }
}

#[test]
fn records_become_entries() {
    let (_folder, store) = store();
    let scores = read(&store).unwrap();
    assert_eq!(scores.scenes, ["home", "away"]);
    let tasks: Vec<_> = scores.tasks.iter().map(|t| (t.name.as_str(), t.kind.name(), t.compared_by)).collect();
    let expected = [
        ("conversion", "binary", Metric::Auc),
        ("spend", "regression", Metric::Mae),
        ("size", "multiclass", Metric::Accuracy),
    ];
    assert_eq!(tasks, expected);
    // Five rows' runs × two splits × eight metrics.
    assert_eq!(scores.entries.len(), 5 * 2 * 8);
    let of = |split, metric| {
        let wanted = |e: &&Entry| (e.candidate, e.seed, e.task, e.split, e.metric) == (0, 2, 0, split, metric);
        scores.entries.iter().find(wanted).unwrap().clone()
    };
    let test = of(Split::Test, Metric::Auc);
    assert_eq!(test.space, Space::Given("click".into()));
    assert_eq!(test.pooled, auc(0.625, 100, 50));
    assert_eq!(test.scenes, [auc(0.875, 100, 50), auc(0.375, 100, 50)]);
    assert_eq!(of(Split::Valid, Metric::Accuracy).pooled, scored(Score::Value(0.75), 100));
    let report = Report::new(&scores, &Selection::default()).unwrap();
    assert_eq!(report.headline(), "Test scores of mine: 4 of 7 runs finished, 1 failed, 1 cancelled, 1 unfinished");
    assert_eq!(report.tables[0].cells[0][0].summary().unwrap().mean, 0.5625);
}

#[test]
fn a_scene_that_other_data_lacks_has_no_rows_there() {
    let (_folder, store) = store();
    let mut small = record(0.25);
    small.cells.retain(|cell| cell.rows != Rows::Scene("away".into()));
    store.run(&key(3)).finish(&small, &Times::default()).unwrap();
    let scores = read(&store).unwrap();
    let report = Report::new(&scores, &Selection::default()).unwrap();
    let away = &report.tables[0].cells[1][4];
    assert_eq!(away.scored[&1].score, Score::Undefined(Reason::Empty));
    assert_eq!(report.tables[0].cells[1][0].summary().unwrap().mean, 0.5, "the mean over the scenes that it has");
}

#[test]
fn a_task_of_two_kinds_has_a_table_for_each() {
    let (_folder, store) = store();
    let mut grid = grid();
    let kind = TaskKind::Multiclass { classes: 5 };
    grid.other_kinds.push(Task { name: "spend".into(), kind, space: Space::All, product_of: vec![] });
    plan(&store, &grid);
    // One row's spend is in classes: scored as size is.
    let mut classes = record(0.375);
    classes.cells.retain(|cell| cell.task != "spend");
    let of_size: Vec<Cell> = classes.cells.iter().filter(|cell| cell.task == "size").cloned().collect();
    classes.cells.extend(of_size.into_iter().map(|cell| Cell { task: "spend".into(), ..cell }));
    store.run(&key(3)).finish(&classes, &Times::default()).unwrap();
    let scores = read(&store).unwrap();
    let spend = Selection { task: Some("spend".into()), ..Selection::default() };
    let tables = Report::new(&scores, &spend).unwrap().tables;
    let outcome = |table: usize, row: usize| tables[table].cells[row][0].outcome;
    let found: Vec<_> = tables.iter().map(|table| (table.kind.name(), table.metric)).collect();
    assert_eq!(found, [("regression", Metric::Mae), ("multiclass", Metric::Accuracy)]);
    assert!(matches!((outcome(0, 0), outcome(1, 1)), (Outcome::Mean(_), Outcome::Mean(_))));
    assert_eq!([outcome(0, 1), outcome(1, 0)], [Outcome::Absent(Absence::NotScored); 2]);
    let by = |metric| Report::new(&scores, &Selection { metrics: Metrics::Only(metric), ..spend.clone() });
    assert_eq!(by(Metric::Accuracy).unwrap().tables, tables[1..]);
    let error = by(Metric::Auc).unwrap_err().to_string();
    assert!(error.starts_with("`auc` is not defined for `spend` (regression and multiclass), expected "), "{error}");
}

#[test]
fn damaged_records_are_failed_runs_and_newer_ones_are_refused() {
    let (_folder, store) = store();
    let path = store.run(&key(2)).root().join("record.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..100]).unwrap();
    let scores = read(&store).unwrap();
    let RunState::Failed(reason) = &scores.candidates[0].planned()[1].state else { panic!("it cannot be read") };
    assert!(reason.contains("is damaged"), "{reason}");
    assert!(scores.entries.iter().all(|entry| (entry.candidate, entry.seed) != (0, 2)));
    fs::write(&path, text.replacen("\"version\": 1", "\"version\": 3", 1)).unwrap();
    assert!(matches!(read(&store), Err(GridError::Newer { found: 3, known: 2, .. })));
}

#[test]
fn damaged_lines_are_passed_over_and_newer_ones_are_refused() {
    let (_folder, store) = store();
    let lines = fs::read_to_string(store.grid_file()).unwrap();
    fs::write(store.grid_file(), lines.clone() + "{\"v\":1,\"half\n").unwrap();
    assert_eq!(read(&store).unwrap().candidates.len(), 6);
    fs::write(store.grid_file(), lines + "{\"v\":9}\n").unwrap();
    assert!(matches!(read(&store), Err(GridError::Newer { found: 9, .. })));
    // Before a scheduler told anything, records are there all the same.
    fs::remove_file(store.grid_file()).unwrap();
    assert_eq!(states(&read(&store).unwrap().candidates[4]), [(1, "unfinished"), (2, "unfinished"), (3, "unfinished")]);
    assert_eq!(states(&read(&store).unwrap().candidates[0]), [(1, "finished"), (2, "finished")]);
}
