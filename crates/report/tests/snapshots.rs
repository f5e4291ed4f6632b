//! The made-up grid as it is written in each form.

use mmtl_report::{
    Candidate, Metrics, Report, Run, RunState, Runs, Selection, Terminal, csv, json, latex, markdown, text,
};

use crate::grid::grid;

fn report() -> Report {
    Report::new(&grid(), &Selection::default()).unwrap()
}

fn plain(width: Option<u16>) -> Terminal {
    Terminal { width, styled: false }
}

#[test]
fn text_as_wide_as_it_likes() {
    insta::assert_snapshot!(text(&report(), plain(None)));
}

#[test]
fn text_on_80_columns() {
    insta::assert_snapshot!(text(&report(), plain(Some(80))));
}

#[test]
fn text_with_bold_and_dim() {
    let only = Selection { task: Some("click".to_owned()), ..Selection::default() };
    let report = Report::new(&grid(), &only).unwrap();
    insta::assert_snapshot!(text(&report, Terminal { width: Some(120), styled: true }).replace('\u{1b}', "␛"));
}

#[test]
fn markdown_of_everything() {
    insta::assert_snapshot!(markdown(&report()));
}

#[test]
fn latex_of_everything() {
    insta::assert_snapshot!(latex(&report()));
}

#[test]
fn csv_of_one_task() {
    let only = Selection { task: Some("conversion".to_owned()), ..Selection::default() };
    insta::assert_snapshot!(csv(&Report::new(&grid(), &only).unwrap()));
}

#[test]
fn json_of_three_candidates_in_one_scene() {
    let mut scores = grid();
    scores.scenes.truncate(1);
    scores.candidates =
        [3, 4, 6].map(|kept| Candidate { baseline: Some(1), ..scores.candidates[kept].clone() }).to_vec();
    scores.entries.retain(|entry| [3, 4].contains(&entry.candidate));
    for entry in &mut scores.entries {
        entry.candidate -= 3;
        entry.scenes.truncate(1);
    }
    let only = Selection { task: Some("spend".to_owned()), metrics: Metrics::All, ..Selection::default() };
    insta::assert_snapshot!(json(&Report::new(&scores, &only).unwrap()));
}

#[test]
fn one_scene_and_one_seed() {
    let mut scores = grid();
    scores.scenes = vec!["all".to_owned()];
    scores.tasks.truncate(2);
    scores.candidates.truncate(2);
    for candidate in &mut scores.candidates {
        candidate.runs = Runs::Planned(vec![Run { key: candidate.label.clone(), seed: 7, state: RunState::Finished }]);
    }
    scores.entries.retain(|entry| entry.candidate < 2 && entry.seed == 1 && entry.task < 2);
    for entry in &mut scores.entries {
        entry.seed = 7;
        entry.scenes = vec![entry.pooled];
    }
    insta::assert_snapshot!(text(&Report::new(&scores, &Selection::default()).unwrap(), plain(Some(80))));
}
