//! A task's prediction from its logits.

use crate::elementary::{exp, sigmoid, softplus};
use crate::layout::{Place, Tile};
use crate::node::Factor;
use crate::pass::Backward;
use crate::simd::vectorised;

/// A compiled [`mmtl_plan::Predict`].
pub struct PredictNode {
    /// How logits become a prediction.
    pub link: Link,
    /// Slot written, `[rows, 1, width]`.
    pub out: Place,
}

/// A compiled [`mmtl_plan::Link`].
pub enum Link {
    /// The value itself.
    Identity(Factor),
    /// σ(logit)
    Sigmoid(Factor),
    /// softmax(logits)
    Softmax(Factor),
    /// `exp Σ ln σ(logit_i)`
    SigmoidProduct(Vec<Factor>),
}

impl PredictNode {
    /// Passes a derivative on to the logits, when a later op reads the prediction.
    pub fn backward(&self, pass: &Backward<'_>, tile: &Tile, values: &[f32], grads: &mut [f32]) {
        let (before, d) = self.out.after(tile, grads);
        let predicted = self.out.of(tile, values);
        let mut add = |factor: &Factor, f: &dyn Fn(usize, usize) -> f32| {
            if !pass.live[factor.node] {
                return;
            }
            let (place, width) = (factor.place, factor.place.width);
            let to = place.of_mut(tile, before);
            for r in 0..tile.rows {
                let to = &mut to[r * place.stride() + factor.group * width..][..width];
                to.iter_mut().enumerate().for_each(|(c, to)| *to += f(r, c));
            }
        };
        match &self.link {
            Link::Identity(factor) => add(factor, &|r, _| d[r]),
            Link::Sigmoid(factor) => add(factor, &|r, _| d[r] * predicted[r] * (1.0 - predicted[r])),
            Link::SigmoidProduct(factors) => {
                // d Π σ(a_j) / da_i = Π σ(a_j) · σ(-a_i)
                for factor in factors {
                    let logit = |r: usize| factor.row(tile, values, r)[0];
                    add(factor, &|r, _| d[r] * predicted[r] * sigmoid(-logit(r)));
                }
            }
            Link::Softmax(factor) => {
                let width = self.out.width;
                add(factor, &|r, c| {
                    let row = r * self.out.stride()..r * self.out.stride() + width;
                    let (p, d) = (&predicted[row.clone()], &d[row]);
                    let mean: f32 = p.iter().zip(d).map(|(p, d)| p * d).sum();
                    p[c] * (d[c] - mean)
                });
            }
        }
    }

    /// Fills the slot.
    pub fn forward(&self, tile: &Tile, values: &mut [f32]) {
        let (before, out) = self.out.after(tile, values);
        vectorised!(match &self.link {
            Link::Identity(factor) => {
                for (out, x) in out.iter_mut().zip(factor.of(tile, before)) {
                    *out = x;
                }
            }
            Link::Sigmoid(factor) => {
                for (out, x) in out.iter_mut().zip(factor.of(tile, before)) {
                    *out = sigmoid(x);
                }
            }
            Link::SigmoidProduct(factors) => {
                out.fill(0.0);
                for factor in factors {
                    for (out, x) in out.iter_mut().zip(factor.of(tile, before)) {
                        *out -= softplus(-x);
                    }
                }
                for x in &mut *out {
                    *x = exp(*x);
                }
            }
            Link::Softmax(factor) => {
                for (r, out) in out.chunks_exact_mut(self.out.stride()).enumerate() {
                    softmax(factor.row(tile, before, r), &mut out[..self.out.width]);
                }
            }
        });
    }
}

#[inline(always)]
fn softmax(logits: &[f32], out: &mut [f32]) {
    let mut largest = f32::NEG_INFINITY;
    for &logit in logits {
        largest = if logit <= largest { largest } else { logit };
    }
    let mut sum = 0.0;
    for (out, &logit) in out.iter_mut().zip(logits) {
        *out = exp(logit - largest);
        sum += *out;
    }
    for x in out {
        *x /= sum;
    }
}
