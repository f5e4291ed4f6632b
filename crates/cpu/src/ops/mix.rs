//! Weighted sums over groups, for all outputs in one pass over a row.

use crate::lanes::{LANES, add_scaled, dot};
use crate::layout::{Place, Tile};
use crate::node::Input;
use crate::pass::Backward;
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
}

impl MixNode {
    /// `out[:, t] = Σ_e weights[t, e] · input[:, e]`
    pub fn forward(&self, tile: &Tile, values: &mut [f32]) {
        let (before, out) = self.out.after(tile, values);
        let x = self.input.place.of(tile, before);
        vectorised(|| {
            for (r, out) in out.chunks_exact_mut(self.out.stride()).enumerate() {
                let weights = self.weights_of(tile, before, r);
                let x = &x[r * self.input.place.stride()..][..self.input.place.columns()];
                mix_row(&mut out[..self.out.columns()], self.out.width, weights, x);
            }
        });
    }

    /// Derivatives of the input and of a gate's weights.
    pub fn backward(&self, pass: &Backward<'_>, tile: &Tile, values: &[f32], grads: &mut [f32]) {
        let (before, out) = self.out.after(tile, grads);
        let (width, experts) = (self.out.width, self.input.place.groups);
        let x = self.input.place.of(tile, values);
        if let Weights::Slot(gate) = &self.weights
            && pass.live[gate.node]
        {
            let gate_grads = gate.place.of_mut(tile, before);
            vectorised(|| {
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
            vectorised(|| {
                for (r, input) in input.chunks_exact_mut(self.input.place.stride()).enumerate() {
                    let weights = self.weights_of(tile, values, r);
                    for (e, input) in input.chunks_exact_mut(width).take(experts).enumerate() {
                        for t in 0..self.out.groups {
                            let out = &out[r * self.out.stride() + t * width..][..width];
                            add_scaled(input, weights[t * experts + e], out);
                        }
                    }
                }
            });
        }
    }

    #[inline(always)]
    fn weights_of<'a>(&'a self, tile: &Tile, memory: &'a [f32], row: usize) -> &'a [f32] {
        match &self.weights {
            Weights::Slot(gate) => {
                let stride = gate.place.stride();
                &gate.place.of(tile, memory)[row * stride..][..gate.place.columns()]
            }
            Weights::Fixed(weights) => weights,
        }
    }
}

/// One row: `out` is `[t, width]`, `weights` `[t, e]`, `x` `[e, width]`. 16 columns stay in registers over all `e`.
#[inline(always)]
fn mix_row(out: &mut [f32], width: usize, weights: &[f32], x: &[f32]) {
    let experts = x.len() / width;
    for (t, out) in out.chunks_exact_mut(width).enumerate() {
        let weights = &weights[t * experts..][..experts];
        let whole = width - width % LANES;
        for at in (0..whole).step_by(LANES) {
            let mut sum = [0.0; LANES];
            for (&weight, x) in weights.iter().zip(x.chunks_exact(width)) {
                add_scaled(&mut sum, weight, &x[at..at + LANES]);
            }
            out[at..at + LANES].copy_from_slice(&sum);
        }
        out[whole..].fill(0.0);
        for (&weight, x) in weights.iter().zip(x.chunks_exact(width)) {
            add_scaled(&mut out[whole..], weight, &x[whole..]);
        }
    }
}
