//! Softmax gates.

use mmtl_plan::Gate;

use crate::real::Real;
use crate::scope::{Gradients, Scope};

pub(crate) fn forward<T: Real>(op: &Gate, scope: &Scope<T>) -> Vec<T> {
    let (gates, experts) = scope.shape(op.out);
    let mut out = scope.zeros(op.out);
    for row in 0..scope.rows() {
        for t in 0..gates {
            let allowed: Vec<usize> = (0..experts).filter(|&e| op.mask[t * experts + e]).collect();
            let logits: Vec<T> = allowed.iter().map(|&e| logit(op, scope, row, t, e)).collect();
            for (&e, p) in allowed.iter().zip(softmax(&logits)) {
                out[scope.span(op.out, row, t)][e] = p;
            }
        }
    }
    out
}

pub(crate) fn backward<T: Real>(op: &Gate, scope: &Scope<T>, out: &[T], into: &mut Gradients<T>) {
    let (gates, experts) = scope.shape(op.out);
    let (_, fan_in) = scope.shape(op.input);
    for row in 0..scope.rows() {
        for t in 0..gates {
            let p = scope.values(op.out, row, t);
            let g = &out[scope.span(op.out, row, t)];
            let mean: T = p.iter().zip(g).map(|(&p, &g)| p * g).sum();
            for e in (0..experts).filter(|&e| op.mask[t * experts + e]) {
                let dz = scope.factor(p[e] * (g[e] - mean) / temperature(op));
                for i in 0..fan_in {
                    let at = (t * fan_in + i) * experts + e;
                    let start = scope.span(op.input, row, op.reads[t]).start;
                    let [w, x] = [scope.param(op.w)[at], scope.values(op.input, row, op.reads[t])[i]];
                    into.slots[op.input.0][start + i] += dz * scope.factor(w);
                    into.parameters.param_mut(scope.plan, op.w)[at] += dz * scope.factor(x);
                }
            }
        }
    }
}

fn logit<T: Real>(op: &Gate, scope: &Scope<T>, row: usize, t: usize, e: usize) -> T {
    let ((_, fan_in), (_, experts)) = (scope.shape(op.input), scope.shape(op.out));
    let (x, w) = (scope.values(op.input, row, op.reads[t]), scope.param(op.w));
    let product: T = (0..fan_in).map(|i| scope.factor(x[i]) * scope.factor(w[(t * fan_in + i) * experts + e])).sum();
    product / temperature(op)
}

fn temperature<T: Real>(op: &Gate) -> T {
    T::of(f64::from(op.temperature))
}

/// e^z / Σ e^z, shifted by the largest logit.
pub(crate) fn softmax<T: Real>(logits: &[T]) -> Vec<T> {
    let Some(largest) = logits.iter().copied().reduce(T::larger) else { return vec![] };
    let powers: Vec<T> = logits.iter().map(|&z| (z - largest).exp()).collect();
    let sum: T = powers.iter().copied().sum();
    powers.into_iter().map(|power| power / sum).collect()
}
