//! What holds for every form and every grid.

use std::collections::BTreeMap;

use mmtl_metrics::{Kind, Metric, Reason, Score, Scored};
use mmtl_plan::Space;
use mmtl_report::{
    Candidate, Entry, Marking, Metrics, Outcome, Report, Run, RunState, Runs, Scores, Selection, Split, Task, Terminal,
    csv, json, latex, markdown, text,
};
use proptest::prelude::*;

use crate::grid::{SCENES, grid};

const PLAIN: Terminal = Terminal { width: None, styled: false };

/// A score with counts around the bound below which an AUC is dim. Values are multiples of ⅛, so that ties happen.
fn any_scored(metric: Metric) -> impl Strategy<Value = Scored> {
    let value = (0u8..8).prop_map(|eighths| Score::Value(f64::from(eighths) / 8.0));
    let small = (1u8..8).prop_map(|eighths| Score::Value(f64::from(eighths) * 1e-9));
    let reason = prop::sample::select(vec![Reason::Empty, Reason::SingleClass, Reason::PredictionNotFinite]);
    let score = prop_oneof![12 => value, 1 => small, 1 => reason.prop_map(Score::Undefined)];
    (score, 29u64..35, 28u64..32).prop_map(move |(score, negatives, positives)| {
        let counts = (metric == Metric::Auc).then_some((positives, negatives));
        let rows = positives + negatives;
        Scored { positives: counts.map(|c| c.0), negatives: counts.map(|c| c.1), ..Scored::over(score, rows) }
    })
}

prop_compose! {
    fn any_entry(metric: Metric, task: usize, scenes: usize)(
        pooled in any_scored(metric),
        scenes in prop::collection::vec(any_scored(metric), scenes),
    ) -> Entry {
        let (space, slice, split) = (Space::All, "all".to_owned(), Split::Test);
        Entry { candidate: 0, seed: 0, task, space, slice, split, metric, pooled, scenes }
    }
}

/// Candidates of five seeds at most, of which some have failed or still run.
fn any_scores() -> impl Strategy<Value = Scores> {
    (1usize..4, 1usize..5).prop_flat_map(|(scenes, candidates)| {
        let entries = (any_entry(Metric::Auc, 0, scenes), any_entry(Metric::Mse, 1, scenes));
        let run = prop_oneof![
            8 => entries.prop_map(|(auc, mse)| Ok([auc, mse])),
            1 => Just(Err(RunState::Failed("no memory".to_owned()))),
            1 => Just(Err(RunState::Unfinished)),
            1 => Just(Err(RunState::Pruned)),
        ];
        let runs = prop::collection::vec(prop::collection::vec(run, 0..6), candidates);
        (runs, prop::option::of(0..candidates)).prop_map(move |(runs, baseline)| assemble(scenes, baseline, runs))
    })
}

fn assemble(scenes: usize, baseline: Option<usize>, runs: Vec<Vec<Result<[Entry; 2], RunState>>>) -> Scores {
    let task = |name: &str, kind, compared_by| Task { name: name.to_owned(), kind, compared_by };
    let mut scores = Scores {
        experiment: "drawn".to_owned(),
        scenes: (0..scenes).map(|scene| format!("scene {scene}")).collect(),
        tasks: vec![task("click", Kind::Binary, Metric::Auc), task("spend", Kind::Regression, Metric::Mse)],
        candidates: vec![],
        entries: vec![],
        revealed: false,
        tuning: None,
    };
    for (candidate, of_candidate) in runs.into_iter().enumerate() {
        let mut planned = vec![];
        for (seed, run) in (1..).zip(of_candidate) {
            let state = run.as_ref().err().cloned().unwrap_or(RunState::Finished);
            planned.push(Run { key: format!("{candidate}-{seed}"), seed, state });
            scores.entries.extend(run.into_iter().flatten().map(|entry| Entry { candidate, seed, ..entry }));
        }
        scores.candidates.push(Candidate {
            label: format!("candidate {candidate}"),
            runs: Runs::Planned(planned),
            baseline,
        });
    }
    scores
}

fn forms(report: &Report) -> [String; 4] {
    [text(report, PLAIN), markdown(report), csv(report), json(report)]
}

/// (task, candidate, column) → fields of a line, by the names in the header.
fn csv_cells(written: &str) -> BTreeMap<[String; 3], BTreeMap<&str, &str>> {
    let mut lines = written.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let cells = lines.map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), names.len(), "{line}");
        names.iter().copied().zip(fields).collect::<BTreeMap<_, _>>()
    });
    cells.map(|cell| (["task", "candidate", "column"].map(|name| cell[name].to_owned()), cell)).collect()
}

/// The number of the CSV with the digits of the Markdown.
fn rounded(full: &str, like: &str) -> String {
    let value: f64 = full.parse().unwrap();
    match like.trim_start_matches(['+', '-']).split_once('e') {
        Some(_) => format!("{value:.3e}"),
        None => format!("{value:.*}", like.split_once('.').map_or(0, |(_, decimals)| decimals.len())),
    }
}

