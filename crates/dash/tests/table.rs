//! The view of tables.

use mmtl_dash::{Effect, Event, Role, State, Tables, Ui};
use mmtl_metrics::{Kind, Metric, Score, Scored};
use mmtl_plan::Space;
use mmtl_report::{Candidate, Entry, Run, RunState, Runs, Scores, Split, Task};
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::fixture::{COLOURS, at, done, find, press, screen, snapshots, text};

fn scored(value: f64) -> Scored {
    Scored { positives: Some(400), negatives: Some(600), ..Scored::over(Score::Value(value), 1000) }
}

/// Candidates by name with the AUC of each of three seeds, on validation and test rows; the first is the baseline.
fn scores(candidates: &[(&str, [f64; 3])], scenes: usize) -> Scores {
    let mut scores = Scores {
        experiment: "made up".to_owned(),
        scenes: (1..=scenes).map(|scene| format!("scene {scene}")).collect(),
        tasks: vec![Task { name: "click".to_owned(), kind: Kind::Binary, compared_by: Metric::Auc }],
        candidates: vec![],
        entries: vec![],
        revealed: false,
        tuning: None,
    };
    for (candidate, (label, values)) in candidates.iter().enumerate() {
        let state =
            |value: f64| if value.is_nan() { RunState::Failed("no memory".to_owned()) } else { RunState::Finished };
        let run =
            |(seed, value): (u64, &f64)| Run { key: format!("{candidate:08x}{seed:08x}"), seed, state: state(*value) };
        let runs = Runs::Planned((1..).zip(values).map(run).collect());
        scores.candidates.push(Candidate { label: (*label).to_owned(), runs, baseline: Some(0) });
        for (seed, value) in (1..).zip(values).filter(|(_, value)| !value.is_nan()) {
            for (split, metric) in [
                (Split::Valid, Metric::Auc),
                (Split::Test, Metric::Auc),
                (Split::Valid, Metric::LogLoss),
                (Split::Test, Metric::LogLoss),
            ] {
                let value = scored(if split == Split::Test { value - 0.1 } else { *value });
                scores.entries.push(Entry {
                    candidate,
                    seed,
                    task: 0,
                    space: Space::All,
                    slice: "all".to_owned(),
                    split,
                    metric,
                    pooled: value,
                    scenes: vec![value; scenes],
                });
            }
        }
    }
    scores
}

/// A grid whose runs still go on, with these records.
fn with(scores: Scores) -> State {
    let mut state = at(0.5);
    state.apply(Event::Scores(Ok(Box::new(scores))));
    state
}

const FOUR: [(&str, [f64; 3]); 4] = [
    ("shared-bottom", [0.700, 0.701, 0.702]),
    ("mmoe", [0.750, 0.752, 0.751]),
    ("ple", [0.751, 0.750, 0.7525]),
    ("star", [0.600, f64::NAN, 0.601]),
];

fn shown(state: &mut State, keys: &str, size: (u16, u16)) -> String {
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, state, keys);
    text(&screen(state, &mut ui, size))
}

#[test]
fn each_kind_of_a_task_has_a_page() {
    let mut scores = scores(&FOUR[..2], 1);
    let kind = Kind::Multiclass { classes: 3 };
    scores.tasks.push(Task { name: "click".to_owned(), kind, compared_by: Metric::Accuracy });
    for entry in scores.entries.iter_mut().filter(|entry| entry.candidate == 1) {
        let metric = if entry.metric == Metric::Auc { Metric::Accuracy } else { entry.metric };
        (entry.task, entry.metric) = (1, metric);
    }
    let mut state = with(scores);
    let (first, second) = (shown(&mut state, "5", (100, 20)), shown(&mut state, "5t", (100, 20)));
    assert!(first.contains("Table 1 of 2") && first.contains("click | all: AUC"), "{first}");
    assert!(second.contains("Table 2 of 2") && second.contains("click | all: accuracy"), "{second}");
    let other_metric = shown(&mut state, "5tm", (100, 20));
    assert!(other_metric.contains("Table 2 of 2") && other_metric.contains("click | all: log loss"), "{other_metric}");
    assert!(other_metric.find("mmoe") < other_metric.find("shared-bottom"), "{other_metric}");
}

