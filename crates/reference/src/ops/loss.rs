//! Objectives: masked, weighted means of a row loss, from logits.

use mmtl_plan::{Factor, Loss, LossKind, Reduction};

use crate::ops::gate::softmax;
use crate::real::{Real, log_sigmoid, log_sum_exp};
use crate::scope::{Gradients, Scope};

/// The objective's loss, or `None` when the batch has no row of it (the loss is then exactly 0).
pub(crate) fn value<T: Real>(op: &Loss, scope: &Scope<T>) -> Option<T> {
    let rows = weighted_rows::<T>(op, scope);
    let factors = scope.plan.loss_factors(op);
    let sum: T =
        rows.iter().map(|row| row.weight * row_loss(op.kind, &logits(factors, scope, row.row), &row.label)).sum();
    (!rows.is_empty()).then(|| sum / divisor(op, scope, &rows))
}

/// Adds the gradient of `weight ·` the objective to its logits.
pub(crate) fn backward<T: Real>(op: &Loss, scope: &Scope<T>, weight: T, into: &mut Gradients<T>) {
    let rows = weighted_rows(op, scope);
    if rows.is_empty() {
        return;
    }
    let divisor = divisor(op, scope, &rows);
    let factors = scope.plan.loss_factors(op);
    for row in &rows {
        let slopes = row_gradient(op.kind, &logits(factors, scope, row.row), &row.label);
        for (factor, slopes) in factors.iter().zip(slopes) {
            let span = scope.span(factor.slot, row.row, factor.group);
            for (sum, slope) in into.slots[factor.slot.0][span].iter_mut().zip(slopes) {
                *sum += weight * row.weight * slope / divisor;
            }
        }
    }
}

/// A row that counts.
struct Weighted<T> {
    row: usize,
    label: Label<T>,
    weight: T,
}

/// What a row's prediction is held to.
struct Label<T> {
    y: T,
    /// [`Loss::smoothing`].
    smoothing: T,
}

impl<T: Real> Label<T> {
    /// The share of the second of two classes.
    fn of_two(&self) -> T {
        (T::ONE - self.smoothing) * self.y + self.smoothing / T::of(2.0)
    }

    /// The share of a class among `classes`.
    fn of_class(&self, class: usize, classes: usize) -> T {
        let own = if self.y == T::of(class as f64) { T::ONE } else { T::ZERO };
        (T::ONE - self.smoothing) * own + self.smoothing / T::of(classes as f64)
    }
}

fn weighted_rows<T: Real>(op: &Loss, scope: &Scope<T>) -> Vec<Weighted<T>> {
    let task = scope.plan.objectives[op.objective].task;
    let (labels, weights) = (scope.batch.labels(task), scope.batch.weights(task));
    let smoothing = T::of(f64::from(op.smoothing));
    let label = |row: usize| Label { y: T::of(f64::from(labels[row])), smoothing };
    let weighted = |row| Weighted { row, label: label(row), weight: T::of(f64::from(weights[row])) };
    (0..scope.rows()).filter(|&row| weights[row] > 0.0).map(weighted).collect()
}

fn divisor<T: Real>(op: &Loss, scope: &Scope<T>, rows: &[Weighted<T>]) -> T {
    match op.reduction {
        Reduction::Own => rows.iter().map(|row| row.weight).sum(),
        Reduction::Batch => T::of(scope.rows() as f64),
    }
}

/// The logits of each factor in one row.
fn logits<'a, T: Real>(factors: &[Factor], scope: &'a Scope<T>, row: usize) -> Vec<&'a [T]> {
    factors.iter().map(|f| scope.values(f.slot, row, f.group)).collect()
}

fn row_loss<T: Real>(kind: LossKind, logits: &[&[T]], label: &Label<T>) -> T {
    match kind {
        LossKind::BinaryCrossEntropy => {
            let y = label.of_two();
            let (log_p, log_not_p) = log_probabilities(logits);
            -(y * log_p) - (T::ONE - y) * log_not_p
        }
        LossKind::Squared => (logits[0][0] - label.y) * (logits[0][0] - label.y),
        LossKind::SoftmaxCrossEntropy => {
            let classes = logits[0].len();
            // A class that the label has no share of may be impossible, and 0 · ∞ is no number.
            let held_to = logits[0].iter().enumerate().map(|(c, &z)| (label.of_class(c, classes), z));
            let held_to: T = held_to.filter(|(share, _)| *share > T::ZERO).map(|(share, z)| share * z).sum();
            log_sum_exp(logits[0]) - held_to
        }
    }
}

/// For each factor, the derivative of [`row_loss`] by its logits.
fn row_gradient<T: Real>(kind: LossKind, logits: &[&[T]], label: &Label<T>) -> Vec<Vec<T>> {
    match kind {
        LossKind::BinaryCrossEntropy => {
            // d log p / da = σ(-a) and d log(1 - p) / da = -p σ(-a) / (1 - p), which is at most 1 because
            // 1 - p ≥ 1 - σ(a); its parts may underflow or overflow, so it is formed in log space.
            let y = label.of_two();
            let (log_p, log_not_p) = log_probabilities(logits);
            let slope = |a: T| {
                let log_q = log_sigmoid(-a);
                (T::ONE - y) * (log_p + log_q - log_not_p).exp() - y * log_q.exp()
            };
            logits.iter().map(|a| vec![slope(a[0])]).collect()
        }
        LossKind::Squared => vec![vec![T::of(2.0) * (logits[0][0] - label.y)]],
        LossKind::SoftmaxCrossEntropy => {
            let classes = logits[0].len();
            let slope = |(c, p): (usize, T)| p - label.of_class(c, classes);
            vec![softmax(logits[0]).into_iter().enumerate().map(slope).collect()]
        }
    }
}

