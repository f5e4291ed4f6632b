//! Predictions from logits.

use mmtl_plan::{Factor, Link, Predict};

use crate::ops::gate::softmax;
use crate::real::{Real, log_sigmoid, sigmoid};
use crate::scope::{Gradients, Scope};

pub(crate) fn forward<T: Real>(op: &Predict, scope: &Scope<T>) -> Vec<T> {
    let mut out = vec![];
    for row in 0..scope.rows() {
        let logits = |f: &Factor| scope.values(f.slot, row, f.group);
        match &op.link {
            Link::Identity(one) => out.extend_from_slice(logits(one)),
            Link::Sigmoid(one) => out.push(sigmoid(logits(one)[0])),
            Link::Softmax(one) => out.extend(softmax(logits(one))),
            Link::SigmoidProduct(factors) => {
                out.push(factors.iter().map(|f| log_sigmoid(logits(f)[0])).sum::<T>().exp());
            }
        }
    }
    out
}

pub(crate) fn backward<T: Real>(op: &Predict, scope: &Scope<T>, out: &[T], into: &mut Gradients<T>) {
    for row in 0..scope.rows() {
        let g = &out[scope.span(op.out, row, 0)];
        let p = scope.values(op.out, row, 0);
        for factor in op.link.factors() {
            let span = scope.span(factor.slot, row, factor.group);
            let z = scope.values(factor.slot, row, factor.group);
            for (c, sum) in into.slots[factor.slot.0][span].iter_mut().enumerate() {
                *sum += match op.link {
                    Link::Identity(_) => g[c],
                    Link::Sigmoid(_) | Link::SigmoidProduct(_) => g[c] * p[c] * sigmoid(-z[c]),
                    Link::Softmax(_) => {
                        let mean: T = p.iter().zip(g).map(|(&p, &g)| p * g).sum();
                        p[c] * (g[c] - mean)
                    }
                };
            }
        }
    }
}
