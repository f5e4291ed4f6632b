//! Objectives: the value and the derivative with respect to the logits in one pass.

use mmtl_plan::{LossKind, Reduction};

use crate::elementary::{exp, ln, sigmoid, softplus};
use crate::lanes::add_scaled;
use crate::layout::{Place, Tile};
use crate::node::Factor;
use crate::pass::{Backward, Forward};
use crate::simd::vectorised;

/// A compiled [`mmtl_plan::Loss`].
pub struct LossNode {
    /// Index of the objective.
    pub objective: usize,
    /// Index of the task whose labels it uses.
    pub task: usize,
    /// ℓ.
    pub kind: LossKind,
    /// What the sum is divided by.
    pub reduction: Reduction,
    /// ε, of which each class has an equal share.
    pub smoothing: f32,
    /// The logits.
    pub factors: Vec<Factor>,
    /// Derivatives of the (reduced) objective, `[rows, 1, Σ widths]`, in the factors' order.
    pub saved: Place,
}

impl LossNode {
    /// Adds the tile's `Σ w·ℓ` to `total` and leaves the objective's derivatives in its own place.
    pub fn forward(&self, pass: &Forward<'_>, tile: &Tile, values: &mut [f32], total: &mut f64) {
        let rows = tile.first..tile.first + tile.rows;
        let labels = &pass.batch.labels(self.task)[rows.clone()];
        let weights = &pass.batch.weights(self.task)[rows];
        let share = pass.reciprocals[self.objective] as f32;
        let (before, saved) = self.saved.after(tile, values);
        let (keep, half) = (1.0 - self.smoothing, 0.5 * self.smoothing);
        vectorised!(match (self.kind, self.factors.as_slice()) {
            (LossKind::BinaryCrossEntropy, [factor]) => {
                let logits = factor.of(tile, before);
                *total += one_logit(
                    logits,
                    labels,
                    weights,
                    share,
                    saved,
                    #[inline(always)]
                    |a, y| {
                        let y = keep * y + half;
                        // ℓ = softplus(a) - y·a, with the derivative written as a difference of two small numbers.
                        let loss = y * softplus(-a) + (1.0 - y) * softplus(a);
                        (loss, (1.0 - y) * sigmoid(a) - y * sigmoid(-a))
                    },
                );
            }
            (LossKind::Squared, factors) => {
                let logits = factors[0].of(tile, before);
                *total += one_logit(
                    logits,
                    labels,
                    weights,
                    share,
                    saved,
                    #[inline(always)]
                    |z, y| ((z - y) * (z - y), 2.0 * (z - y)),
                );
            }
            (LossKind::BinaryCrossEntropy, factors) => {
                for (r, d) in saved.chunks_exact_mut(self.saved.stride()).enumerate() {
                    let d = &mut d[..factors.len()];
                    d.fill(0.0);
                    if weights[r] > 0.0 {
                        let logit = |i: usize| factors[i].row(tile, before, r)[0];
                        let y = keep * labels[r] + half;
                        *total += f64::from(weights[r]) * product_of_sigmoids(logit, y, weights[r] * share, d);
                    }
                }
            }
            (LossKind::SoftmaxCrossEntropy, factors) => {
                for (r, d) in saved.chunks_exact_mut(self.saved.stride()).enumerate() {
                    let d = &mut d[..self.saved.width];
                    d.fill(0.0);
                    if weights[r] > 0.0 {
                        let logits = factors[0].row(tile, before, r);
                        let loss = softmax(logits, labels[r] as usize, self.smoothing, weights[r] * share, d);
                        *total += f64::from(weights[r] * loss);
                    }
                }
            }
        });
    }

