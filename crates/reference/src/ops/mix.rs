//! Weighted sums over groups.

use mmtl_plan::{Mix, MixWeights};

use crate::real::Real;
use crate::scope::{Gradients, Scope};

pub(crate) fn forward<T: Real>(op: &Mix, scope: &Scope<T>) -> Vec<T> {
    let ((experts, width), (outputs, _)) = (scope.shape(op.input), scope.shape(op.out));
    let mut out = scope.zeros(op.out);
    for row in 0..scope.rows() {
        for t in 0..outputs {
            let start = scope.span(op.out, row, t).start;
            for e in 0..experts {
                for j in 0..width {
                    out[start + j] += weight(op, scope, row, t, e) * scope.values(op.input, row, e)[j];
                }
            }
        }
    }
    out
}

pub(crate) fn backward<T: Real>(op: &Mix, scope: &Scope<T>, out: &[T], into: &mut Gradients<T>) {
    let ((experts, width), (outputs, _)) = (scope.shape(op.input), scope.shape(op.out));
    for row in 0..scope.rows() {
        for t in 0..outputs {
            let g = &out[scope.span(op.out, row, t)];
            for e in 0..experts {
                let (x, start) = (scope.values(op.input, row, e), scope.span(op.input, row, e).start);
                for j in 0..width {
                    into.slots[op.input.0][start + j] += weight(op, scope, row, t, e) * g[j];
                }
                let dot: T = (0..width).map(|j| g[j] * x[j]).sum();
                match op.weights {
                    MixWeights::Slot(gate) => into.slots[gate.0][scope.span(gate, row, t)][e] += dot,
                    MixWeights::Param(w) => into.parameters.param_mut(scope.plan, w)[t * experts + e] += dot,
                    MixWeights::Fixed(_) => {}
                }
            }
        }
    }
}

fn weight<T: Real>(op: &Mix, scope: &Scope<T>, row: usize, t: usize, e: usize) -> T {
    match &op.weights {
        MixWeights::Slot(gate) => scope.values(*gate, row, t)[e],
        MixWeights::Param(w) => scope.param(*w)[t * scope.shape(op.input).0 + e],
        MixWeights::Fixed(weights) => T::of(f64::from(weights[t * scope.shape(op.input).0 + e])),
    }
}
