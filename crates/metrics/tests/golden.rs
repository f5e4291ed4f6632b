//! Scores and statistics against scikit-learn and SciPy. `metrics.py` and `scores.py` in `tests/golden` of the workspace
//! wrote the vectors: of the usual metrics, and of those found where they are asked for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use mmtl_metrics::{
    Column, Kind, Metric, Sample, Score, SeedScores, Summary, Threshold, best_threshold, paired_interval,
    student_interval,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    paired: Vec<Paired>,
    t_quantiles: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    kind: String,
    classes: usize,
    dtype: String,
    predictions: Vec<f64>,
    labels: Vec<f64>,
    weights: Option<Vec<f64>>,
    groups: Option<Vec<u64>>,
    threshold: Option<f64>,
    scores: BTreeMap<Metric, Score>,
    /// Of the metrics within groups.
    #[serde(default)]
    covered: BTreeMap<Metric, f64>,
    best_threshold: Option<Score>,
}

#[derive(Deserialize)]
struct Asked {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Paired {
    a: Vec<f64>,
    b: Vec<f64>,
    mean: f64,
    sd: f64,
    difference: f64,
    low: f64,
    high: f64,
}

static GOLDEN: LazyLock<Golden> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../tests/golden/metrics.json")).expect("golden vectors"));

static ASKED: LazyLock<Asked> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../tests/golden/scores.json")).expect("golden vectors"));

fn cases() -> impl Iterator<Item = &'static Case> {
    GOLDEN.cases.iter().chain(&ASKED.cases)
}

fn kind_of(case: &Case) -> Kind {
    match case.kind.as_str() {
        "binary" => Kind::Binary,
        "regression" => Kind::Regression,
        "multiclass" => Kind::Multiclass { classes: case.classes },
        other => panic!("kind {other}"),
    }
}

/// Relative tolerance: f64 sums differ by their order only; scikit-learn takes logarithms and squares of f32 predictions
/// in f32.
fn tolerance(metric: Metric, dtype: &str) -> f64 {
    match (metric, dtype) {
        (Metric::LogLoss | Metric::Ne, "f32") => 2e-6,
        // The f64 logarithm of 1 − p rounds 1 − p there and not here.
        (Metric::LogLoss | Metric::Ne, _) => 1e-12,
        // Differences of means: their terms cancel.
        (Metric::Ece | Metric::R2 | Metric::Spearman, _) => 1e-11,
        _ => 1e-13,
    }
}

fn close(got: f64, want: f64, relative: f64) -> bool {
    (got - want).abs() <= relative * want.abs()
}

fn sample<'a>(case: &'a Case, narrow: &'a [f32]) -> Sample<'a> {
    let predictions = match case.dtype.as_str() {
        "f32" => Column::from(narrow),
        "f64" => Column::from(&case.predictions),
        other => panic!("dtype {other}"),
    };
    let mut sample = Sample::new(kind_of(case), predictions, &case.labels).unwrap();
    if let Some(weights) = &case.weights {
        sample = sample.with_weights(weights).unwrap();
    }
    if let Some(groups) = &case.groups {
        sample = sample.with_groups(groups).unwrap();
    }
    if let Some(threshold) = case.threshold {
        sample = sample.with_threshold(Threshold::All(threshold)).unwrap();
    }
    sample
}

#[test]
fn thresholds_agree_with_scikit_learn() {
    let mut values = 0;
    for case in cases().filter(|case| case.best_threshold.is_some()) {
        let narrow: Vec<f32> = case.predictions.iter().map(|p| *p as f32).collect();
        let got = best_threshold(&sample(case, &narrow)).unwrap();
        assert_eq!(Some(got), case.best_threshold, "{}", case.name);
        values += usize::from(got.value().is_some());
    }
    assert!(values >= 10);
}

#[test]
fn scores_agree_with_scikit_learn() {
    let mut compared: BTreeMap<Metric, usize> = BTreeMap::new();
    for case in cases() {
        let narrow: Vec<f32> = case.predictions.iter().map(|p| *p as f32).collect();
        let sample = sample(case, &narrow);
        for (metric, want) in &case.scores {
            let scored = metric.score(&sample).unwrap();
            let agrees = match (scored.score, *want) {
                (Score::Value(got), Score::Value(want)) => close(got, want, tolerance(*metric, &case.dtype)),
                (got, want) => got == want,
            };
            assert!(agrees, "{}: {} is {:?}, scikit-learn says {want:?}", case.name, metric.name(), scored.score);
            let covered = case.covered.get(metric);
            assert_eq!(scored.covered.is_some(), covered.is_some(), "{}: {}", case.name, metric.name());
            assert!(scored.covered.zip(covered).is_none_or(|(got, want)| close(got, *want, 1e-13)), "{}", case.name);
            *compared.entry(*metric).or_default() += 1;
        }
    }
    for metric in Metric::ALL {
        assert!(compared.get(&metric).is_some_and(|n| *n >= 10), "{} is hardly compared: {compared:?}", metric.name());
    }
}

#[test]
fn every_metric_of_the_kind_is_compared_somewhere_undefined() {
    let undefined =
        |metric: Metric| cases().filter_map(|case| case.scores.get(&metric)).any(|score| score.reason().is_some());
    assert!(Metric::ALL.into_iter().all(undefined));
}

#[test]
fn summaries_and_intervals_agree_with_scipy() {
    assert!(GOLDEN.paired.len() >= 5);
    for paired in &GOLDEN.paired {
        let summary = Summary::of(&paired.a).unwrap();
        assert!(close(summary.mean, paired.mean, 1e-14) && close(summary.sd.unwrap(), paired.sd, 1e-12));

        let by_seed = |values: &[f64]| -> SeedScores { (1..).zip(values.iter().map(|v| Score::Value(*v))).collect() };
        let interval = paired_interval(&by_seed(&paired.a), &by_seed(&paired.b)).unwrap();
        assert_eq!(interval.n as usize, paired.a.len());
        // Differences of nearly equal numbers: 1e-16 of 0.78 is 1e-13 of them.
        assert!(close(interval.mean, paired.difference, 1e-11), "{interval:?}");
        let width = paired.high - paired.low;
        assert!((interval.low - paired.low).abs() <= 1e-10 * width, "{interval:?}, scipy {}", paired.low);
        assert!((interval.high - paired.high).abs() <= 1e-10 * width, "{interval:?}, scipy {}", paired.high);
    }
}

#[test]
fn t_quantiles_agree_with_scipy() {
    assert!(GOLDEN.t_quantiles.len() >= 5);
    for (freedom, want) in &GOLDEN.t_quantiles {
        let n = freedom.parse::<usize>().unwrap() + 1;
        // −1 and 1 in turn: half the interval's width over the standard error is the quantile.
        let values: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { -1.0 } else { 1.0 }).collect();
        let error = Summary::of(&values).unwrap().sd.unwrap() / (n as f64).sqrt();
        let interval = student_interval(&values).unwrap();
        let got = (interval.high - interval.low) / 2.0 / error;
        assert!(close(got, *want, 1e-10), "t(0.975, {freedom}) = {got}, scipy {want}");
    }
}