#[test]
fn of_a_recorded_grid() {
    snapshots("table", &mut done(), "5");
}

#[test]
fn of_differences_to_the_baseline() {
    snapshots("table_relative", &mut done(), "5b");
}

#[test]
fn of_four_candidates() {
    snapshots("table_ranked", &mut with(scores(&FOUR, 4)), "5");
}

#[test]
fn rows_are_ranked_and_the_best_stand_out() {
    let mut state = with(scores(&FOUR, 4));
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, &mut state, "5");
    let buffer = screen(&state, &mut ui, (160, 40));
    let line = |name: &str| find(&buffer, name).unwrap_or_else(|| panic!("no {name}"));
    let order = ["ple ", "mmoe ", "shared-bottom", "star (2 of 3 seeds)"].map(|name| line(name).1);
    assert!(order.is_sorted(), "{order:?}");
    // The best and what cannot be told from it have a star and are bold; others are neither.
    for (value, marked) in [("0.7512 ± 0.0013*", true), ("0.7510 ± 0.0010*", true), ("0.7010 ± 0.0010", false)] {
        let (x, y) = line(value);
        assert_eq!(buffer[(x, y)].modifier.contains(Modifier::BOLD), marked, "{value}");
    }
    // A difference that is more than noise is green or red as well as signed.
    let colour = |role| COLOURS.style(role).fg.unwrap();
    let better = line("+0.0500 [");
    assert_eq!(buffer[better].fg, colour(Role::Better));
    let worse = line("-0.1005 [");
    assert_eq!(buffer[worse].fg, colour(Role::Worse));
}

#[test]
fn test_rows_stay_hidden_until_they_may_be_seen() {
    let mut state = with(scores(&FOUR, 4));
    let before = shown(&mut state, "5d", (120, 40));
    assert!(before.contains("validation rows") && !before.contains("0.6512"), "{before}");
    assert!(before.contains("test scores stay hidden until the grid is done"), "{before}");
    let mut ended = done();
    ended.apply(Event::Scores(Ok(Box::new(scores(&FOUR, 4)))));
    let after = shown(&mut ended, "5", (120, 40));
    assert!(after.contains("test rows") && after.contains("0.6512"), "{after}");
    let turned = shown(&mut ended, "5d", (120, 40));
    assert!(turned.contains("validation rows") && !turned.contains("0.6512"), "{turned}");
}

#[test]
fn task_and_metric_change_by_keys() {
    let mut state = with(scores(&FOUR, 4));
    assert!(shown(&mut state, "5", (120, 40)).contains("AUC, higher is better"));
    let loss = shown(&mut state, "5m", (120, 40));
    assert!(loss.contains("log loss, lower is better"), "{loss}");
    // Ranks turn around with the metric.
    assert!(loss.find("star").unwrap() < loss.find("mmoe").unwrap(), "{loss}");
    assert!(shown(&mut done(), "5t", (120, 40)).contains("Table 2 of"));
}

#[test]
fn many_scenes_scroll_and_the_first_columns_stay() {
    let mut state = with(scores(&FOUR, 30));
    let first = shown(&mut state, "5", (120, 40));
    assert!(first.contains("columns 2-4 of 34 >") && !first.contains("scene 7"), "{first}");
    let keys = format!("5{}", "<right>".repeat(9));
    let later = shown(&mut state, &keys, (120, 40));
    assert!(later.contains("scene 7") && later.contains("rows") && later.contains("mmoe"), "{later}");
    let end = shown(&mut state, &format!("5{}", "<right>".repeat(99)), (120, 40));
    assert!(end.contains("scene 30"), "{end}");
    assert_eq!(shown(&mut state, &format!("5{}{}", "<right>".repeat(99), "<left>".repeat(99)), (120, 40)), first);
}

