//! Element-wise sums.

use mmtl_plan::Add;

use crate::real::Real;
use crate::scope::{Gradients, Scope};

pub(crate) fn forward<T: Real>(op: &Add, scope: &Scope<T>) -> Vec<T> {
    let mut out = scope.zeros(op.out);
    for input in &op.inputs {
        for (sum, &x) in out.iter_mut().zip(&scope.slots[input.0]) {
            *sum += x;
        }
    }
    out
}

/// Each input gets the output's gradient; an input named twice gets it twice.
pub(crate) fn backward<T: Real>(op: &Add, out: &[T], into: &mut Gradients<T>) {
    for input in &op.inputs {
        for (sum, &g) in into.slots[input.0].iter_mut().zip(out) {
            *sum += g;
        }
    }
}
