//! Skill: 1 is perfect, 0 is the baseline.

use mmtl_metrics::skill::{Baseline, skill};
use mmtl_metrics::{Kind, Mean, Reason, Sample, Score};

const THREE: Kind = Kind::Multiclass { classes: 3 };

fn of(kind: Kind, predictions: &[f64], labels: &[f64], baseline: &Baseline) -> Score {
    skill(&Sample::new(kind, predictions, labels).unwrap(), baseline).unwrap().score
}

fn close(score: Score, want: f64) -> bool {
    score.value().is_some_and(|got| (got - want).abs() < 1e-14)
}

#[test]
fn binary_is_the_rank_correlation() {
    let chance = Baseline::Chance;
    assert_eq!(of(Kind::Binary, &[0.1, 0.9], &[0.0, 1.0], &chance), Score::Value(1.0));
    assert_eq!(of(Kind::Binary, &[0.9, 0.1], &[0.0, 1.0], &chance), Score::Value(-1.0));
    assert_eq!(of(Kind::Binary, &[0.5, 0.5], &[0.0, 1.0], &chance), Score::Value(0.0));
    assert_eq!(of(Kind::Binary, &[0.5, 0.5], &[1.0, 1.0], &chance), Score::Undefined(Reason::SingleClass));
}

#[test]
fn regression_is_the_share_of_squared_error_explained() {
    let mean = Baseline::TrainMean(3.0);
    let labels = [1.0, 3.0, 8.0]; // squared distances to 3: 4, 0, 25
    assert_eq!(of(Kind::Regression, &labels, &labels, &mean), Score::Value(1.0));
    assert_eq!(of(Kind::Regression, &[3.0; 3], &labels, &mean), Score::Value(0.0));
    assert!(close(of(Kind::Regression, &[1.0, 3.0, 9.0], &labels, &mean), 1.0 - 1.0 / 29.0));
    // The constant is the train rows', not the scored rows' own mean.
    assert!(close(of(Kind::Regression, &[4.0; 3], &labels, &mean), 1.0 - 26.0 / 29.0));

    let constant = of(Kind::Regression, &[1.0, 2.0], &[3.0, 3.0], &mean);
    assert_eq!(constant, Score::Undefined(Reason::ConstantTarget));
    // What the data cannot score is told before what the model did.
    let both = of(Kind::Regression, &[f64::NAN, 2.0], &[3.0, 3.0], &mean);
    assert_eq!(both, Score::Undefined(Reason::ConstantTarget));
    let diverged = of(Kind::Regression, &[f64::NAN, 2.0], &[3.0, 4.0], &mean);
    assert_eq!(diverged, Score::Undefined(Reason::PredictionNotFinite));
    assert_eq!(of(Kind::Regression, &[], &[], &mean), Score::Undefined(Reason::Empty));
}

#[test]
fn multiclass_is_the_share_of_entropy_explained() {
    let rates = Baseline::TrainRates(vec![0.5, 0.25, 0.25]); // 1.5 bits
    let at_rates = [0.5, 0.25, 0.25].repeat(4);
    assert!(close(of(THREE, &at_rates, &[0.0, 0.0, 1.0, 2.0], &rates), 0.0));
    // One bit a row.
    assert!(close(of(THREE, &[0.5, 0.5, 0.0], &[1.0], &rates), 1.0 - 1.0 / 1.5));

    let single = Baseline::TrainRates(vec![0.0, 1.0, 0.0]);
    assert_eq!(of(THREE, &[0.5, 0.5, 0.0], &[1.0], &single), Score::Undefined(Reason::ConstantTarget));
}

#[test]
fn weights_count_on_both_sides() {
    let sample = Sample::new(Kind::Regression, &[1.0, 5.0], &[2.0, 7.0]).unwrap().with_weights(&[3.0, 1.0]).unwrap();
    let scored = skill(&sample, &Baseline::TrainMean(3.0)).unwrap();
    assert!(close(scored.score, 1.0 - (3.0 + 4.0) / (3.0 + 16.0)));
    assert_eq!((scored.rows, scored.weight), (2, 4.0));
}

#[test]
fn a_baseline_has_to_fit() {
    let error = |kind, predictions: &[f64], baseline: &Baseline| {
        skill(&Sample::new(kind, predictions, &[1.0]).unwrap(), baseline).unwrap_err().to_string()
    };
    assert_eq!(
        error(Kind::Binary, &[0.5], &Baseline::TrainMean(1.0)),
        "the skill of a binary task is measured against chance, got the train mean"
    );
    assert_eq!(
        error(Kind::Regression, &[0.5], &Baseline::Chance),
        "the skill of a regression task is measured against the train mean, got chance"
    );
    let third = [1.0 / 3.0; 3];
    assert!(error(THREE, &third, &Baseline::Chance).ends_with("against the train rates, got chance"));
    for rates in [vec![0.5, 0.5], vec![0.5, 0.5, 0.1], vec![1.5, -0.5, 0.0], vec![f64::NAN, 0.5, 0.5]] {
        assert!(error(THREE, &third, &Baseline::TrainRates(rates)).contains("are not 3 probabilities"));
    }
}

#[test]
fn a_run_is_the_mean_over_its_tasks() {
    let scored = |kind, p: &[f64], y: &[f64], b: &Baseline| skill(&Sample::new(kind, p, y).unwrap(), b).unwrap();
    let click = scored(Kind::Binary, &[0.1, 0.9], &[0.0, 1.0], &Baseline::Chance);
    let spend = scored(Kind::Regression, &[3.0; 2], &[1.0, 5.0], &Baseline::TrainMean(3.0));
    let unscored = scored(Kind::Binary, &[0.1, 0.9], &[1.0, 1.0], &Baseline::Chance);
    let diverged = scored(Kind::Binary, &[0.1, f64::NAN], &[0.0, 1.0], &Baseline::Chance);
    // Two rows are dim, but selection counts every task.
    let run = Mean::over(&[click, spend, unscored]);
    assert_eq!(run, Mean { score: Score::Value(0.5), used: 2, undefined: 1, dim: 0 });
    assert_eq!(Mean::over(&[click, diverged]).score, Score::Undefined(Reason::PredictionNotFinite));
}
