//! Which nodes a backward pass goes through, and which derivatives must be zero before it.

use crate::model::Model;
use crate::node::Kind;

/// What the gradient of `Σ weights[k] · L_k` reaches.
pub struct Reach {
    /// For each node, whether the gradient reaches it and it, or something before it, has parameters.
    pub live: Vec<bool>,
    /// For each node, whether it is the first to write the derivative of the slot it reads, and writes all of it.
    pub first: Vec<bool>,
    /// For each node, whether others add to the derivative of its slot, which must be zero before.
    pub added_to: Vec<bool>,
}

impl Reach {
    /// Nothing is reached yet; with room for `nodes` nodes.
    pub fn with_room(nodes: usize) -> Self {
        let [live, first, added_to] = [(); 3].map(|()| Vec::with_capacity(nodes));
        Self { live, first, added_to }
    }

    /// Follows the weighted objectives back.
    pub fn follow(&mut self, model: &Model, weights: &[f32]) {
        let Self { live, first, added_to } = self;
        for marks in [&mut *live, &mut *first, &mut *added_to] {
            marks.clear();
            marks.resize(model.nodes.len(), false);
        }
        for (number, node) in model.nodes.iter().enumerate().rev() {
            if let Kind::Loss(loss) = &node.kind {
                live[number] = weights[loss.objective] != 0.0;
            }
            live[number] &= node.learns;
            if live[number] {
                for &input in &node.inputs {
                    live[input] = true;
                }
            }
        }
        for (number, node) in model.nodes.iter().enumerate().filter(|(number, _)| live[*number]) {
            // Passes go back from the last node to the first.
            let reader = node.readers.iter().rev().copied().find(|&reader| live[reader]);
            match reader.filter(|&reader| model.nodes[reader].overwritten() == Some(number)) {
                Some(reader) => first[reader] = true,
                None => added_to[number] = true,
            }
        }
    }
}
