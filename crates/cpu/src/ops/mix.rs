//! Weighted sums over groups, for all outputs in one pass over a row.

use crate::gradient::Part;
use crate::lanes::{LANES, add_scaled, dot};
use crate::layout::{Place, Tile};
use crate::node::Input;
use crate::pass::{Backward, Forward, Passed};
use crate::simd::vectorised;

/// A compiled [`mmtl_plan::Mix`].
pub struct MixNode {
    /// Slot read, `[rows, e, width]`.
    pub input: Input,
    /// Slot written, `[rows, t, width]`.
    pub out: Place,
    /// The weights.
    pub weights: Weights,
}

/// Weights of a [`MixNode`].
pub enum Weights {
    /// A gate's slot, `[rows, t, e]`.
    Slot(Input),
    /// Constants, `[t, e]`.
    Fixed(Vec<f32>),
    /// Start of `[t, e]` in the dense arena.
    Shared(usize),
}

impl MixNode {
    /// Whether its weights are the slot of node `node`.
    pub fn is_mixed_by(&self, node: usize) -> bool {
        match &self.weights {
            Weights::Slot(gate) => gate.node == node,
            Weights::Fixed(_) | Weights::Shared(_) => false,
        }
    }

    /// `out[:, t] = Σ_e weights[t, e] · input[:, e]`
    pub fn forward(&self, pass: &Forward<'_>, tile: &Tile, values: &mut [f32]) {
        let (before, out) = self.out.after(tile, values);
        let x = self.input.place.of(tile, before);
        vectorised!({
            for (r, out) in out.chunks_exact_mut(self.out.stride()).enumerate() {
                let weights = self.weights_of(pass.dense, tile, before, r);
                let x = &x[r * self.input.place.stride()..][..self.input.place.columns()];
                mix_row(&mut out[..self.out.columns()], self.out.width, weights, x);
            }
        });
    }

    /// Derivatives of a gate's weights and of the input, whose derivative it is the `first` to be or is added to.
    pub fn backward(&self, pass: &Backward<'_>, tile: &Tile, first: bool, values: &[f32], grads: &mut [f32]) {
        let (before, out) = self.out.after(tile, grads);
        let (width, experts) = (self.out.width, self.input.place.groups);
        let x = self.input.place.of(tile, values);
        if let Weights::Slot(gate) = &self.weights
            && pass.live[gate.node]
        {
            let gate_grads = gate.place.of_mut(tile, before);
            vectorised!({
                for (r, gate) in gate_grads.chunks_exact_mut(gate.place.stride()).enumerate() {
                    let x = &x[r * self.input.place.stride()..][..experts * width];
                    for (t, gate) in gate.chunks_exact_mut(experts).take(self.out.groups).enumerate() {
                        let out = &out[r * self.out.stride() + t * width..][..width];
                        for (gate, x) in gate.iter_mut().zip(x.chunks_exact(width)) {
                            *gate += dot(out, x);
                        }
                    }
                }
            });
        }
        if pass.live[self.input.node] {
            let input = self.input.place.of_mut(tile, before);
            vectorised!({
                for (r, input) in input.chunks_exact_mut(self.input.place.stride()).enumerate() {
                    let weights = self.weights_of(pass.dense, tile, values, r);
                    let out = &out[r * self.out.stride()..][..self.out.columns()];
                    for (e, input) in input.chunks_exact_mut(width).take(experts).enumerate() {
                        if first {
                            input.fill(0.0);
                        }
                        let weights = weights.iter().skip(e).step_by(experts).copied();
                        add_all(input, weights.zip(out.chunks_exact(width)));
                    }
                }
            });
        }
    }

    #[inline(always)]
    fn weights_of<'a>(&'a self, dense: &'a [f32], tile: &Tile, memory: &'a [f32], row: usize) -> &'a [f32] {
        match &self.weights {
            Weights::Slot(gate) => {
                let stride = gate.place.stride();
                &gate.place.of(tile, memory)[row * stride..][..gate.place.columns()]
            }
            Weights::Fixed(weights) => weights,
            Weights::Shared(start) => &dense[*start..][..self.out.groups * self.input.place.groups],
        }
    }

    /// The tasks that write the gradient of weights that all rows share: one an output.
    pub fn gradient_parts(&self, mut add: impl FnMut(usize, usize, Part)) {
        let Weights::Shared(start) = self.weights else { return };
        let experts = self.input.place.groups;
        for group in 0..self.out.groups {
            add(start + group * experts, experts, Part::Shares { group });
        }
    }

    /// Adds a tile's share to the gradient of output `group`'s weights: `Σ_rows ⟨out's derivative, input⟩`.
    pub fn add_gradient(&self, passed: &Passed<'_>, group: usize, out: &mut [f32]) {
        let width = self.out.width;
        let (x, d) = (self.input.place.of(passed.tile, passed.values), self.out.of(passed.tile, passed.grads));
        if passed.is_first(None) {
            out.fill(0.0);
        }
        vectorised!({
            for (e, out) in out.iter_mut().enumerate() {
                let x = x.chunks_exact(self.input.place.stride()).map(|row| &row[e * width..][..width]);
                let d = d.chunks_exact(self.out.stride()).map(|row| &row[group * width..][..width]);
                *out += x.zip(d).map(|(x, d)| dot(d, x)).sum::<f32>();
            }
        });
    }
}

/// One row: `out` is `[t, width]`, `weights` `[t, e]`, `x` `[e, width]`.
#[inline(always)]
fn mix_row(out: &mut [f32], width: usize, weights: &[f32], x: &[f32]) {
    let experts = x.len() / width;
    for (out, weights) in out.chunks_exact_mut(width).zip(weights.chunks_exact(experts)) {
        out.fill(0.0);
        add_all(out, weights.iter().copied().zip(x.chunks_exact(width)));
    }
}

/// `to += Σ weight · from`, in order. 16 columns stay in registers over all terms.
#[inline(always)]
fn add_all<'a>(to: &mut [f32], terms: impl Iterator<Item = (f32, &'a [f32])> + Clone) {
    let (chunks, rest) = to.as_chunks_mut::<LANES>();
    for (chunk, to) in chunks.iter_mut().enumerate() {
        let mut sum = *to;
        for (weight, from) in terms.clone() {
            add_scaled(&mut sum, weight, &from[chunk * LANES..][..LANES]);
        }
        *to = sum;
    }
    let whole = chunks.len() * LANES;
    for (weight, from) in terms {
        add_scaled(rest, weight, &from[whole..]);
    }
}