#[test]
fn many_candidates_scroll_and_enter_shows_a_run() {
    let names: Vec<String> = (0..300).map(|number| format!("candidate-{number:03}")).collect();
    let value = |number: usize| 0.9 - number as f64 * 0.001;
    let all: Vec<(&str, [f64; 3])> =
        names.iter().enumerate().map(|(at, name)| (name.as_str(), [value(at); 3])).collect();
    let mut state = with(scores(&all, 2));
    let top = shown(&mut state, "5", (120, 40));
    assert!(top.contains("candidate-000") && top.contains("of 300"), "{top}");
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, &mut state, &format!("5{}", "j".repeat(150)));
    let buffer = screen(&state, &mut ui, (120, 40));
    let (x, y) = find(&buffer, "candidate-150").expect("it is under the cursor");
    assert!(buffer[(x, y)].modifier.contains(Modifier::REVERSED));
    assert_eq!(ui.chosen().focus.as_ref().map(mmtl_grid::TrialKey::as_str), Some("0000009600000001"));
    press(&mut ui, &mut state, "<enter>");
    assert_eq!(ui.tab(), mmtl_dash::Tab::Run);
    let bottom = shown(&mut state, "5G", (120, 40));
    assert!(bottom.contains("Mean ± sample standard deviation"), "{bottom}");
}

#[test]
fn a_table_is_copied_as_markdown() {
    let mut state = with(scores(&FOUR, 4));
    let effects = press(&mut Ui::new(COLOURS), &mut state, "5y");
    let copied = effects.iter().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.as_str()),
        _ => None,
    });
    let copied = copied.expect("something is copied");
    assert!(copied.starts_with("# Validation scores of made up: 11 of 12 runs finished, 1 failed\n"), "{copied}");
    assert!(copied.contains("| mmoe | **0.7510 ± 0.0010** |"), "{copied}");
}

#[test]
fn what_there_is_instead_of_a_table_is_said() {
    assert!(matches!(at(0.5).tables(), Tables::Unread));
    assert!(shown(&mut at(0.5), "5", (80, 24)).contains("reading records ..."));
    let mut broken = at(0.5);
    broken.apply(Event::Scores(Err("planned.json is cut short".to_owned())));
    assert!(shown(&mut broken, "5", (80, 24)).contains("the records cannot be read: planned.json is cut short"));
    let mut none = with(scores(&[("mmoe", [f64::NAN; 3])], 2));
    let said = shown(&mut none, "5", (80, 24));
    assert!(said.contains("no run has finished yet; the Grid view (1) shows validation scores so far"), "{said}");
    assert!(press(&mut Ui::new(COLOURS), &mut none, "5y").iter().all(|effect| !matches!(effect, Effect::Copy(_))));
}

#[test]
fn names_of_any_kind_keep_columns_in_line() {
    let long = "an architecture whose name is as long as sixty characters are";
    let mut state = with(scores(&[("日本語の構造", [0.5; 3]), (long, [0.6; 3]), ("all\nlost", [f64::NAN; 3])], 1));
    let screen = shown(&mut state, "5", (80, 24));
    assert!(screen.contains("all lost (0 of 3 seeds)") || screen.contains("all?lost"), "{screen}");
    assert!(screen.contains("failed"), "{screen}");
    snapshots("table_names", &mut state, "5");
}

fn ends_with(name: &str, ending: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end == ending)
}

#[test]
fn tables_are_exported_as_they_are_shown() {
    use mmtl_dash::{ExportFormat, export};
    let mut ui = Ui::new(COLOURS);
    let mut state = with(scores(&FOUR, 2));
    press(&mut ui, &mut state, "5");
    let mut write = |state: &State, format| export(state, &mut ui, Rect::new(0, 0, 80, 24), format);
    let (name, text) = write(&state, ExportFormat::Markdown).expect("there are tables");
    assert!(name.starts_with("departments-valid-2026") && ends_with(&name, "md"), "{name}");
    assert_eq!(name.len(), "departments-valid-20261122-001503.md".len());
    assert!(text.contains("| mmoe | **0.7510 ± 0.0010** |"), "{text}");
    let (name, text) = write(&state, ExportFormat::Latex).expect("there are tables");
    assert!(ends_with(&name, "tex") && text.contains("\\toprule"), "{name}");
    let (name, text) = write(&state, ExportFormat::Csv).expect("there are tables");
    assert!(ends_with(&name, "csv") && text.lines().count() > 10, "{name}");
    let (name, text) = write(&state, ExportFormat::Svg).expect("there is a screen");
    assert!(name.starts_with("departments-table-") && text.contains("AUC, higher is better"), "{name}");
    assert_eq!(
        write(&at(0.5), ExportFormat::Csv),
        Err("the records are not read yet; the Table view (5) reads them".to_owned())
    );
}
