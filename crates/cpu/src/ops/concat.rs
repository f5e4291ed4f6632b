//! Slots side by side along their width.

use crate::lanes::add_scaled;
use crate::layout::{Place, Tile};
use crate::node::Input;
use crate::pass::Backward;
use crate::simd::vectorised;

/// A compiled [`mmtl_plan::Concat`].
pub struct ConcatNode {
    /// Slots read.
    pub inputs: Vec<Input>,
    /// Slot written.
    pub out: Place,
}

impl ConcatNode {
    /// Copies each input's groups to their place in the output's.
    pub fn forward(&self, tile: &Tile, values: &mut [f32]) {
        let (before, out) = self.out.after(tile, values);
        let mut offset = 0;
        for input in &self.inputs {
            let width = input.place.width;
            for (to, from) in out.chunks_exact_mut(self.out.stride()).zip(input.place.rows(tile, before)) {
                for (to, from) in to.chunks_exact_mut(self.out.width).zip(from.chunks_exact(width)) {
                    to[offset..offset + width].copy_from_slice(from);
                }
            }
            offset += width;
        }
    }

    /// Adds each part of the output's derivative to its input's.
    pub fn backward(&self, pass: &Backward<'_>, tile: &Tile, grads: &mut [f32]) {
        let (before, out) = self.out.after(tile, grads);
        let mut offset = 0;
        for input in &self.inputs {
            let width = input.place.width;
            if pass.live[input.node] {
                let stride = input.place.stride();
                let to = input.place.of_mut(tile, before);
                vectorised!({
                    for (to, from) in to.chunks_exact_mut(stride).zip(out.chunks_exact(self.out.stride())) {
                        let to = to.chunks_exact_mut(width).take(self.out.groups);
                        for (to, from) in to.zip(from.chunks_exact(self.out.width)) {
                            add_scaled(to, 1.0, &from[offset..offset + width]);
                        }
                    }
                });
            }
            offset += width;
        }
    }
}
