//! Element-wise sum of slots.

use crate::lanes::add_scaled;
use crate::layout::{Place, Tile};
use crate::node::Input;
use crate::pass::Backward;
use crate::simd::vectorised;

/// A compiled [`mmtl_plan::Add`].
pub struct AddNode {
    /// Slots read.
    pub inputs: Vec<Input>,
    /// Slot written.
    pub out: Place,
}

impl AddNode {
    /// `out = Σ inputs`, in their order.
    pub fn forward(&self, tile: &Tile, values: &mut [f32]) {
        let (before, out) = self.out.after(tile, values);
        out.copy_from_slice(self.inputs[0].place.of(tile, before));
        for input in &self.inputs[1..] {
            vectorised!(add_scaled(out, 1.0, input.place.of(tile, before)));
        }
    }

    /// Each input's derivative grows by the output's.
    pub fn backward(&self, pass: &Backward<'_>, tile: &Tile, grads: &mut [f32]) {
        let (before, out) = self.out.after(tile, grads);
        for input in self.inputs.iter().filter(|input| pass.live[input.node]) {
            vectorised!(add_scaled(input.place.of_mut(tile, before), 1.0, out));
        }
    }
}
