//! Ops compiled for a session: places instead of names.

use crate::gradient::Part;
use crate::layout::{Place, Tile};
use crate::ops::add::AddNode;
use crate::ops::concat::ConcatNode;
use crate::ops::embed::EmbedNode;
use crate::ops::gate::GateNode;
use crate::ops::linear::LinearNode;
use crate::ops::linear_gradient::blocks;
use crate::ops::loss::LossNode;
use crate::ops::mix::MixNode;
use crate::ops::norm::{NormNode, Over, OverRows};
use crate::ops::predict::PredictNode;
use crate::pass::{Backward, Forward, Passed, Summed};

/// A slot that a node reads.
#[derive(Clone, Copy)]
pub struct Input {
    /// Where it is.
    pub place: Place,
    /// The node that writes it.
    pub node: usize,
}

/// One group of a slot, as logits.
#[derive(Clone, Copy)]
pub struct Factor {
    /// Where the slot is.
    pub place: Place,
    /// The group.
    pub group: usize,
    /// The node that writes the slot.
    pub node: usize,
}

impl Factor {
    /// The first column of each row.
    #[inline(always)]
    pub fn of<'a>(&self, tile: &Tile, memory: &'a [f32]) -> impl Iterator<Item = f32> + use<'a> {
        self.place.of(tile, memory)[self.group * self.place.width..].iter().step_by(self.place.stride()).copied()
    }

    /// All columns of row `r`.
    #[inline(always)]
    pub fn row<'a>(&self, tile: &Tile, memory: &'a [f32], r: usize) -> &'a [f32] {
        let width = self.place.width;
        &self.place.of(tile, memory)[r * self.place.stride() + self.group * width..][..width]
    }
}

/// A compiled op.
pub enum Kind {
    /// Lookups.
    Embed(EmbedNode),
    /// Matrices.
    Linear(LinearNode),
    /// Normalisation.
    Norm(NormNode),
    /// Softmax weights.
    Gate(GateNode),
    /// Weighted sums.
    Mix(MixNode),
    /// Sums of slots.
    Add(AddNode),
    /// Slots side by side.
    Concat(ConcatNode),
    /// A prediction.
    Predict(PredictNode),
    /// An objective.
    Loss(LossNode),
}

/// A compiled op and what the passes need to know of it.
pub struct Node {
    /// What it does.
    pub kind: Kind,
    /// The op's name.
    pub name: String,
    /// The slot it writes.
    pub out: Option<Place>,
    /// The nodes whose slots it reads.
    pub inputs: Vec<usize>,
    /// The nodes that read its slot, ascending.
    pub readers: Vec<usize>,
    /// Whether it, or something before it, has parameters.
    pub learns: bool,
}

impl Node {
    /// The normalisation that has to wait for all rows, if it is one.
    pub fn barrier(&self) -> Option<(&NormNode, &OverRows)> {
        match &self.kind {
            Kind::Norm(norm) => match &norm.over {
                Over::Rows(over) => Some((norm, over)),
                Over::Width { .. } => None,
            },
            Kind::Embed(_)
            | Kind::Linear(_)
            | Kind::Gate(_)
            | Kind::Mix(_)
            | Kind::Add(_)
            | Kind::Concat(_)
            | Kind::Predict(_)
            | Kind::Loss(_) => None,
        }
    }

    /// Fills its slot of a tile. Training needs no predictions that no op reads, evaluation no losses; `losses` has a sum for each
    /// objective.
    pub fn forward(&self, pass: &Forward<'_>, tile: &Tile, values: &mut [f32], losses: &mut [f64]) {
        match &self.kind {
            Kind::Embed(node) => node.forward(pass, tile, values),
            Kind::Linear(node) => (0..node.out.groups).for_each(|group| node.forward(pass, tile, group, values)),
            Kind::Norm(node) => node.forward(pass, tile, values),
            Kind::Gate(node) => node.forward(pass, tile, values),
            Kind::Mix(node) => node.forward(pass, tile, values),
            Kind::Add(node) => node.forward(tile, values),
            Kind::Concat(node) => node.forward(tile, values),
            Kind::Predict(node) => {
                if pass.training.is_none() || !self.readers.is_empty() {
                    node.forward(tile, values);
                }
            }
            Kind::Loss(node) => {
                if pass.training.is_some() {
                    node.forward(pass, tile, values, &mut losses[node.objective]);
                }
            }
        }
    }

