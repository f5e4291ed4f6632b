//! What is kept of a run's events for its curves.

use mmtl_dash::{FitHistory, History, Point};
use mmtl_grid::events::{Evaluated, RunEvent, RunLine, ValidScore};
use mmtl_grid::store::FormatVersion;
use mmtl_metrics::{Metric, Score, Scored};

/// Lines of one attempt, numbered from 1.
pub fn lines(attempt: u32, events: impl IntoIterator<Item = RunEvent>) -> Vec<RunLine> {
    let line = |(seq, event)| RunLine { v: FormatVersion(1), attempt, seq, at: 1_000 * seq, event };
    (1..).zip(events).map(line).collect()
}

/// A report of progress.
pub fn progress(fit: usize, step: u64, losses: &[Option<f64>]) -> RunEvent {
    let losses = losses.to_vec();
    RunEvent::Progress { fit, step, steps: 100_000, epochs: step as f64 / 1_000.0, rows_per_second: 1e4, losses }
}

/// An evaluation of a task `click` with these log losses by scene.
pub fn evaluated(step: u64, losses: &[Option<f64>], scores: &[(Option<&str>, f64)]) -> RunEvent {
    let scored = |value| Scored::over(Score::Value(value), 100);
    let score = |(scene, value): &(Option<&str>, f64)| ValidScore {
        task: "click".into(),
        scene: scene.map(str::to_owned),
        metric: Metric::LogLoss,
        scored: scored(*value),
    };
    RunEvent::Evaluated(Evaluated {
        fit: 0,
        step,
        epochs: step as f64 / 1_000.0,
        score: Score::Value(1.0 - scores.first().map_or(0.0, |(_, value)| *value)),
        best: true,
        losses: losses.to_vec(),
        scores: scores.iter().map(score).collect(),
    })
}

fn history(events: impl IntoIterator<Item = RunEvent>) -> History {
    let mut history = History::default();
    for line in lines(1, events) {
        history.apply(&line);
    }
    history
}

fn pairs(points: &[Point]) -> Vec<(u64, f64)> {
    points.iter().map(|point| (point.step, point.value)).collect()
}

#[test]
fn objectives_without_rows_leave_gaps() {
    let history = history([
        progress(0, 10, &[Some(1.0), Some(3.0)]),
        progress(0, 20, &[Some(2.0), None]),
        progress(0, 30, &[None, None]),
        progress(0, 40, &[Some(f64::INFINITY), Some(5.0)]),
    ]);
    let fit = &history.fits()[0];
    assert_eq!(pairs(fit.objective_loss(0)), [(10, 1.0), (20, 2.0)]);
    assert_eq!(pairs(fit.objective_loss(1)), [(10, 3.0), (40, 5.0)]);
    assert_eq!(pairs(fit.train_loss()), [(10, 2.0), (20, 2.0)]);
    assert_eq!((fit.objectives(), fit.objective_loss(2)), (2, &[][..]));
}

#[test]
fn the_denser_of_progress_and_evaluations_is_the_train_loss() {
    let evaluations = [evaluated(10, &[Some(1.0)], &[]), evaluated(20, &[Some(0.5)], &[])];
    let sparse = history(evaluations.clone().into_iter().chain([progress(0, 20, &[Some(7.0)])]));
    assert_eq!(pairs(sparse.fits()[0].train_loss()), [(10, 1.0), (20, 0.5)]);
    let reports = (1..=3).map(|step| progress(0, step, &[Some(7.0)]));
    let dense = history(evaluations.into_iter().chain(reports));
    assert_eq!(pairs(dense.fits()[0].train_loss()), [(1, 7.0), (2, 7.0), (3, 7.0)]);
}

#[test]
fn a_new_attempt_supersedes_what_lies_past_its_checkpoint() {
    let mut told = history([
        progress(0, 10, &[Some(1.0)]),
        evaluated(15, &[Some(1.0)], &[(None, 0.5)]),
        progress(0, 20, &[Some(2.0)]),
        evaluated(25, &[Some(1.0)], &[(None, 0.4)]),
        progress(0, 30, &[Some(3.0)]),
    ]);
    for line in lines(2, [RunEvent::Resumed { fit: 0, step: 20 }, progress(0, 30, &[Some(9.0)])]) {
        told.apply(&line);
        told.apply(&line);
    }
    let fit = &told.fits()[0];
    assert_eq!(pairs(fit.train_loss()), [(10, 1.0), (20, 2.0), (30, 9.0)]);
    assert_eq!(pairs(&fit.score("click", Metric::LogLoss)), [(15, 0.5)]);
    assert_eq!(fit.selection().len(), 1);
}

#[test]
fn a_fit_with_one_scene_is_scored_on_that() {
    let of = |scores: &[(Option<&str>, f64)]| {
        let history = history([evaluated(5, &[Some(1.0)], scores)]);
        pairs(&history.fits()[0].score("click", Metric::LogLoss))
    };
    assert_eq!(of(&[(None, 0.3), (Some("home"), 0.2), (Some("cart"), 0.4)]), [(5, 0.3)]);
    assert_eq!(of(&[(Some("home"), 0.2)]), [(5, 0.2)]);
    assert_eq!(of(&[(Some("home"), 0.2), (Some("cart"), 0.4)]), []);
}

#[test]
fn a_tasks_objective_is_known_where_each_has_one() {
    let of = |events: Vec<RunEvent>, all: &[&str]| {
        let history = history(events);
        let fit: &FitHistory = &history.fits()[0];
        fit.objective_of("click", all)
    };
    assert_eq!(of(vec![evaluated(5, &[Some(1.0)], &[(None, 0.3)])], &["buy", "click"]), Some(0));
    assert_eq!(of(vec![evaluated(5, &[Some(1.0), Some(2.0)], &[(None, 0.3)])], &[]), None);
    assert_eq!(of(vec![progress(0, 5, &[Some(1.0), Some(2.0)])], &["buy", "click"]), Some(1));
}
