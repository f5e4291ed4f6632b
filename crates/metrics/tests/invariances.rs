//! What must leave a score alone: the order of rows, a monotone map, a row written twice instead of weighing twice,
//! other names for the groups.

use mmtl_metrics::{Kind, Metric, Sample, Score, Scored, Threshold};
use proptest::prelude::*;

/// A row of quarters and small whole numbers, so that ties abound and sums of weights are exact.
#[derive(Debug, Clone, Copy)]
struct Row {
    prediction: f64,
    label: f64,
    weight: f64,
    group: u64,
}

const THRESHOLD: f64 = 0.5;

/// Probabilities with binary labels.
fn binary() -> impl Strategy<Value = Vec<Row>> {
    let row = (0_u8..=8, any::<bool>(), 0_u8..4, 0_u64..6).prop_map(|(p, y, w, group)| Row {
        prediction: f64::from(p) / 8.0,
        label: f64::from(u8::from(y)),
        weight: f64::from(w),
        group,
    });
    prop::collection::vec(row, 0..50)
}

/// Real labels of 0 or more.
fn regression() -> impl Strategy<Value = Vec<Row>> {
    let row = (-9_i8..9, 0_u8..6, 0_u8..4, 0_u64..6).prop_map(|(p, y, w, group)| Row {
        prediction: f64::from(p) / 4.0,
        label: f64::from(y) / 2.0,
        weight: f64::from(w),
        group,
    });
    prop::collection::vec(row, 0..50)
}

fn scored(metric: Metric, kind: Kind, rows: &[Row], weighted: bool) -> Scored {
    let column = |of: fn(&Row) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
    let (predictions, labels) = (column(|row| row.prediction), column(|row| row.label));
    let weights = column(|row| row.weight);
    let groups: Vec<u64> = rows.iter().map(|row| row.group).collect();
    let mut sample = Sample::new(kind, &predictions, &labels).unwrap().with_groups(&groups).unwrap();
    if weighted {
        sample = sample.with_weights(&weights).unwrap();
    }
    metric.score(&sample.with_threshold(Threshold::All(THRESHOLD)).unwrap()).unwrap()
}

fn close(a: Score, b: Score) -> bool {
    match (a, b) {
        (Score::Value(a), Score::Value(b)) => (a - b).abs() <= 1e-12 * (1.0 + b.abs()),
        // Repeating no row or all rows of weight 0 are both nothing, by two names.
        (Score::Undefined(a), Score::Undefined(b)) => a.blame() == b.blame(),
        _ => false,
    }
}

fn agree(a: &Scored, b: &Scored) -> bool {
    let shares = a.covered.unwrap_or(0.0) - b.covered.unwrap_or(0.0);
    close(a.score, b.score) && shares.abs() <= 1e-12
}

/// Each row as often as it weighs.
fn repeated(rows: &[Row]) -> Vec<Row> {
    rows.iter().flat_map(|row| std::iter::repeat_n(*row, row.weight as usize)).collect()
}

/// Whether a list looks at rows one by one, so that a copy of a row is another place in it.
fn is_list(metric: Metric) -> bool {
    matches!(metric, Metric::Ndcg(_) | Metric::HitRate(_) | Metric::Mrr)
}

fn ranks_only(metric: Metric) -> bool {
    is_list(metric) || matches!(metric, Metric::Auc | Metric::Gauc | Metric::PrAuc | Metric::Spearman)
}

