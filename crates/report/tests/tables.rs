//! What tables hold, whatever they are written as.

use mmtl_metrics::{Metric, Reason, Score};
use mmtl_plan::Space;
use mmtl_report::{
    Absence, Cell, Layout, Marking, Metrics, Outcome, Report, RunState, Runs, Selection, Split, Table, Terminal, csv,
    json, text,
};

use crate::grid::{auc, grid, scored};

fn report() -> Report {
    Report::new(&grid(), &Selection::default()).unwrap()
}

fn cell<'a>(report: &Report, table: &'a Table, candidate: &str, column: &str) -> &'a Cell {
    let row = report.candidates.iter().position(|c| c.label == candidate).unwrap();
    let place = table.heads.iter().position(|head| head.name == column).unwrap();
    &table.cells[row][place]
}

fn marked<'a>(report: &'a Report, table: &Table, column: &str) -> Vec<&'a str> {
    let labels = report.candidates.iter().map(|candidate| candidate.label.as_str());
    labels.filter(|label| cell(report, table, label, column).marked).collect()
}

#[test]
fn tables_are_in_the_order_of_tasks_metrics_and_spaces() {
    let mut scores = grid();
    let mut everywhere = scores.entries.clone();
    everywhere.retain(|entry| entry.task == 2);
    for entry in &mut everywhere {
        entry.space = Space::All;
    }
    scores.entries.extend(everywhere);
    let all = Selection { metrics: Metrics::All, ..Selection::default() };
    let report = Report::new(&scores, &all).unwrap();
    let contents: Vec<_> = report.tables.iter().map(|table| (table.task.clone(), table.space.clone())).collect();
    assert_eq!(Report::contents(&scores, &all).unwrap(), contents);
    let order: Vec<_> = report.tables.iter().map(|t| (t.task.as_str(), t.metric, t.space.clone())).collect();
    let given = Space::Given("click".to_owned());
    assert_eq!(
        order,
        [
            ("click", Metric::Auc, Space::All),
            ("click", Metric::LogLoss, Space::All),
            ("spend", Metric::Mse, Space::All),
            ("conversion", Metric::Auc, Space::All),
            ("conversion", Metric::Auc, given),
        ]
    );
    let names: Vec<&str> = report.tables[0].heads.iter().map(|head| head.name.as_str()).collect();
    assert_eq!(names, ["rows", "pooled", "macro", "Tops", "Dresses | long", "Trend", "Intimate"]);
}

#[test]
fn other_splits_and_slices_are_left_out() {
    let mut scores = grid();
    let mut valid = scores.entries[0].clone();
    valid.split = Split::Valid;
    valid.pooled = auc(0.25, 100, 50);
    let mut slice = scores.entries[0].clone();
    slice.slice = "new_user".to_owned();
    slice.pooled = auc(0.75, 100, 50);
    scores.entries.extend([valid, slice]);
    let pooled = |split, slice: &str| {
        let selection = Selection { split, slice: slice.to_owned(), ..Selection::default() };
        let report = Report::new(&scores, &selection).unwrap();
        cell(&report, &report.tables[0], "shared-bottom", "pooled").scored[&1].score
    };
    assert_eq!(pooled(Split::Valid, "all"), Score::Value(0.25));
    assert_eq!(pooled(Split::Test, "new_user"), Score::Value(0.75));
    assert_eq!(pooled(Split::Test, "all"), Score::Value(0.904 - 0.005));
}

#[test]
fn the_best_and_all_level_with_it_are_marked() {
    let report = report();
    let click = &report.tables[0];
    // Differences of .005, −.005 and 0 around .001: their interval contains 0; single-task is .027 behind.
    assert_eq!(marked(&report, click, "rows"), ["mmoe experts=4", "mmoe experts=8"]);
    assert_eq!(click.heads[0].marking, Marking::Marked);
    // Lower is better for an MSE, and single-task has no mean.
    assert_eq!(marked(&report, &report.tables[1], "pooled"), ["mmoe experts=4", "mmoe experts=8"]);
}

#[test]
fn a_best_on_one_seed_leaves_nothing_marked() {
    let report = report();
    let conversion = &report.tables[2];
    assert_eq!(marked(&report, conversion, "Tops"), [""; 0]);
    assert_eq!(conversion.heads[3].marking, Marking::FewSeeds);
}

