//! Means over scenes, and what becomes of scenes without a value.

use mmtl_metrics::{DIM_BELOW, Kind, Mean, Metric, Overall, Reason, Sample, Score, Scored};

fn cell(score: Score, rows: u64) -> Scored {
    Scored::over(score, rows)
}

fn value(value: f64, rows: u64) -> Scored {
    cell(Score::Value(value), rows)
}

fn undefined(reason: Reason) -> Scored {
    cell(Score::Undefined(reason), 7)
}

fn of(overall: Overall, scenes: &[Scored]) -> Mean {
    overall.of(&value(0.25, 40), scenes)
}

#[test]
fn three_kinds() {
    let scenes = [value(1.0, 30), value(5.0, 10)];
    assert_eq!(of(Overall::Pooled, &scenes), Mean { score: Score::Value(0.25), used: 1, undefined: 0, dim: 0 });
    assert_eq!(of(Overall::Rows, &scenes), Mean { score: Score::Value(2.0), used: 2, undefined: 0, dim: 0 });
    assert_eq!(of(Overall::Macro, &scenes), Mean { score: Score::Value(3.0), used: 2, undefined: 0, dim: 0 });
}

#[test]
fn data_leaves_and_model_spoils() {
    for overall in [Overall::Rows, Overall::Macro] {
        let left = of(overall, &[value(1.0, 30), undefined(Reason::SingleClass), undefined(Reason::Empty)]);
        assert_eq!(left, Mean { score: Score::Value(1.0), used: 1, undefined: 2, dim: 0 });

        let spoilt = of(
            overall,
            &[undefined(Reason::Empty), undefined(Reason::NotProbability), value(1.0, 30), undefined(Reason::Overflow)],
        );
        assert_eq!(spoilt.score, Score::Undefined(Reason::NotProbability));

        let none = of(overall, &[undefined(Reason::SingleClass)]);
        assert_eq!(none, Mean { score: Score::Undefined(Reason::Empty), used: 0, undefined: 1, dim: 0 });
        assert_eq!(of(overall, &[]).score, Score::Undefined(Reason::Empty));
    }
    let pooled = Overall::Pooled.of(&undefined(Reason::SingleClass), &[]);
    assert_eq!(pooled, Mean { score: Score::Undefined(Reason::SingleClass), used: 0, undefined: 1, dim: 0 });
}

#[test]
fn dim_cells_leave_macro_means_only() {
    let auc = |score, positives, negatives| Scored {
        positives: Some(positives),
        negatives: Some(negatives),
        ..Scored::over(Score::Value(score), positives + negatives)
    };
    assert!(auc(0.5, DIM_BELOW - 1, 500).is_dim() && auc(0.5, 500, DIM_BELOW - 1).is_dim());
    assert!(!auc(0.5, DIM_BELOW, DIM_BELOW).is_dim());
    assert!(!value(0.5, 1).is_dim());

    let scenes = [auc(0.5, 30, 30), auc(1.0, 29, 31)];
    assert_eq!(of(Overall::Macro, &scenes), Mean { score: Score::Value(0.5), used: 1, undefined: 0, dim: 1 });
    assert_eq!(of(Overall::Rows, &scenes), Mean { score: Score::Value(0.75), used: 2, undefined: 0, dim: 0 });
    assert_eq!(of(Overall::Macro, &scenes[1..]).score, Score::Undefined(Reason::Empty));
    // Whatever a model makes of them.
    let nothing = Scored { score: Score::Undefined(Reason::NothingPredicted), ..scenes[1] };
    let without = Mean { score: Score::Value(0.5), used: 1, undefined: 0, dim: 1 };
    assert_eq!(of(Overall::Macro, &[scenes[0], nothing]), without);
    let fault = Scored { score: nothing.score, ..scenes[0] };
    assert_eq!(of(Overall::Macro, &[scenes[0], fault]).score, fault.score);
}

#[test]
fn rows_equals_pooled_for_means_over_rows() {
    let predictions: Vec<f64> = (0..90).map(|i| f64::from(i * 37 % 91) / 91.0).collect();
    let labels: Vec<f64> = (0..90).map(|i| f64::from(u8::from(i * 29 % 7 < 3))).collect();
    let weights: Vec<f64> = (0..90).map(|i| f64::from(i % 4) / 2.0).collect();
    for (kind, metric) in [
        (Kind::Binary, Metric::LogLoss),
        (Kind::Binary, Metric::Accuracy),
        (Kind::Regression, Metric::Mse),
        (Kind::Regression, Metric::Mae),
    ] {
        let score = |rows: std::ops::Range<usize>| {
            let sample = Sample::new(kind, &predictions[rows.clone()], &labels[rows.clone()]).unwrap();
            metric.score(&sample.with_weights(&weights[rows]).unwrap()).unwrap()
        };
        let (pooled, scenes) = (score(0..90), [score(0..11), score(11..50), score(50..90)]);
        let rows = Overall::Rows.of(&pooled, &scenes).score.value().unwrap();
        assert!((rows - pooled.score.value().unwrap()).abs() < 1e-15, "{}", metric.name());
        assert_eq!(Overall::Pooled.of(&pooled, &scenes).score, pooled.score);
    }
}

#[test]
fn names_parse_back() {
    for overall in Overall::ALL {
        assert_eq!(overall.name().parse(), Ok(overall));
    }
    assert_eq!(
        "marco".parse::<Overall>().unwrap_err().to_string(),
        "unknown overall `marco`; did you mean `macro`? (expected one of pooled, rows, macro)"
    );
}