fn both_kinds(binary: &[Row], regression: &[Row]) -> Vec<(Metric, Kind, Vec<Row>)> {
    let of = |kind, rows: &[Row]| Metric::of(kind).map(|metric| (metric, kind, rows.to_vec())).collect::<Vec<_>>();
    [of(Kind::Binary, binary), of(Kind::Regression, regression)].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn row_order_does_not_matter(binary in binary(), regression in regression(), by in 0_usize..50) {
        for (metric, kind, rows) in both_kinds(&binary, &regression) {
            let mut turned = rows.clone();
            turned.rotate_left(by % rows.len().max(1));
            turned.reverse();
            let (one, other) = (scored(metric, kind, &rows, true), scored(metric, kind, &turned, true));
            prop_assert!(agree(&one, &other), "{}: {one:?} {other:?}", metric.name());
        }
    }

    #[test]
    fn a_weight_is_a_number_of_copies(binary in binary(), regression in regression()) {
        for (metric, kind, rows) in both_kinds(&binary, &regression).into_iter().filter(|(m, ..)| !is_list(*m)) {
            let (one, other) = (scored(metric, kind, &rows, true), scored(metric, kind, &repeated(&rows), false));
            prop_assert!(agree(&one, &other), "{}: {one:?} {other:?}", metric.name());
        }
    }

    #[test]
    fn the_unit_of_weights_does_not_matter(binary in binary(), regression in regression()) {
        for (metric, kind, rows) in both_kinds(&binary, &regression) {
            let heavy: Vec<Row> = rows.iter().map(|row| Row { weight: row.weight * 0.3, ..*row }).collect();
            let (one, other) = (scored(metric, kind, &rows, true), scored(metric, kind, &heavy, true));
            prop_assert!(agree(&one, &other), "{}: {one:?} {other:?}", metric.name());
        }
    }

    #[test]
    fn a_monotone_map_leaves_ranks(binary in binary(), regression in regression()) {
        for (metric, kind, rows) in both_kinds(&binary, &regression).into_iter().filter(|(m, ..)| ranks_only(*m)) {
            let maps: [fn(f64) -> f64; 3] = [f64::exp, |p| 1e-300 * p, |p| p * 1e300 - 1.0];
            for map in maps {
                let mapped: Vec<Row> = rows.iter().map(|row| Row { prediction: map(row.prediction), ..*row }).collect();
                prop_assert_eq!(scored(metric, kind, &rows, true), scored(metric, kind, &mapped, true));
            }
        }
    }

    #[test]
    fn a_group_may_have_its_own_scale(rows in binary()) {
        for metric in Metric::of(Kind::Binary).filter(|metric| metric.is_within_groups()) {
            let shifted: Vec<Row> =
                rows.iter().map(|row| Row { prediction: row.prediction + row.group as f64, ..*row }).collect();
            prop_assert_eq!(
                scored(metric, Kind::Binary, &rows, true),
                scored(metric, Kind::Binary, &shifted, true)
            );
        }
    }

    #[test]
    fn names_of_groups_do_not_matter(rows in binary(), key in any::<u64>()) {
        for metric in Metric::of(Kind::Binary).filter(|metric| metric.is_within_groups()) {
            let renamed: Vec<Row> = rows.iter().map(|row| Row { group: row.group ^ key, ..*row }).collect();
            let (one, other) =
                (scored(metric, Kind::Binary, &rows, true), scored(metric, Kind::Binary, &renamed, true));
            prop_assert!(agree(&one, &other), "{}: {one:?} {other:?}", metric.name());
        }
    }

    #[test]
    fn one_group_is_no_grouping(rows in binary()) {
        let rows: Vec<Row> = rows.iter().map(|row| Row { group: 9, ..*row }).collect();
        let gauc = scored(Metric::Gauc, Kind::Binary, &rows, true);
        let auc = scored(Metric::Auc, Kind::Binary, &rows, true);
        prop_assert!(close(gauc.score, auc.score), "{gauc:?} {auc:?}");
        prop_assert_eq!(gauc.covered, auc.score.value().map(|_| 1.0));
        prop_assert_eq!((gauc.positives, gauc.negatives), (auc.positives, auc.negatives));
    }

    #[test]
    fn a_group_that_says_nothing_leaves_the_mean(rows in binary(), extra in 1_usize..9) {
        let said_nothing = Row { prediction: 0.5, label: 0.0, weight: 1.0, group: 77 };
        let with: Vec<Row> = rows.iter().copied().chain(std::iter::repeat_n(said_nothing, extra)).collect();
        for metric in Metric::of(Kind::Binary).filter(|metric| metric.is_within_groups()) {
            let (one, other) = (scored(metric, Kind::Binary, &rows, true), scored(metric, Kind::Binary, &with, true));
            if let (Some(before), Some(after)) = (one.covered, other.covered) {
                prop_assert_eq!(one.score, other.score, "{}", metric.name());
                if metric == Metric::Gauc {
                    prop_assert_eq!((one.positives, one.negatives), (other.positives, other.negatives));
                }
                let share = before * one.weight / (one.weight + extra as f64);
                prop_assert!((after - share).abs() < 1e-12 && after < before);
            } else {
                prop_assert!(one.score.value().is_none());
            }
        }
    }

    #[test]
    fn values_lie_where_they_can(binary in binary(), regression in regression()) {
        for (metric, kind, rows) in both_kinds(&binary, &regression) {
            let Score::Value(value) = scored(metric, kind, &rows, true).score else { continue };
            let (low, high) = match metric {
                Metric::LogLoss | Metric::Ne | Metric::Mse | Metric::Rmse | Metric::Mae => (0.0, f64::MAX),
                Metric::R2 => (f64::MIN, 1.0),
                Metric::Ratio if kind == Kind::Binary => (0.0, f64::MAX),
                Metric::Ratio => (f64::MIN, f64::MAX),
                Metric::Spearman => (-1.0, 1.0),
                _ => (0.0, 1.0),
            };
            prop_assert!((low..=high).contains(&value), "{} {value}", metric.name());
        }
    }
}