/// `log p` and `log(1 - p)` of `p = Π σ(a_i)`: `1 - p = Σ_i σ(-a_i) Π_{j<i} σ(a_j)`, the probability that factor i is
/// the first to fail, summed over i.
fn log_probabilities<T: Real>(logits: &[&[T]]) -> (T, T) {
    let mut log_p = T::ZERO;
    let mut log_first_failures = vec![];
    for a in logits {
        log_first_failures.push(log_p + log_sigmoid(-a[0]));
        log_p += log_sigmoid(a[0]);
    }
    (log_p, log_sum_exp(&log_first_failures))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCE: LossKind = LossKind::BinaryCrossEntropy;

    fn loss<T: Real>(logits: &[f64], y: f64) -> f64 {
        let logits: Vec<[T; 1]> = logits.iter().map(|&a| [T::of(a)]).collect();
        let logits: Vec<&[T]> = logits.iter().map(<[T; 1]>::as_slice).collect();
        row_loss(BCE, &logits, &Label { y: T::of(y), smoothing: T::ZERO }).double()
    }

    fn gradient<T: Real>(logits: &[f64], y: f64) -> Vec<f64> {
        let logits: Vec<[T; 1]> = logits.iter().map(|&a| [T::of(a)]).collect();
        let logits: Vec<&[T]> = logits.iter().map(<[T; 1]>::as_slice).collect();
        row_gradient(BCE, &logits, &Label { y: T::of(y), smoothing: T::ZERO })
            .concat()
            .into_iter()
            .map(Real::double)
            .collect()
    }

    /// With p = σ(a)σ(b): -log p and -log(1 - p) to within e^-80 of each.
    #[test]
    fn a_product_has_its_limits_at_large_logits() {
        let ln_2 = std::f64::consts::LN_2;
        for (logits, y, expected) in [
            ([80.0, 80.0], 0.0, 80.0 - ln_2),
            ([200.0, 200.0], 0.0, 200.0 - ln_2),
            ([-80.0, -80.0], 1.0, 160.0),
            ([200.0, -200.0], 1.0, 200.0),
            ([200.0, -200.0], 0.0, 0.0),
            ([-200.0, -200.0], 0.0, 0.0),
            ([200.0, 200.0], 1.0, 0.0),
        ] {
            assert!((loss::<f64>(&logits, y) - expected).abs() < 1e-12 * expected.max(1e-12), "{logits:?} {y}");
            assert!((loss::<f32>(&logits, y) - expected).abs() < 1e-6 * expected.max(1e-6), "{logits:?} {y}");
        }
    }

    /// d(-log(1 - p)) / da = p σ(-a) / (1 - p): two equally sure factors share the blame, a surer one has none.
    #[test]
    fn a_product_has_its_slopes_at_large_logits() {
        for (logits, y, expected) in [
            ([80.0, 80.0], 0.0, [0.5, 0.5]),
            ([200.0, 200.0], 0.0, [0.5, 0.5]),
            ([200.0, 80.0], 0.0, [0.0, 1.0]),
            ([-200.0, 200.0], 0.0, [0.0, 0.0]),
            ([-200.0, 200.0], 1.0, [-1.0, 0.0]),
            ([-80.0, -200.0], 1.0, [-1.0, -1.0]),
        ] {
            for got in [gradient::<f64>(&logits, y), gradient::<f32>(&logits, y)] {
                let close = got.iter().zip(expected).all(|(g, e)| (g - e).abs() < 1e-6);
                assert!(close, "{logits:?} {y}: {got:?}, expected {expected:?}");
            }
        }
    }

    /// Of four classes with an eighth of the label spread, the own one has 7/8 + 1/32 and each other 1/32.
    #[test]
    fn a_smooth_label_has_a_share_of_every_class() {
        let (logits, label) = ([1.0, -0.5, 0.0, 2.0], Label { y: 3.0, smoothing: 0.125 });
        let shares = [0.03125, 0.03125, 0.03125, 0.90625];
        let total: f64 = logits.iter().map(|z: &f64| z.exp()).sum();
        let expected: f64 = logits.iter().zip(shares).map(|(z, share)| -share * (z.exp() / total).ln()).sum();
        let kind = LossKind::SoftmaxCrossEntropy;
        assert!((row_loss(kind, &[&logits], &label) - expected).abs() < 1e-15);
        let slopes = row_gradient(kind, &[&logits], &label);
        for ((z, share), slope) in logits.iter().zip(shares).zip(&slopes[0]) {
            assert!((slope - (z.exp() / total - share)).abs() < 1e-15);
        }
        assert_eq!(Label { y: 1.0, smoothing: 0.125 }.of_two(), 0.9375);
    }

    #[test]
    fn one_factor_is_cross_entropy_from_a_logit() {
        for a in [-200.0, -80.0, -1.5, 0.0, 0.25, 3.0, 80.0, 200.0] {
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            let p = 1.0 / (1.0 + (-a).exp());
            for y in [0.0, 1.0, 0.25] {
                let expected = y * softplus(-a) + (1.0 - y) * softplus(a);
                assert!((loss::<f64>(&[a], y) - expected).abs() <= 1e-14 * expected, "{a} {y}");
                assert!((gradient::<f64>(&[a], y)[0] - (p - y)).abs() < 1e-14, "{a} {y}");
            }
        }
    }
}