#[test]
fn a_column_with_a_dim_cell_is_not_marked() {
    let report = report();
    let click = &report.tables[0];
    assert_eq!(click.heads[5].marking, Marking::Dim);
    assert_eq!(marked(&report, click, "Trend"), [""; 0]);
    assert!(cell(&report, click, "star", "Trend").dim);
    assert!(!cell(&report, click, "star", "Tops").dim);
    // 30 rows of each class are enough, 29 are not.
    let mut scores = grid();
    for (positives, marking) in [(30, Marking::Marked), (29, Marking::Dim), (40 - 29, Marking::Dim)] {
        for entry in scores.entries.iter_mut().filter(|entry| entry.metric == Metric::Auc) {
            let value = entry.scenes[0].score.value().unwrap();
            entry.scenes[0] = auc(value, if positives < 29 { 40 } else { 60 }, positives);
        }
        let report = Report::new(&scores, &Selection::default()).unwrap();
        assert_eq!(report.tables[0].heads[3].marking, marking, "{positives} rows of label 1");
    }
}

#[test]
fn the_data_leaves_a_mean_over_scenes_and_the_model_unmakes_it() {
    let report = report();
    let click = &report.tables[0];
    // Intimate has one class: (1234·.914 + 800·.894 + 40·.924) / 2074 with seed 1.
    let rows = cell(&report, click, "shared-bottom", "rows").scored[&1];
    assert!((rows.score.value().unwrap() - 0.906_478_302_796_528_4).abs() < 1e-12);
    assert_eq!((rows.rows, rows.positives, rows.negatives), (2_074, Some(1_520), Some(554)));
    // Trend is dim: (.914 + .894) / 2.
    let mean = cell(&report, click, "shared-bottom", "macro").scored[&1];
    assert!((mean.score.value().unwrap() - 0.904).abs() < 1e-12);
    assert_eq!(mean.rows, 2_034);
    assert_eq!(cell(&report, click, "star", "Intimate").outcome, Outcome::Undefined(Reason::SingleClass));

    let spend = &report.tables[1];
    for column in ["rows", "macro", "pooled", "Tops"] {
        let outcome = cell(&report, spend, "single-task", column).outcome;
        assert_eq!(outcome, Outcome::Undefined(Reason::PredictionNotFinite), "{column}");
    }
    // A model that diverged was scored on the same rows as the others.
    assert_eq!(spend.heads[0].rows, Some((2_099, 2_099)));
}

#[test]
fn a_seed_without_a_score_leaves_the_mean_over_seeds() {
    let report = report();
    let conversion = &report.tables[2];
    let dresses = cell(&report, conversion, "mmoe experts=8", "Dresses | long");
    assert_eq!(dresses.summary().unwrap().n, 2);
    assert_eq!(dresses.scored[&3].score, Score::Undefined(Reason::SingleClass));
    assert_eq!(cell(&report, conversion, "mmoe experts=8", "Tops").summary().unwrap().n, 3);
}

#[test]
fn a_cell_without_scores_says_why() {
    let mut scores = grid();
    scores.candidates[7].runs = Runs::Planned(vec![]);
    let states = |scores: &mut mmtl_report::Scores, all: [RunState; 3]| {
        let Runs::Planned(runs) = &mut scores.candidates[5].runs else { panic!("star has runs") };
        for (run, state) in runs.iter_mut().zip(all) {
            run.state = state;
        }
        scores.entries.retain(|entry| entry.candidate != 5);
        let report = Report::new(scores, &Selection::default()).unwrap();
        cell(&report, &report.tables[0], "star", "rows").outcome
    };
    let failed = || RunState::Failed("out of memory".to_owned());
    let (finished, cancelled, unfinished) = (RunState::Finished, RunState::Cancelled, RunState::Unfinished);
    let of = |absence| Outcome::Absent(absence);
    let all = [finished.clone(), failed(), unfinished.clone()];
    assert_eq!(states(&mut scores, all), of(Absence::NotScored));
    assert_eq!(states(&mut scores, [failed(), unfinished, cancelled.clone()]), of(Absence::Unfinished));
    assert_eq!(states(&mut scores, [cancelled.clone(), failed(), cancelled.clone()]), of(Absence::Failed));
    assert_eq!(states(&mut scores, [cancelled.clone(), cancelled.clone(), cancelled.clone()]), of(Absence::Cancelled));
    assert_eq!(states(&mut scores, [cancelled.clone(), RunState::Pruned, cancelled]), of(Absence::Pruned));
    let report = report();
    let nonsense = cell(&report, &report.tables[0], "star per-scene", "rows");
    assert_eq!(nonsense.outcome, of(Absence::NotApplicable));
}

