//! Softmax weights over experts.

use std::ops::Range;

use crate::elementary::exp;
use crate::layout::{Place, Tile};
use crate::matrix::{Matrix, MatrixMut, product};
use crate::node::Input;
use crate::ops::linear_gradient::add_matrix;
use crate::pass::{Backward, Forward, Passed};
use crate::simd::vectorised;

/// A compiled [`mmtl_plan::Gate`].
pub struct GateNode {
    /// Slot read.
    pub input: Input,
    /// Slot written, `[rows, gates, experts]`.
    pub out: Place,
    /// The input group that each gate reads.
    pub reads: Vec<usize>,
    /// Start of `[gates, in, experts]` in the dense arena.
    pub w: usize,
    /// Start of `[gates, experts, in]` among the prepared weights.
    pub transposed: usize,
    /// `[gates, experts]`
    pub mask: Vec<bool>,
    /// Divides the logits.
    pub temperature: f32,
}

impl GateNode {
    /// Elements of one gate's matrix.
    pub fn matrix_len(&self) -> usize {
        self.input.place.width * self.out.width
    }

    /// Logits, then their softmax in place.
    pub fn forward(&self, pass: &Forward<'_>, tile: &Tile, values: &mut [f32]) {
        let (before, out) = self.out.after(tile, values);
        let (wide, experts, x) = (self.input.place.width, self.out.width, self.input.place.of(tile, before));
        for (t, &read) in self.reads.iter().enumerate() {
            let w = &pass.dense[self.w + t * self.matrix_len()..][..self.matrix_len()];
            product(
                &mut MatrixMut::new(&mut out[t * experts..], tile.rows, experts, self.out.stride()),
                false,
                Matrix::new(&x[read * wide..], tile.rows, wide, self.input.place.stride()),
                Matrix::new(w, wide, experts, experts),
            );
        }
        let scale = 1.0 / self.temperature;
        vectorised!({
            for row in out.chunks_exact_mut(self.out.stride()) {
                let row = &mut row[..self.out.columns()];
                for (logits, mask) in row.chunks_exact_mut(experts).zip(self.mask.chunks_exact(experts)) {
                    softmax(logits, mask, scale);
                }
            }
        });
    }

    /// Turns the output's derivative into the logits', and passes it on.
    pub fn backward(&self, pass: &Backward<'_>, tile: &Tile, values: &[f32], grads: &mut [f32]) {
        let (before, out) = self.out.after(tile, grads);
        let (wide, experts) = (self.input.place.width, self.out.width);
        let scale = 1.0 / self.temperature;
        let weights = self.out.of(tile, values);
        vectorised!({
            let rows = out.chunks_exact_mut(self.out.stride()).zip(weights.chunks_exact(self.out.stride()));
            for (d, weights) in rows {
                let d = &mut d[..self.out.columns()];
                for (d, p) in d.chunks_exact_mut(experts).zip(weights.chunks_exact(experts)) {
                    let mut mean = 0.0;
                    for (d, p) in d.iter().zip(p) {
                        mean += d * p;
                    }
                    for (d, p) in d.iter_mut().zip(p) {
                        *d = p * (*d - mean) * scale;
                    }
                }
            }
        });
        if !pass.live[self.input.node] {
            return;
        }
        let input = self.input.place.of_mut(tile, before);
        let mut gate = 0;
        // Gates that read the same lie one below the other: one product for all of them.
        for alike in self.reads.chunk_by(|one, next| one == next) {
            let depth = alike.len() * experts;
            let turned = &pass.prepared[self.transposed + gate * self.matrix_len()..][..depth * wide];
            product(
                &mut MatrixMut::new(&mut input[alike[0] * wide..], tile.rows, wide, self.input.place.stride()),
                true,
                Matrix::new(&out[gate * experts..], tile.rows, depth, self.out.stride()),
                Matrix::new(turned, depth, wide, wide),
            );
            gate += alike.len();
        }
    }

    /// Adds a tile's share to rows `block` of gate `gate`'s matrix.
    pub fn add_gradient(&self, passed: &Passed<'_>, gate: usize, block: &Range<usize>, out: &mut [f32]) {
        add_matrix(passed, (self.input.place, self.reads[gate]), (self.out, gate), None, block, out);
    }
}

/// Softmax of `scale · logits` over the allowed ones; exactly 0 elsewhere.
#[inline(always)]
fn softmax(logits: &mut [f32], mask: &[bool], scale: f32) {
    let mut largest = f32::NEG_INFINITY;
    for (&logit, &allowed) in logits.iter().zip(mask) {
        // Not `max`, which would hide what is not a number.
        let logit = if allowed { logit * scale } else { f32::NEG_INFINITY };
        largest = if logit <= largest { largest } else { logit };
    }
    let mut sum = 0.0;
    for (logit, &allowed) in logits.iter_mut().zip(mask) {
        let e = exp(*logit * scale - largest);
        *logit = if allowed { e } else { 0.0 };
        sum += *logit;
    }
    for logit in logits {
        *logit /= sum;
    }
}
