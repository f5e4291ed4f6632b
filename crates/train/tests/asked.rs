//! Metrics that evaluations find beside the usual ones.

use mmtl_data::Dataset;
use mmtl_metrics::{Metric, Reason, Score};
use mmtl_plan::Value;
use mmtl_train::{CellScores, Fitted};

use crate::world::{AMOUNT, CLICK, columns, dataset, fitted, plan, spec, word};

/// A few steps, selected by GAUC where the data has groups for it.
fn trained(dataset: &Dataset, score: &str, looks: &[&str]) -> Fitted {
    let plan = plan(dataset, "shared-bottom", &[CLICK, AMOUNT], &[]);
    let train = [("epochs", Value::Int(2)), ("batch_size", Value::Int(32)), ("lr", Value::Float(0.05))];
    let mut spec = spec(dataset, &plan, &train, &[("score", word(score))]);
    spec.looks = looks.iter().map(|name| name.parse().unwrap()).collect();
    fitted(dataset, &spec)
}

fn grouped() -> Dataset {
    let mut columns = columns(300);
    columns.groups = (0..300).map(|row| row * row % 13).collect();
    Dataset::from_columns(columns).unwrap()
}

fn names(cell: &CellScores) -> Vec<&'static str> {
    cell.metrics.iter().map(|(metric, _)| metric.name()).collect()
}

fn score(cell: &CellScores, metric: Metric) -> mmtl_metrics::Scored {
    cell.metrics.iter().find(|(known, _)| *known == metric).unwrap().1
}

#[test]
fn weights_can_be_chosen_by_a_mean_over_groups() {
    let fitted = trained(&grouped(), "click.gauc", &[]);
    for evaluation in fitted.history() {
        let [click, amount] = [&evaluation.outputs[0].all, &evaluation.outputs[1].all];
        assert_eq!(names(click), ["auc", "gauc", "logloss", "accuracy"]);
        assert_eq!(names(amount), ["mse", "rmse", "mae"]);
        let gauc = score(click, Metric::Gauc);
        assert_eq!(evaluation.choices[0].score, gauc.score);
        assert!(gauc.score.value().is_some() && gauc.covered.is_some_and(|share| share > 0.5 && share <= 1.0));
    }
    // Without groups nothing can be chosen by them, and that is no fault of the model's.
    let fitted = trained(&dataset(300), "click.gauc", &[]);
    assert!(fitted.history().iter().all(|e| e.choices[0].score == Score::Undefined(Reason::NoGroups)));
}

#[test]
fn what_is_looked_at_moves_no_number() {
    let dataset = grouped();
    let (plain, looked) = (trained(&dataset, "skill", &[]), trained(&dataset, "skill", &["f1", "mrr", "r2", "gauc"]));
    assert_eq!(plain.digest(), looked.digest());
    for (plain, looked) in plain.history().iter().zip(looked.history()) {
        assert_eq!(plain.choices, looked.choices);
        let [click, amount] = [&looked.outputs[0].all, &looked.outputs[1].all];
        assert_eq!(names(click), ["auc", "gauc", "logloss", "accuracy", "f1", "mrr"]);
        assert_eq!(names(amount), ["mse", "rmse", "mae", "r2"]);
        let usual = |cell: &CellScores| cell.metrics.iter().filter(|(m, _)| m.is_usual()).copied().collect::<Vec<_>>();
        assert_eq!(usual(click), plain.outputs[0].all.metrics);
        // One threshold of all rows decides in every scene.
        let threshold = score(click, Metric::F1).threshold;
        assert!(threshold.is_some());
        assert!(looked.outputs[0].scenes.iter().all(|scene| score(scene, Metric::F1).threshold == threshold));
    }
}