fn assert_same_number(full: &str, shown: &str) {
    let expected = rounded(full, shown);
    let sign = |number: &str| number.trim_start_matches('+').parse::<f64>().unwrap();
    assert_eq!(sign(shown), sign(&expected), "{full} is shown as {shown}");
    assert_eq!(shown.trim_start_matches(['+', '-']), expected.trim_start_matches('-'), "{full} is shown as {shown}");
}

/// Compares each cell of the Markdown with the CSV's; returns how many numbers were compared.
fn compare_markdown_with_csv(report: &Report) -> usize {
    let (markdown, csv) = (markdown(report), csv(report));
    let cells = csv_cells(&csv);
    let (mut task, mut heads, mut compared) = ("", vec![], 0);
    for line in markdown.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            task = title.split_once(" \\| ").unwrap().0;
        }
        let Some(fields) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else { continue };
        let fields: Vec<&str> = fields.split(" | ").collect();
        match fields[0] {
            "candidate" => heads = fields,
            "---" => {}
            label => {
                let label = label.split_once(" (").map_or(label, |(label, _)| label);
                for (head, field) in heads[1..].iter().zip(&fields[1..]) {
                    let (column, below) = head.split_once("<br>").unwrap_or((head, ""));
                    let cell = &cells[&[task, label, column].map(str::to_owned)];
                    compared += if below == "vs baseline" {
                        compare_difference(cell, field)
                    } else {
                        compare_mean(cell, field)
                    };
                }
            }
        }
    }
    compared
}

fn compare_mean(cell: &BTreeMap<&str, &str>, field: &str) -> usize {
    assert_eq!(cell["marked"] == "true", field.contains("**"), "{field}");
    assert_eq!(cell["dim"] == "true" && cell["status"] == "value", field.starts_with('('), "{field}");
    if cell["status"] != "value" {
        let words = ["—", "failed", "unfinished", "cancelled", "pruned"];
        assert!(words.iter().any(|word| field.starts_with(word)), "{field}");
        return 0;
    }
    let number = field.split_once(" [").map_or(field, |(number, _)| number);
    let number = number.split_once(" (n=").map_or(number, |(number, n)| {
        assert_eq!(n, format!("{})", cell["n"]));
        number
    });
    let number = number.trim_matches(['*', '(', ')']);
    if let Some((mean, sd)) = number.split_once(" ± ") {
        assert_same_number(cell["mean"], mean);
        assert_same_number(cell["sd"], sd);
    } else {
        assert_same_number(cell["mean"], number);
        assert_eq!((cell["n"], cell["sd"]), ("1", ""), "{field}");
    }
    1
}

fn compare_difference(cell: &BTreeMap<&str, &str>, field: &str) -> usize {
    let Some((mean, interval)) = field.split_once(" [") else {
        assert_eq!(cell["difference"], "", "{field}");
        return 0;
    };
    let (low, high) = interval.trim_end_matches(']').split_once(", ").unwrap();
    assert_same_number(cell["difference"], mean);
    assert_same_number(cell["difference_low"], low);
    assert_same_number(cell["difference_high"], high);
    1
}

proptest! {
    #[test]
    fn marks_are_never_on_dim_or_undefined_cells(scores in any_scores()) {
        let report = Report::new(&scores, &Selection { metrics: Metrics::All, ..Selection::default() }).unwrap();
        for table in &report.tables {
            for (place, head) in table.heads.iter().enumerate() {
                let marked: Vec<_> = table.cells.iter().map(|row| &row[place]).filter(|cell| cell.marked).collect();
                prop_assert_eq!(!marked.is_empty(), head.marking == Marking::Marked);
                for cell in marked {
                    prop_assert!(!cell.dim);
                    prop_assert!(matches!(cell.outcome, Outcome::Mean(summary) if summary.n >= 3));
                }
            }
        }
    }

    #[test]
    fn markdown_and_csv_agree(scores in any_scores()) {
        compare_markdown_with_csv(&Report::new(&scores, &Selection::default()).unwrap());
    }

    #[test]
    fn the_order_of_entries_changes_no_byte(scores in any_scores(), turn in 0usize..40) {
        let selection = Selection::default();
        let expected = forms(&Report::new(&scores, &selection).unwrap());
        let mut turned = scores;
        turned.entries.reverse();
        let by = turn.min(turned.entries.len());
        turned.entries.rotate_left(by);
        prop_assert_eq!(forms(&Report::new(&turned, &selection).unwrap()), expected);
    }

    #[test]
    fn any_width_can_be_written(scores in any_scores(), width in 0u16..300) {
        let report = Report::new(&scores, &Selection::default()).unwrap();
        let written = text(&report, Terminal { width: Some(width), styled: true });
        prop_assert!(written.starts_with("Test"));
    }
}