    /// The node whose slot's derivative it writes all of, so that it need not be zero before.
    pub fn overwritten(&self) -> Option<usize> {
        match &self.kind {
            Kind::Linear(node) => node.reads_all().then_some(node.input.node),
            Kind::Mix(node) => (!node.is_mixed_by(node.input.node)).then_some(node.input.node),
            Kind::Embed(_)
            | Kind::Norm(_)
            | Kind::Gate(_)
            | Kind::Add(_)
            | Kind::Concat(_)
            | Kind::Predict(_)
            | Kind::Loss(_) => None,
        }
    }

    /// Adds to the derivatives of the slots it reads; where it is the `first`, it may replace what is there.
    pub fn backward(&self, pass: &Backward<'_>, tile: &Tile, first: bool, values: &[f32], grads: &mut [f32]) {
        match &self.kind {
            Kind::Embed(node) => node.backward(tile, values, grads),
            Kind::Predict(node) => node.backward(pass, tile, values, grads),
            Kind::Linear(node) => {
                (0..node.out.groups).for_each(|group| node.backward(pass, tile, group, first, values, grads));
            }
            Kind::Norm(node) => node.backward(pass, tile, values, grads),
            Kind::Gate(node) => node.backward(pass, tile, values, grads),
            Kind::Mix(node) => node.backward(pass, tile, first, values, grads),
            Kind::Add(node) => node.backward(pass, tile, grads),
            Kind::Concat(node) => node.backward(pass, tile, grads),
            Kind::Loss(node) => node.backward(pass, tile, values, grads),
        }
    }

    /// The tasks that write the gradients of its parameters, as (start in the arena, length, part).
    pub fn gradient_parts(&self, mut add: impl FnMut(usize, usize, Part)) {
        match &self.kind {
            Kind::Linear(node) => node.gradient_parts(add),
            Kind::Norm(node) => node.gradient_parts(add),
            Kind::Gate(node) => {
                let width = node.out.width;
                for group in 0..node.out.groups {
                    for rows in blocks(node.input.place.width, width) {
                        let start = node.w + group * node.matrix_len() + rows.start * width;
                        add(start, rows.len() * width, Part::Matrix { scene: None, group, rows });
                    }
                }
            }
            Kind::Mix(node) => node.gradient_parts(add),
            Kind::Embed(_) | Kind::Add(_) | Kind::Concat(_) | Kind::Predict(_) | Kind::Loss(_) => {}
        }
    }

    /// Adds a tile's share to one part of its gradients; the first one's replaces what is there.
    pub fn add_gradient(&self, passed: &Passed<'_>, part: &Part, out: &mut [f32]) {
        match (&self.kind, part) {
            (Kind::Linear(node), part) => node.add_gradient(passed, part, out),
            (Kind::Norm(node), part) => node.add_gradient(passed, part, out),
            (Kind::Gate(node), Part::Matrix { group, rows, .. }) => node.add_gradient(passed, *group, rows, out),
            (Kind::Mix(node), Part::Shares { group }) => node.add_gradient(passed, *group, out),
            (
                Kind::Gate(_)
                | Kind::Embed(_)
                | Kind::Mix(_)
                | Kind::Add(_)
                | Kind::Concat(_)
                | Kind::Predict(_)
                | Kind::Loss(_),
                _,
            ) => unreachable!("`{}` has no {part:?}", self.name),
        }
    }

    /// One part of its gradients that follows from complete sums.
    pub fn final_gradient(&self, sums: &Summed<'_>, part: &Part, out: &mut [f32]) {
        match &self.kind {
            Kind::Linear(node) => node.final_gradient(sums, part, out),
            Kind::Norm(node) => node.final_gradient(sums, part, out),
            Kind::Gate(_)
            | Kind::Embed(_)
            | Kind::Mix(_)
            | Kind::Add(_)
            | Kind::Concat(_)
            | Kind::Predict(_)
            | Kind::Loss(_) => unreachable!("`{}` has no {part:?}", self.name),
        }
    }
}