#[test]
fn a_mean_over_survivors_is_never_the_best() {
    let mut scores = grid();
    let best = report();
    assert!(cell(&best, &best.tables[0], "mmoe experts=8", "rows").marked);
    let Runs::Planned(runs) = &mut scores.candidates[2].runs else { panic!("it has runs") };
    runs[1].state = RunState::Pruned;
    scores.entries.retain(|entry| (entry.candidate, entry.seed) != (2, 2));
    let report = Report::new(&scores, &Selection::default()).unwrap();
    let click = cell(&report, &report.tables[0], "mmoe experts=8", "rows");
    assert_eq!((click.summary().unwrap().n, click.marked), (2, false));
    assert!(cell(&report, &report.tables[0], "mmoe experts=4", "rows").marked);
    let written = text(&report, Terminal { width: None, styled: false });
    assert!(written.contains("A row with a failed or pruned run is never marked."), "{written}");
    assert!(written.contains("over the seeds left: mmoe experts=8 seed 2."), "{written}");
}

#[test]
fn differences_to_the_baseline_are_paired_by_seed() {
    let report = report();
    let click = &report.tables[0];
    // .025 + (−.007, .004, .004): mean .0253, half-width 4.303 · .00635 / √3.
    let difference = cell(&report, click, "mmoe experts=4", "Tops").difference.unwrap();
    assert_eq!(difference.n, 3);
    assert!((difference.mean - 0.025_333_333_333).abs() < 1e-9);
    assert!((difference.high - difference.mean - 0.015_776_1).abs() < 1e-6);
    assert_eq!(cell(&report, click, "ple", "rows").difference.unwrap().n, 2);
    // Itself, one seed in common, one side without a mean, and nothing at all.
    for (table, candidate) in [(0, "shared-bottom"), (0, "star"), (1, "single-task"), (0, "esmm"), (2, "ple")] {
        assert_eq!(cell(&report, &report.tables[table], candidate, "rows").difference, None, "{candidate}");
    }
}

/// The grid with its third and fourth rows scored on other data, on which everything is easier.
fn on_two_data() -> Report {
    let mut scores = grid();
    for entry in scores.entries.iter_mut().filter(|entry| [2, 3].contains(&entry.candidate)) {
        for scored in entry.scenes.iter_mut().chain([&mut entry.pooled]) {
            scored.data = 1;
            scored.score = scored.score.map(|value| value + 0.0625);
        }
    }
    Report::new(&scores, &Selection::default()).unwrap()
}

#[test]
fn the_best_is_marked_among_rows_of_the_same_data() {
    let report = on_two_data();
    let click = &report.tables[0];
    // mmoe experts=8 is ahead of single-task; mmoe experts=4, of the first data, is level with neither.
    assert_eq!(marked(&report, click, "rows"), ["mmoe experts=4", "mmoe experts=8"]);
    assert_eq!(marked(&report, click, "Tops"), ["mmoe experts=4", "mmoe experts=8"]);
    let head = &click.heads[0];
    assert_eq!((head.marking, head.markings.len()), (Marking::Marked, 2));
    let written = text(&report, Terminal { width: None, styled: false });
    assert!(
        written.contains("contains 0. Rows that were scored on different data are marked apart. A row"),
        "{written}"
    );
    assert!(!text(&self::report(), Terminal { width: None, styled: false }).contains("different data"));
}