    /// Adds the objective's weight times its derivatives to the logits'.
    pub fn backward(&self, pass: &Backward<'_>, tile: &Tile, values: &[f32], grads: &mut [f32]) {
        let weight = pass.weights[self.objective];
        let saved = self.saved.of(tile, values);
        let mut offset = 0;
        for factor in &self.factors {
            let place = factor.place;
            if pass.live[factor.node] {
                let grads = place.of_mut(tile, grads);
                vectorised!({
                    for (r, saved) in saved.chunks_exact(self.saved.stride()).enumerate() {
                        let to = &mut grads[r * place.stride() + factor.group * place.width..][..place.width];
                        add_scaled(to, weight, &saved[offset..offset + place.width]);
                    }
                });
            }
            offset += place.width;
        }
    }
}

/// Rows of a loss `f(logit, label) = (ℓ, dℓ)`: returns `Σ w·ℓ`; rows without weight give exactly 0.
#[inline(always)]
fn one_logit(
    logits: impl Iterator<Item = f32>,
    labels: &[f32],
    weights: &[f32],
    share: f32,
    saved: &mut [f32],
    f: impl Fn(f32, f32) -> (f32, f32),
) -> f64 {
    let mut total = 0.0;
    for (((logit, &label), &weight), saved) in logits.zip(labels).zip(weights).zip(saved) {
        let (loss, derivative) = f(logit, label);
        *saved = if weight > 0.0 { derivative * (weight * share) } else { 0.0 };
        total += if weight > 0.0 { f64::from(weight * loss) } else { 0.0 };
    }
    total
}

/// `p = Π σ(a_i)`. With `l_i = ln σ(a_i)` and `q_i = 1 - σ(a_i)`: `ln p = Σ l_i` and
/// `1 - p = Σ_i q_i Π_{j<i} σ(a_j)`, summed in log space. `d ln p / da_i = q_i` and
/// `d ln(1 - p) / da_i = -p·q_i / (1 - p)`. Leaves `share · dℓ/da` in `d` and returns ℓ.
#[inline(always)]
fn product_of_sigmoids(logit: impl Fn(usize) -> f32, label: f32, share: f32, d: &mut [f32]) -> f64 {
    let factors = d.len();
    let (mut log_p, mut largest) = (0.0, f32::NEG_INFINITY);
    for i in 0..factors {
        let term = log_p - softplus(logit(i));
        largest = if term <= largest { largest } else { term };
        log_p -= softplus(-logit(i));
    }
    let (mut before, mut sum) = (0.0, 0.0);
    for i in 0..factors {
        sum += exp(before - softplus(logit(i)) - largest);
        before -= softplus(-logit(i));
    }
    let log_not_p = largest + ln(sum);
    for (i, d) in d.iter_mut().enumerate() {
        let log_q = -softplus(logit(i));
        *d = share * ((1.0 - label) * exp(log_p - log_not_p + log_q) - label * exp(log_q));
    }
    f64::from(-label * log_p - (1.0 - label) * log_not_p)
}

/// With labels of which a share ε is even, `t = (1 - ε)·onehot(class) + ε/K`: leaves `share · (softmax(logits) - t)` in
/// `d` and returns `-Σ t·ln softmax(logits)`.
#[inline(always)]
fn softmax(logits: &[f32], class: usize, smoothing: f32, share: f32, d: &mut [f32]) -> f32 {
    let class = class.min(logits.len() - 1);
    let (keep, each) = (1.0 - smoothing, smoothing / logits.len() as f32);
    let (mut largest, mut held_to) = (f32::NEG_INFINITY, keep * logits[class]);
    for &logit in logits {
        largest = if logit <= largest { largest } else { logit };
    }
    // A class that no label has a share of may be impossible, and 0 · ∞ is no number.
    if smoothing > 0.0 {
        held_to += each * logits.iter().sum::<f32>();
    }
    let mut sum = 0.0;
    for (d, &logit) in d.iter_mut().zip(logits) {
        *d = exp(logit - largest);
        sum += *d;
    }
    let scale = share / sum;
    for d in d.iter_mut() {
        *d = *d * scale - each * share;
    }
    d[class] -= keep * share;
    largest + ln(sum) - held_to
}
