//! Slots side by side.

use mmtl_plan::Concat;

use crate::real::Real;
use crate::scope::{Gradients, Scope};

pub(crate) fn forward<T: Real>(op: &Concat, scope: &Scope<T>) -> Vec<T> {
    let (groups, _) = scope.shape(op.out);
    let mut out = vec![];
    for row in 0..scope.rows() {
        for group in 0..groups {
            for &input in &op.inputs {
                out.extend_from_slice(scope.values(input, row, group));
            }
        }
    }
    out
}

pub(crate) fn backward<T: Real>(op: &Concat, scope: &Scope<T>, out: &[T], into: &mut Gradients<T>) {
    let (groups, _) = scope.shape(op.out);
    let mut rest = out.iter();
    for row in 0..scope.rows() {
        for group in 0..groups {
            for &input in &op.inputs {
                for (sum, &g) in into.slots[input.0][scope.span(input, row, group)].iter_mut().zip(&mut rest) {
                    *sum += g;
                }
            }
        }
    }
}