#[test]
fn the_comparison_of_markdown_with_csv_compares_something() {
    let mut scores = grid();
    // Names that the simple readers above can split.
    scores.scenes[1] = "Dresses".to_owned();
    scores.candidates.remove(6);
    scores.tasks.truncate(2);
    scores.entries.retain(|entry| entry.task < 2);
    // Six candidates with scores, of which one has none for spend: 6 · 5 columns less Intimate, 5 · 7, and 3 + 4 + 4
    // differences of which two are undefined.
    assert_eq!(compare_markdown_with_csv(&Report::new(&scores, &Selection::default()).unwrap()), 36 + 35 + 4 + 3);
}

#[test]
fn lines_fit_the_terminal_and_no_scene_is_lost() {
    let report = Report::new(&grid(), &Selection::default()).unwrap();
    for width in 80..260 {
        let written = text(&report, Terminal { width: Some(width), styled: false });
        let widest = written.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= usize::from(width), "{widest} on {width} columns");
        for scene in SCENES {
            // A head stands where the candidates' labels are, and so begins with spaces.
            let heads = written.lines().filter(|line| line.starts_with(' ') && line.contains(scene));
            assert_eq!(heads.count(), 3, "{scene} on {width} columns");
        }
    }
}

/// Reads LaTeX as far as a compiler's first pass would: groups and environments end where they began, dollars come in
/// pairs, and rows have the columns that their table announces.
#[test]
fn latex_closes_what_it_opens() {
    let mut scores = grid();
    scores.candidates[1].label = "a_b & c% #1 {x} $5 ~ ^ \\ [2] --lr <3> | `q` \"r\"".to_owned();
    scores.scenes[0] = "*}{".to_owned();
    let written = latex(&Report::new(&scores, &Selection::default()).unwrap());
    let code = written.lines().filter(|line| !line.starts_with('%')).collect::<Vec<_>>().join("\n");
    let bare = code.replace("\\\\", "\n").replace("\\&", "").replace("\\{", "").replace("\\}", "").replace("\\$", "");
    let mut depth = 0i32;
    for c in bare.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        assert!(depth >= 0, "{written}");
    }
    assert_eq!(depth, 0, "{written}");
    assert_eq!(bare.matches('$').count() % 2, 0);
    for name in ["table", "tabular"] {
        assert_eq!(code.matches(&format!("\\begin{{{name}}}")).count(), 3);
        assert_eq!(code.matches(&format!("\\end{{{name}}}")).count(), 3);
    }
    let mut columns = 0;
    for line in bare.lines() {
        if let Some(announced) = line.strip_prefix("\\begin{tabular}{l") {
            columns = announced.trim_end_matches('}').len() + 1;
        }
        if line.contains(" & ") {
            assert_eq!(line.split(" & ").count(), columns, "{line}");
        }
    }
    assert!(columns > 5);
    assert!(code.contains("a\\_b \\& c\\% \\#1 \\{x\\} \\$5"), "{written}");
}

#[test]
fn text_without_style_has_no_escapes_and_style_changes_nothing_else() {
    let report = Report::new(&grid(), &Selection::default()).unwrap();
    let write = |styled| text(&report, Terminal { width: Some(100), styled });
    let (plain, styled) = (write(false), write(true));
    assert!(!plain.contains('\u{1b}'));
    let bare = ["\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"].iter().fold(styled.clone(), |text, code| text.replace(code, ""));
    assert_eq!(bare.lines().map(str::trim_end).collect::<Vec<_>>(), plain.lines().collect::<Vec<_>>());
    assert_eq!(styled.matches("\u{1b}[2m").count(), 6, "dim cells of Trend");
}

#[test]
fn names_from_data_cannot_move_the_cursor() {
    let mut scores = grid();
    scores.scenes[0] = "\u{1b}[2J\nTops".to_owned();
    scores.candidates[1].label = "mmoe\r\u{7}".to_owned();
    let report = Report::new(&scores, &Selection::default()).unwrap();
    for written in [text(&report, PLAIN), markdown(&report), json(&report)] {
        assert!(written.chars().all(|c| c == '\n' || !c.is_control()), "{written}");
    }
}

#[test]
fn a_run_that_rows_share_is_counted_once() {
    let mut scores = grid();
    let Runs::Planned(runs) = scores.candidates[4].runs.clone() else { panic!("ple has runs") };
    scores.candidates[7].runs = Runs::Planned(runs);
    let written = text(&Report::new(&scores, &Selection::default()).unwrap(), PLAIN);
    assert!(
        written.contains("Test scores of quickstart: 15 of 18 runs finished, 1 failed, 2 unfinished\n"),
        "{written}"
    );
    assert!(written.contains("\nFailed (1 of 18 runs): ple seed 2; esmm seed 2: the loss"), "{written}");
}

#[test]
fn nothing_scored_yet_is_a_report_without_tables() {
    let mut scores = grid();
    scores.entries.clear();
    let report = Report::new(&scores, &Selection::default()).unwrap();
    assert!(report.tables.is_empty());
    let written = text(&report, PLAIN);
    assert!(written.contains("Failed (2 of 21 runs)"), "{written}");
    assert!(!written.contains('±') && !written.contains("vs baseline"), "{written}");
}
