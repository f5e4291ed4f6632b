//! What each metric says by hand-worked examples, and why it is undefined when it is.

use mmtl_metrics::{Better, Blame, Cutoff, Error, Kind, Metric, Reason, Sample, Score, Threshold};

const THREE: Kind = Kind::Multiclass { classes: 3 };

/// Of one group, decided at 0.35.
fn score(metric: Metric, kind: Kind, predictions: &[f64], labels: &[f64], weights: Option<&[f64]>) -> Score {
    let groups = vec![7; labels.len()];
    let sample = Sample::new(kind, predictions, labels).unwrap().with_groups(&groups).unwrap();
    let sample = sample.with_threshold(Threshold::All(0.35)).unwrap();
    let sample = match weights {
        Some(weights) => sample.with_weights(weights).unwrap(),
        None => sample,
    };
    metric.score(&sample).unwrap().score
}

fn of_one_prediction() -> impl Iterator<Item = (Metric, Kind)> {
    [Kind::Binary, Kind::Regression].into_iter().flat_map(|kind| Metric::of(kind).map(move |metric| (metric, kind)))
}

#[test]
fn worked_examples() {
    let value = |metric, kind, p: &[f64], y: &[f64]| score(metric, kind, p, y, None).value().unwrap();
    assert_eq!(value(Metric::Mse, Kind::Regression, &[1.0, 4.0], &[2.0, 2.0]), 2.5);
    assert_eq!(value(Metric::Rmse, Kind::Regression, &[1.0, 9.0], &[2.0, 2.0]), 5.0);
    assert_eq!(value(Metric::Mae, Kind::Regression, &[1.0, 4.0], &[2.0, 2.0]), 1.5);
    assert_eq!(value(Metric::LogLoss, Kind::Binary, &[0.25, 0.25], &[1.0, 1.0]), 4.0_f64.ln());
    assert_eq!(value(Metric::LogLoss, THREE, &[0.5, 0.25, 0.25], &[2.0]), 4.0_f64.ln());
}

#[test]
fn ties_in_accuracy_go_to_the_lower_class() {
    let accuracy = |kind, p: &[f64], y: &[f64]| score(Metric::Accuracy, kind, p, y, None);
    assert_eq!(accuracy(Kind::Binary, &[0.5], &[0.0]), Score::Value(1.0));
    assert_eq!(accuracy(Kind::Binary, &[0.5], &[1.0]), Score::Value(0.0));
    assert_eq!(accuracy(Kind::Binary, &[0.500_001], &[1.0]), Score::Value(1.0));
    assert_eq!(accuracy(THREE, &[0.25, 0.375, 0.375], &[1.0]), Score::Value(1.0));
    assert_eq!(accuracy(THREE, &[0.25, 0.375, 0.375], &[2.0]), Score::Value(0.0));
}

#[test]
fn log_loss_is_clipped_by_the_width() {
    let wrong = |sample: Sample| Metric::LogLoss.score(&sample).unwrap().score.value().unwrap();
    let narrow = wrong(Sample::new(Kind::Binary, &[0.0_f32], &[1.0_f32]).unwrap());
    let wide = wrong(Sample::new(Kind::Binary, &[0.0_f64], &[1.0_f32]).unwrap());
    assert!((narrow - 23.0 * 2.0_f64.ln()).abs() < 1e-12 && (wide - 52.0 * 2.0_f64.ln()).abs() < 1e-12);
}

#[test]
fn rows_of_weight_zero_take_no_part() {
    const NAN: f64 = f64::NAN;
    let sample = Sample::new(Kind::Regression, &[1.0, NAN, 3.0], &[2.0, 2.0, NAN]).unwrap();
    let scored = Metric::Mse.score(&sample.with_weights(&[0.5, 0.0, 0.0]).unwrap()).unwrap();
    assert_eq!((scored.score, scored.rows, scored.weight), (Score::Value(1.0), 1, 0.5));

    let sample = Sample::new(Kind::Binary, &[0.1, 0.9, 0.3], &[0.0, 1.0, 1.0]).unwrap();
    let scored = Metric::Auc.score(&sample.with_weights(&[1.0, 2.0, 0.0]).unwrap()).unwrap();
    assert_eq!((scored.rows, scored.weight, scored.positives, scored.negatives), (2, 3.0, Some(1), Some(1)));
}