#[test]
fn a_reason_for_no_mark_holds_for_its_data_alone() {
    let mut scores = grid();
    for entry in scores.entries.iter_mut().filter(|entry| [2, 3].contains(&entry.candidate)) {
        entry.scenes.iter_mut().chain([&mut entry.pooled]).for_each(|scored| scored.data = 1);
        // Dim in Tops of the other data only.
        entry.scenes[0].positives = entry.scenes[0].positives.map(|_| 20);
    }
    let report = Report::new(&scores, &Selection::default()).unwrap();
    let tops = &report.tables[0].heads[3];
    assert_eq!(tops.markings.values().copied().collect::<Vec<_>>(), [Marking::Marked, Marking::Dim]);
    assert_eq!(tops.marking, Marking::Marked);
    assert_eq!(marked(&report, &report.tables[0], "Tops"), ["mmoe experts=4"]);
}

#[test]
fn a_row_that_is_alone_on_its_data_is_not_marked() {
    let mut scores = grid();
    for entry in &mut scores.entries {
        let data = entry.candidate as u32;
        entry.scenes.iter_mut().chain([&mut entry.pooled]).for_each(|scored| scored.data = data);
    }
    let report = Report::new(&scores, &Selection::default()).unwrap();
    let click = &report.tables[0];
    assert_eq!((marked(&report, click, "rows"), click.heads[0].marking), (vec![], Marking::Alone));
    let written = text(&report, Terminal { width: None, styled: false });
    assert!(written.contains("\nA row that alone was scored on its data is not marked: it is"), "{written}");
}

#[test]
fn a_row_on_other_data_than_its_baseline_is_not_compared_with_it() {
    let report = on_two_data();
    let click = &report.tables[0];
    assert!(cell(&report, click, "mmoe experts=4", "rows").difference.is_some());
    for label in ["mmoe experts=8", "single-task"] {
        assert_eq!(cell(&report, click, label, "rows").difference, None, "{label}");
    }
    let written = text(&report, Terminal { width: None, styled: false });
    let note =
        "\nScored on other data than their baseline, and so not compared with it: mmoe experts=8 and single-task.\n";
    assert!(written.contains(note), "{written}");
}

#[test]
fn programs_are_told_which_rows_are_of_the_same_data() {
    let report = on_two_data();
    let written = csv(&report);
    let data = |label: &str| {
        let line = written.lines().find(|line| line.contains(&format!(",{label},overall,rows,"))).unwrap();
        line.rsplit(',').next().unwrap().to_owned()
    };
    assert_eq!(["shared-bottom", "mmoe experts=8", "esmm"].map(data), ["0", "1", ""]);
    let document: serde_json::Value = serde_json::from_str(&json(&report)).unwrap();
    let data = |row: usize| document["tables"][0]["rows"][row][0]["data"].clone();
    assert_eq!([0, 2, 7].map(data), [0.into(), 1.into(), serde_json::Value::Null]);
}

#[test]
fn each_row_may_have_a_baseline_of_its_own() {
    let mut scores = grid();
    scores.candidates[3].baseline = Some(2);
    scores.candidates.truncate(5);
    scores.entries.retain(|entry| entry.candidate < 5);
    let report = Report::new(&scores, &Selection::default()).unwrap();
    let difference = cell(&report, &report.tables[0], "single-task", "Tops").difference.unwrap();
    assert!((difference.mean + 0.026).abs() < 1e-9);
    let written = text(&report, Terminal { width: None, styled: false });
    let expected = "vs baseline: mean paired difference to the row's baseline (mmoe experts=4 to shared-bottom, mmoe \
                    experts=8 to shared-bottom, single-task to mmoe experts=8 and ple to shared-bottom) over";
    assert!(written.contains(expected), "{written}");
}

#[test]
fn row_counts_that_differ_between_seeds_are_a_range() {
    let mut scores = grid();
    scores.entries[2].scenes[0] = scored(Score::Value(1.0), 1_200);
    let report = Report::new(&scores, &Selection::default()).unwrap();
    assert_eq!(report.tables[1].heads[3].rows, Some((1_200, 1_234)));
    assert_eq!(report.tables[1].heads[4].rows, Some((800, 800)));
    let layout = Layout::new(&report, &report.tables[1]);
    let below: Vec<&str> = layout.heads.iter().map(|[_, below]| below.as_str()).collect();
    assert!(below.contains(&"1,200-1,234 rows"), "{below:?}");
}
