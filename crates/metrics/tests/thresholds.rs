//! The threshold of decisions: which one is chosen, and what becomes of scores without one.

use mmtl_metrics::{Kind, Metric, Reason, Sample, Score, Threshold, best_threshold};
use proptest::prelude::*;

fn chosen(predictions: &[f64], labels: &[f64]) -> Score {
    best_threshold(&Sample::new(Kind::Binary, predictions, labels).unwrap()).unwrap()
}

fn f1(predictions: &[f64], labels: &[f64], threshold: Threshold) -> Score {
    let sample = Sample::new(Kind::Binary, predictions, labels).unwrap().with_threshold(threshold).unwrap();
    Metric::F1.score(&sample).unwrap().score
}

#[test]
fn the_lowest_of_the_best() {
    assert_eq!(chosen(&[0.1, 0.4, 0.6, 0.9], &[0.0, 0.0, 1.0, 1.0]), Score::Value(0.6));
    // Letting in one more positive with two negatives: 2·1/(2 + 1) before, 2·2/(2 + 4) after.
    assert_eq!(chosen(&[0.9, 0.5, 0.5, 0.5], &[1.0, 0.0, 0.0, 1.0]), Score::Value(0.5));
    assert_eq!(chosen(&[0.3, 0.3], &[1.0, 0.0]), Score::Value(0.3));
}

#[test]
fn without_a_positive_or_a_sound_prediction_there_is_none() {
    assert_eq!(chosen(&[0.1, 0.2], &[0.0, 0.0]), Score::Undefined(Reason::NoPositive));
    assert_eq!(chosen(&[], &[]), Score::Undefined(Reason::Empty));
    assert_eq!(chosen(&[0.1, f64::NAN], &[0.0, 1.0]), Score::Undefined(Reason::PredictionNotFinite));
    assert!(best_threshold(&Sample::new(Kind::Regression, &[0.5], &[0.5]).unwrap()).is_err());
}

#[test]
fn a_missing_threshold_is_the_reason() {
    let missing = Threshold::from(Score::Undefined(Reason::NoPositive));
    assert_eq!(f1(&[0.1, 0.9], &[0.0, 1.0], missing), Score::Undefined(Reason::NoPositive));
    // What the scored rows themselves lack is told first.
    let broken = Threshold::Missing(Reason::PredictionNotFinite);
    assert_eq!(f1(&[0.1, 0.9], &[0.0, 0.0], broken), Score::Undefined(Reason::NoPositive));
    assert_eq!(f1(&[0.1, 0.9], &[0.0, 1.0], broken), Score::Undefined(Reason::PredictionNotFinite));
}

#[test]
fn what_holds_for_all_rows_is_kept() {
    let sample = Sample::new(Kind::Binary, &[0.1, 0.9], &[0.0, 1.0]).unwrap();
    let of = |metric: Metric, threshold| metric.score(&sample.with_threshold(threshold).unwrap()).unwrap();
    assert_eq!(of(Metric::Precision, Threshold::All(0.5)).threshold, Some(0.5));
    assert_eq!(of(Metric::Precision, Threshold::Each(&[0.5, 0.7])).threshold, None);
    assert_eq!(of(Metric::Auc, Threshold::All(0.5)).threshold, None);
    assert_eq!(of(Metric::Recall, Threshold::Each(&[0.5, 0.95])).score, Score::Value(0.0));
    assert_eq!(of(Metric::Precision, Threshold::All(0.95)).score, Score::Undefined(Reason::NothingPredicted));
    assert_eq!(of(Metric::F1, Threshold::All(0.95)).score, Score::Value(0.0));
}

proptest! {
    #[test]
    fn no_other_does_better(rows in prop::collection::vec((0_u8..9, any::<bool>()), 1..40)) {
        let predictions: Vec<f64> = rows.iter().map(|(p, _)| f64::from(*p) / 8.0).collect();
        let labels: Vec<f64> = rows.iter().map(|(_, y)| f64::from(u8::from(*y))).collect();
        let Score::Value(best) = chosen(&predictions, &labels) else { return Ok(()) };
        let at = |threshold| f1(&predictions, &labels, Threshold::All(threshold)).value().unwrap();
        prop_assert!(predictions.contains(&best));
        for other in &predictions {
            let no_better = at(*other) < at(best) || (*other >= best && at(*other) == at(best));
            prop_assert!(no_better, "{other} does better than {best}");
        }
    }
}
