//! What no table can be made of.

use mmtl_metrics::{Kind, Metric};
use mmtl_report::{Error, Metrics, Report, Scores, Selection, Split, Task};

use crate::grid::grid;

fn refused(scores: &Scores, selection: &Selection) -> String {
    Report::new(scores, selection).unwrap_err().to_string()
}

fn of_task(name: &str) -> Selection {
    Selection { task: Some(name.to_owned()), ..Selection::default() }
}

#[test]
fn names_that_do_not_exist() {
    assert_eq!(
        refused(&grid(), &of_task("clik")),
        "unknown task `clik`; did you mean `click`? (expected one of click, spend, conversion)"
    );
    assert_eq!(
        refused(&grid(), &of_task("wholly different")),
        "unknown task `wholly different`; expected one of click, spend, conversion"
    );
    let mut scores = grid();
    scores.entries[0].slice = "new_user".to_owned();
    let slice = |name: &str| Selection { slice: name.to_owned(), ..Selection::default() };
    assert_eq!(
        refused(&scores, &slice("new_users")),
        "unknown slice `new_users`; did you mean `new_user`? (expected one of all, new_user)"
    );
    assert!(Report::new(&scores, &slice("new_user")).is_ok());
    // Before anything is scored, all rows still are a slice.
    scores.entries.clear();
    assert!(Report::new(&scores, &slice("all")).is_ok());
    assert_eq!(refused(&scores, &slice("new_user")), "unknown slice `new_user`; expected one of all");
}

#[test]
fn a_metric_of_another_kind() {
    let only = |metric| Metrics::Only(metric);
    let selection = Selection { metrics: only(Metric::Auc), ..of_task("spend") };
    assert_eq!(
        refused(&grid(), &selection),
        "`auc` is not defined for `spend` (regression), expected one of mse, rmse, mae"
    );
    // Without a task named, the metric picks those that it is defined for.
    let selection = Selection { metrics: only(Metric::Mse), ..Selection::default() };
    let tasks: Vec<String> =
        Report::new(&grid(), &selection).unwrap().tables.into_iter().map(|table| table.task).collect();
    assert_eq!(tasks, ["spend"]);
    let mut scores = grid();
    scores.tasks.truncate(1);
    scores.entries.retain(|entry| entry.task == 0);
    assert_eq!(
        refused(&scores, &selection),
        "`mse` is not defined for `click` (binary), expected one of auc, logloss, accuracy"
    );
    scores.tasks.push(Task { name: "view".to_owned(), ..scores.tasks[0].clone() });
    assert_eq!(
        refused(&scores, &selection),
        "`mse` is not defined for any task, expected one of auc, logloss, accuracy"
    );
    // One task of two kinds.
    scores.tasks[1] =
        Task { name: "click".to_owned(), kind: Kind::Multiclass { classes: 3 }, ..scores.tasks[1].clone() };
    assert_eq!(
        refused(&scores, &selection),
        "`mse` is not defined for `click` (binary and multiclass), expected one of auc, logloss, accuracy"
    );
    assert_eq!(
        refused(&scores, &of_task("clic")),
        "unknown task `clic`; did you mean `click`? (expected one of click)"
    );
}

#[test]
fn scores_that_contradict_themselves() {
    let selection = Selection::default();
    let mut scores = grid();
    scores.entries.push(scores.entries[0].clone());
    assert_eq!(
        refused(&scores, &selection),
        "`shared-bottom` with seed 1 has auc of `click` twice, expected one record a run"
    );
    // The same score on other rows is another one.
    scores.entries[0].split = Split::Valid;
    assert!(Report::new(&scores, &selection).is_ok());
    scores.entries[0].scenes.pop();
    assert_eq!(refused(&scores, &selection), "`shared-bottom` with seed 1 has scores for 3 scenes, expected 4");
}

#[test]
fn indices_past_the_end() {
    let changed = |change: fn(&mut Scores, usize), index| {
        let mut scores = grid();
        change(&mut scores, index);
        Report::new(&scores, &Selection::default()).map(|_| ())
    };
    let past = |what, count| Err(Error::Index { what, index: count, count });
    let candidate = |scores: &mut Scores, index| scores.entries[0].candidate = index;
    let task = |scores: &mut Scores, index| scores.entries[0].task = index;
    let baseline = |scores: &mut Scores, index| scores.candidates[1].baseline = Some(index);
    assert_eq!(changed(candidate, 8), past("candidate", 8));
    assert_eq!(changed(candidate, 7), Ok(()));
    assert_eq!(changed(task, 3), past("task", 3));
    assert_eq!(changed(task, 2), Ok(()));
    assert_eq!(changed(baseline, 8), past("baseline", 8));
    assert_eq!(changed(baseline, 7), Ok(()));
}
