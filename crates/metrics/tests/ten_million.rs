//! Ten million rows, against closed forms.

use mmtl_metrics::{Kind, Metric, Sample, Score};

/// Divisible by 3, and below 2²⁴: every whole number up to here is an f32.
const ROWS: u64 = 10_000_002;

/// Shares no factor with `ROWS`, so that `i · STEP mod ROWS` visits every number once, out of order.
const STEP: u64 = 7_368_787;

fn shuffled() -> impl Iterator<Item = u64> {
    (0..ROWS).map(|i| i * STEP % ROWS)
}

fn auc(predictions: &[f32], labels: &[f32]) -> mmtl_metrics::Scored {
    Metric::Auc.score(&Sample::new(Kind::Binary, predictions, labels).unwrap()).unwrap()
}

#[test]
fn auc_without_and_with_ties() {
    let labels: Vec<f32> = shuffled().map(|v| f32::from(u8::from(v % 3 == 0))).collect();
    let n = ROWS / 3;

    // Positive 3k stands above the 2k negatives below 3k: Σ 2k = n(n − 1) pairs of n·2n.
    let predictions: Vec<f32> = shuffled().map(|v| v as f32).collect();
    let distinct = auc(&predictions, &labels);
    assert_eq!((distinct.rows, distinct.positives, distinct.negatives), (ROWS, Some(n), Some(2 * n)));
    assert_eq!(distinct.score, Score::Value((n - 1) as f64 / (2 * n) as f64));

    // Groups of three tie, each of one positive and two negatives: as many pairs won as lost.
    let tied: Vec<f32> = shuffled().map(|v| (v / 3) as f32).collect();
    assert_eq!(auc(&tied, &labels).score, Score::Value(0.5));
}

#[test]
fn sums_lose_nothing() {
    let ones = vec![1.0_f32; ROWS as usize];
    let tenths = vec![0.1_f64; ROWS as usize];
    let sample = Sample::new(Kind::Binary, &tenths, &ones).unwrap();
    let Score::Value(loss) = Metric::LogLoss.score(&sample).unwrap().score else { panic!("no value") };
    let want = 10.0_f64.ln();
    assert!((loss / want - 1.0).abs() <= 2.0 * f64::EPSILON, "{loss}");
    // What a plain loop would say.
    let plain = std::iter::repeat_n(want, ROWS as usize).sum::<f64>() / ROWS as f64;
    assert!((plain / want - 1.0).abs() > 1e-12, "{plain}");
}