#[test]
fn faults_of_the_data() {
    let fault = |metric, kind, p: &[f64], y: &[f64], w: Option<&[f64]>| score(metric, kind, p, y, w).reason();
    for (metric, kind) in of_one_prediction() {
        assert_eq!(fault(metric, kind, &[], &[], None), Some(Reason::Empty));
        assert_eq!(fault(metric, kind, &[0.1, 0.2], &[0.0, 1.0], Some(&[0.0; 2])), Some(Reason::ZeroWeight));
        for weight in [-1.0, f64::NAN, f64::INFINITY, 1.1e100, 0.9e-100] {
            let weights = [1.0, weight];
            assert_eq!(fault(metric, kind, &[0.1, 0.2], &[0.0, 1.0], Some(&weights)), Some(Reason::InvalidWeight));
        }
        for weight in [1e100, 1e-100] {
            assert_eq!(fault(metric, kind, &[0.1, 0.4], &[0.0, 1.0], Some(&[weight; 2])), None);
        }
        assert_eq!(fault(metric, kind, &[0.1, 0.2], &[0.0, f64::NAN], None), Some(Reason::LabelNotFinite));
    }
    for label in [-1.0, 0.5, 2.0] {
        assert_eq!(fault(Metric::Auc, Kind::Binary, &[0.1, 0.2], &[0.0, label], None), Some(Reason::InvalidLabel));
    }
    for (label, reason) in [(2.0, None), (3.0, Some(Reason::InvalidLabel)), (0.5, Some(Reason::InvalidLabel))] {
        assert_eq!(fault(Metric::LogLoss, THREE, &[0.25, 0.5, 0.25], &[label], None), reason);
    }
    assert_eq!(fault(Metric::Auc, Kind::Binary, &[0.1, 0.2], &[1.0, 1.0], None), Some(Reason::SingleClass));
    assert_eq!(fault(Metric::LogLoss, Kind::Binary, &[0.1, 0.2], &[1.0, 1.0], None), None);
}

#[test]
fn faults_of_the_model() {
    let fault = |metric, kind, p: &[f64], y: &[f64]| score(metric, kind, p, y, None).reason();
    for (metric, kind) in of_one_prediction() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(fault(metric, kind, &[0.1, bad], &[0.0, 1.0]), Some(Reason::PredictionNotFinite));
        }
    }
    let not_probability = Some(Reason::NotProbability);
    for metric in [Metric::LogLoss, Metric::Accuracy, Metric::Ece] {
        for (p, reason) in [(0.0, None), (1.0, None), (-1e-9, not_probability), (1.0 + 1e-9, not_probability)] {
            assert_eq!(fault(metric, Kind::Binary, &[p], &[1.0]), reason);
        }
        // What rounding does to an average of probabilities.
        assert_eq!(fault(metric, Kind::Binary, &[1.0 + f64::EPSILON, -f64::EPSILON], &[1.0, 0.0]), None);
    }
    for metric in [Metric::LogLoss, Metric::Accuracy, Metric::MacroF1] {
        assert_eq!(fault(metric, THREE, &[0.5, 0.25, 0.25 + 1e-9], &[1.0]), None);
        assert_eq!(fault(metric, THREE, &[0.5, 0.25, 0.25 + 1e-7], &[1.0]), not_probability);
        assert_eq!(fault(metric, THREE, &[1.5, -0.25, -0.25], &[1.0]), not_probability);
    }
    assert_eq!(fault(Metric::Auc, Kind::Binary, &[-7.0, 1e300], &[0.0, 1.0]), None);
    assert_eq!(fault(Metric::Mse, Kind::Regression, &[1e200], &[0.0]), Some(Reason::Overflow));
}

#[test]
fn what_no_model_could_mend_is_told_first() {
    // Else a diverged model would lose its mean to a scene that no model could be scored on.
    let reason = score(Metric::Auc, Kind::Binary, &[f64::NAN, 0.2], &[1.0, 1.0], None).reason().unwrap();
    assert_eq!((reason, reason.blame()), (Reason::SingleClass, Blame::Data));
}

