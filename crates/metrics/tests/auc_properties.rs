//! AUC against its definition, and what must leave it alone.

use mmtl_metrics::{Column, Kind, Metric, Sample, Score};
use proptest::prelude::*;

/// Rows (prediction, label, weight) with many ties; small integers, so that sums of weights are exact.
fn rows() -> impl Strategy<Value = Vec<(f32, f32, f64)>> {
    let row = (-6_i8..6, any::<bool>(), 0_u8..5)
        .prop_map(|(p, y, w)| (f32::from(p) / 4.0, f32::from(u8::from(y)), f64::from(w)));
    prop::collection::vec(row, 0..60)
}

fn score<'a>(predictions: impl Into<Column<'a>>, labels: &'a [f32], weights: Option<&'a [f64]>) -> Score {
    let sample = Sample::new(Kind::Binary, predictions, labels).unwrap();
    let sample = match weights {
        Some(weights) => sample.with_weights(weights).unwrap(),
        None => sample,
    };
    Metric::Auc.score(&sample).unwrap().score
}

/// Σ over pairs of w⁺w⁻·(1, ½ or 0), over Σ w⁺w⁻; `None` without pairs.
fn pair_count(predictions: &[f32], labels: &[f32], weights: &[f64]) -> Option<f64> {
    let (mut won, mut pairs) = (0.0, 0.0);
    for i in (0..labels.len()).filter(|i| labels[*i] == 1.0) {
        for j in (0..labels.len()).filter(|j| labels[*j] == 0.0) {
            let pair = weights[i] * weights[j];
            pairs += pair;
            if predictions[i] > predictions[j] {
                won += pair;
            } else if predictions[i] == predictions[j] {
                won += pair / 2.0;
            }
        }
    }
    (pairs > 0.0).then(|| won / pairs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn equals_the_pair_count(rows in rows()) {
        let (predictions, (labels, weights)): (Vec<f32>, (Vec<f32>, Vec<f64>)) =
            rows.iter().map(|(p, y, w)| (*p, (*y, *w))).unzip();
        let ones = vec![1.0; rows.len()];
        // All sums are exact, so equality is too.
        prop_assert_eq!(score(&predictions, &labels, None).value(), pair_count(&predictions, &labels, &ones));
        prop_assert_eq!(score(&predictions, &labels, Some(&weights)).value(), pair_count(&predictions, &labels, &weights));
    }

    #[test]
    fn integer_weights_are_copies(rows in rows()) {
        let (predictions, (labels, weights)): (Vec<f32>, (Vec<f32>, Vec<f64>)) =
            rows.iter().map(|(p, y, w)| (*p, (*y, *w))).unzip();
        let copies = |values: &[f32]| -> Vec<f32> {
            values.iter().zip(&weights).flat_map(|(v, w)| std::iter::repeat_n(*v, *w as usize)).collect()
        };
        let weighted = score(&predictions, &labels, Some(&weights)).value();
        prop_assert_eq!(weighted, score(&copies(&predictions), &copies(&labels), None).value());
    }

    #[test]
    fn a_monotone_map_changes_nothing(rows in rows()) {
        let (predictions, labels): (Vec<f32>, Vec<f32>) = rows.iter().map(|(p, y, _)| (*p, *y)).unzip();
        let expected = score(&predictions, &labels, None);
        let maps: [fn(f64) -> f64; 4] = [f64::exp, |p| p.powi(3), |p| 1e-300 * p, |p| p * 1e300 - 1.0];
        for map in maps {
            let mapped: Vec<f64> = predictions.iter().map(|p| map(f64::from(*p))).collect();
            prop_assert_eq!(score(&mapped, &labels, None), expected);
        }
    }

    #[test]
    fn flipping_labels_or_signs_mirrors_it(rows in rows()) {
        let (predictions, labels): (Vec<f32>, Vec<f32>) = rows.iter().map(|(p, y, _)| (*p, *y)).unzip();
        let flipped: Vec<f32> = labels.iter().map(|y| 1.0 - y).collect();
        let negated: Vec<f32> = predictions.iter().map(|p| -p).collect();
        let straight = score(&predictions, &labels, None);
        // The pair counts are integers: halves are exact, and only the two divisions round.
        let mirrors = |score: Score| match (score, straight) {
            (Score::Value(a), Score::Value(b)) => (a + b - 1.0).abs() <= f64::EPSILON,
            (a, b) => a == b,
        };
        prop_assert!(mirrors(score(&predictions, &flipped, None)));
        prop_assert!(mirrors(score(&negated, &labels, None)));
        prop_assert_eq!(score(&negated, &flipped, None), straight);
    }

    #[test]
    fn row_order_does_not_matter(rows in rows(), by in 0_usize..60) {
        let mut turned = rows.clone();
        turned.rotate_left(by % rows.len().max(1));
        turned.reverse();
        let of = |rows: &[(f32, f32, f64)]| {
            let (predictions, labels): (Vec<f32>, Vec<f32>) = rows.iter().map(|(p, y, _)| (*p, *y)).unzip();
            score(&predictions, &labels, None)
        };
        prop_assert_eq!(of(&rows), of(&turned));
    }
}

#[test]
fn doubles_that_round_to_one_float_still_rank() {
    let labels = [1.0_f32, 0.0];
    assert_eq!(score(&[0.5 + 1e-12, 0.5], &labels, None), Score::Value(1.0));
    assert_eq!(score(&[(0.5 + 1e-12) as f32, 0.5], &labels, None), Score::Value(0.5));
    assert_eq!(score(&[-0.0_f32, 0.0], &labels, None), Score::Value(0.5));
}