#[test]
fn calls_that_make_no_sense() {
    let message = |error: Error| error.to_string();
    assert_eq!(
        message(Sample::new(THREE, &[0.5; 5], &[1.0; 2]).unwrap_err()),
        "predictions have 5 values, expected 6 for 2 rows"
    );
    let sample = Sample::new(Kind::Binary, &[0.5; 2], &[1.0; 2]).unwrap();
    assert_eq!(message(sample.with_weights(&[1.0; 3]).unwrap_err()), "weights have 3 values, expected 2 for 2 rows");
    assert_eq!(
        message(Sample::new(Kind::Multiclass { classes: 1 }, &[1.0], &[0.0]).unwrap_err()),
        "a multiclass sample has 1 classes, expected at least 2"
    );
    assert!(Sample::new(Kind::Multiclass { classes: usize::MAX }, &[1.0], &[0.0; 3]).is_err());
    assert_eq!(
        message(Metric::Mse.score(&sample).unwrap_err()),
        "metric `mse` does not apply to a binary task; expected one of auc, gauc, prauc, logloss, ne, accuracy, \
         precision, recall, f1, ece, ratio, ndcg@10, hit_rate@10, mrr"
    );
    assert_eq!(
        message(Metric::F1.score(&sample).unwrap_err()),
        "metric `f1` needs a threshold, expected one chosen on validation rows"
    );
    assert_eq!(message(sample.with_groups(&[1]).unwrap_err()), "groups have 1 values, expected 2 for 2 rows");
    assert_eq!(
        message(sample.with_threshold(Threshold::Each(&[0.5; 3])).unwrap_err()),
        "thresholds have 3 values, expected 2 for 2 rows"
    );
    assert_eq!(
        message("acu".parse::<Metric>().unwrap_err()),
        "unknown metric `acu`; did you mean `auc`? (expected one of auc, gauc, prauc, logloss, ne, mse, rmse, mae, r2, \
         spearman, accuracy, precision, recall, f1, macro_f1, ece, ratio, ndcg@10, hit_rate@10, mrr)"
    );
}

#[test]
fn names_parse_back_and_agree_with_serde() {
    let cut = |k| Cutoff::new(k).unwrap();
    let more = [Metric::Ndcg(cut(1)), Metric::Ndcg(cut(1000)), Metric::HitRate(cut(50))];
    for metric in Metric::ALL.into_iter().chain(more) {
        assert_eq!(metric.name().parse(), Ok(metric));
        assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        assert_eq!(serde_json::from_value::<Metric>(metric.name().into()).unwrap(), metric);
        assert_eq!(metric.name(), metric.name().to_lowercase());
    }
    assert_eq!("ndcg@5".parse(), Ok(Metric::Ndcg(cut(5))));
    assert_eq!(("ndcg".parse(), "hit_rate".parse()), (Ok(Metric::Ndcg(cut(10))), Ok(Metric::HitRate(cut(10)))));
    for wrong in ["ndcg@0", "ndcg@1001", "ndcg@", "ndcg@05", "ndcg@+5", "mrr@5", "NDCG"] {
        assert!(wrong.parse::<Metric>().is_err(), "{wrong}");
    }
    assert_eq!((Cutoff::new(0), Cutoff::new(1001)), (None, None));
}

#[test]
fn the_usual_ones_are_what_they_were() {
    let names = |kind| Metric::usual(kind).map(Metric::name).collect::<Vec<_>>();
    assert_eq!(names(Kind::Binary), ["auc", "logloss", "accuracy"]);
    assert_eq!(names(Kind::Regression), ["mse", "rmse", "mae"]);
    assert_eq!(names(THREE), ["logloss", "accuracy"]);
}

#[test]
fn better_means_what_the_metric_rewards() {
    let kinds = [(Kind::Binary, vec![0.1, 0.9], vec![0.4, 0.3]), (Kind::Regression, vec![0.0, 1.0], vec![9.0, 5.0])];
    for (kind, good, bad) in kinds {
        for metric in Metric::of(kind) {
            // Among the first ten of two there is always a hit.
            let metric =
                if metric == Metric::HitRate(Cutoff::DEFAULT) { "hit_rate@1".parse().unwrap() } else { metric };
            let of = |p: &[f64]| score(metric, kind, p, &[0.0, 1.0], None).value().unwrap();
            let merit = |p: &[f64]| metric.better().merit(of(p));
            assert!(merit(&good) > merit(&bad), "{}", metric.name());
        }
    }
    assert_eq!([Better::Higher, Better::Lower, Better::NearOne].map(|better| better.merit(3.0)), [3.0, -3.0, -2.0]);
}
