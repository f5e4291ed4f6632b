//! Layers and gates.

use std::collections::BTreeMap;

use mmtl_plan::{Activation, Dropout, Gate, Linear, LinearWeights, Op, ParamId, Purpose, Stream};

use crate::jobs::{List, maybe};
use crate::ops::{gate, linear, linear_gradient};
use crate::place::{Place, Slots};
use crate::program::compiler::{Compiler, Group, joined, words};
use crate::program::mixes::NO_INPUT;

impl Compiler<'_> {
    /// Dropout's words for a group: key, threshold and scale; zeros without it.
    pub(super) fn dropout(&self, dropout: Option<&Dropout>, group: usize) -> [u32; 4] {
        let Some(dropout) = dropout else { return [0; 4] };
        let [low, high] = Stream::new(self.seed, Purpose::Dropout, &dropout.streams[group]).key();
        [low, high, dropout.threshold(), dropout.scale().to_bits()]
    }

    /// Layers, gates' logits, and weights of mixes that all rows share.
    pub(super) fn linears(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let (mut columns, mut drops) = (0, false);
        for (number, op) in ops {
            match op {
                Op::Linear(op) => {
                    drops |= op.dropout.is_some();
                    for group in 0..op.reads.len() {
                        for scene in self.scenes_of(op) {
                            let (x, out) =
                                (self.slots.place(op.input, op.reads[group]), self.slots.place(op.out, group));
                            let [w, scene_w, b, scene_b] = self.parameters(op, group, scene);
                            columns = columns.max(out.width);
                            jobs.push(joined::<{ linear::FORWARD }>(&[
                                &words(x),
                                &[w as u32 - 1, scene_w as u32, b as u32, scene_b as u32],
                                &words(out),
                                &[maybe(scene), activation(op.activation)],
                                &self.dropout(op.dropout.as_ref(), group),
                            ]));
                        }
                    }
                }
                Op::Gate(op) => {
                    for gate in 0..op.reads.len() {
                        let (x, out) = (self.slots.place(op.input, op.reads[gate]), self.slots.place(op.out, gate));
                        columns = columns.max(out.width);
                        let job = joined::<{ linear::FORWARD }>(&[
                            &words(x),
                            &[self.gate_matrix(op, gate) as u32, 0, 0, 0],
                            &words(out),
                            &[0, linear::IDENTITY],
                            &[0; 4],
                        ]);
                        jobs.extend(vec![job; self.scenes_of_tail().unwrap_or(1)]);
                    }
                }
                Op::Mix(_) => {
                    if let Some((w, to)) = self.shared_weights(*number, op) {
                        columns = columns.max(to.width);
                        jobs.push(self.weights_for_rows(w, to));
                    }
                }
                Op::Embed(_) | Op::Norm(_) | Op::Add(_) | Op::Concat(_) | Op::Predict(_) | Op::Loss(_) => {}
            }
        }
        List { drops, ..self.jobs.list(&jobs, columns) }
    }

    /// The scenes that a layer has jobs for: none in particular, or each. In a tail all layers have as many.
    fn scenes_of(&self, op: &Linear) -> Vec<Option<usize>> {
        match self.scenes_of_tail() {
            Some(scenes) => (0..scenes).map(Some).collect(),
            None => self.scenes_of_weights(op),
        }
    }

    /// `None` for weights that all scenes share, else each scene.
    fn scenes_of_weights(&self, op: &Linear) -> Vec<Option<usize>> {
        match op.weights {
            LinearWeights::Shared { .. } => vec![None],
            LinearWeights::PerScene { .. } | LinearWeights::Star { .. } => {
                (0..self.plan.schema.scenes.len()).map(Some).collect()
            }
        }
    }

    /// One more than where a group's W, `W_scene`, b and `b_scene` start; 0 for what there is none of.
    pub(super) fn parameters(&self, op: &Linear, group: usize, scene: Option<usize>) -> [usize; 4] {
        let width = self.slots.place(op.out, group).width as usize;
        let len = self.slots.place(op.input, 0).width as usize * width;
        let (groups, scene) = (op.reads.len(), scene.unwrap_or(0));
        let of = |param: ParamId, len: usize| self.offset(param) + group * len + 1;
        let of_scene = |param: ParamId, len: usize| self.offset(param) + (scene * groups + group) * len + 1;
        match op.weights {
            LinearWeights::Shared { w, b } => [of(w, len), 0, b.map_or(0, |b| of(b, width)), 0],
            LinearWeights::PerScene { w, b } => [of_scene(w, len), 0, b.map_or(0, |b| of_scene(b, width)), 0],
            LinearWeights::Star { w, b, scene_w, scene_b } => {
                [of(w, len), of_scene(scene_w, len), of(b, width), of_scene(scene_b, width)]
            }
        }
    }

    pub(super) fn gate_matrix(&self, op: &Gate, gate: usize) -> usize {
        let len = self.slots.place(op.input, 0).width as usize * self.slots.place(op.out, 0).width as usize;
        self.offset(op.w) + gate * len
    }

    pub(super) fn gates(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (_, op) in ops {
            let Op::Gate(op) = op else { continue };
            for gate in 0..op.reads.len() {
                let place = self.slots.place(op.out, gate);
                let experts = place.width as usize;
                let mask = op.mask[gate * experts..(gate + 1) * experts].iter().map(|&may| u32::from(may));
                let mask = self.jobs.push(mask);
                jobs.push(joined::<{ gate::JOB }>(&[&words(place), &[mask, op.temperature.to_bits()]]));
            }
        }
        self.jobs.list(&jobs, 1)
    }

    pub(super) fn deactivations(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut columns = 0;
        for (_, op) in ops {
            let Op::Linear(op) = op else { continue };
            if op.activation == Activation::Identity && op.dropout.is_none() {
                continue;
            }
            for (slot, group) in self.groups_of(op.out) {
                let place = self.slots.place(slot, group);
                let dropout = self.dropout(op.dropout.as_ref(), group);
                columns = columns.max(place.width);
                jobs.push(joined::<{ linear_gradient::DEACTIVATE }>(&[
                    &words(place),
                    &[activation(op.activation)],
                    &dropout,
                ]));
            }
        }
        self.jobs.list(&jobs, columns)
    }

    /// For each group that layers and gates read: their terms, apart for each scene where one has weights of its own. In a
    /// tail, of groups whose derivatives go to memory, or of those alone that have them on chip.
    pub(super) fn linear_inputs(&mut self, ops: &[(usize, &Op)], in_memory: bool) -> List {
        /// A layer's or a gate's group.
        enum Reader<'b> {
            Layer(&'b Linear, usize),
            Gate(&'b Gate, usize),
        }
        let mut readers: BTreeMap<Group, Vec<Reader<'_>>> = BTreeMap::new();
        for (_, op) in ops {
            match op {
                Op::Linear(op) => {
                    for (group, &read) in op.reads.iter().enumerate() {
                        readers.entry((op.input, read)).or_default().push(Reader::Layer(op, group));
                    }
                }
                Op::Gate(op) => {
                    for (gate, &read) in op.reads.iter().enumerate() {
                        readers.entry((op.input, read)).or_default().push(Reader::Gate(op, gate));
                    }
                }
                Op::Embed(_) | Op::Norm(_) | Op::Mix(_) | Op::Add(_) | Op::Concat(_) | Op::Predict(_) | Op::Loss(_) => {
                }
            }
        }
        readers.retain(|(slot, _), _| self.learns[slot.0] && self.streams(*slot) == in_memory);
        let mut jobs = vec![];
        let mut columns = 0;
        for (group, readers) in readers {
            let by_scene = self.scenes_of_tail().is_some()
                || readers.iter().any(|reader| match reader {
                    Reader::Layer(op, _) => self.scenes_of(op).len() > 1 || self.scenes_of(op)[0].is_some(),
                    Reader::Gate(..) => false,
                });
            let scenes: Vec<Option<usize>> =
                if by_scene { (0..self.plan.schema.scenes.len()).map(Some).collect() } else { vec![None] };
            let place = if in_memory { Slots::in_memory } else { Slots::place };
            let (x, adds) = (place(&self.slots, group.0, group.1), self.adds(group));
            columns = columns.max(x.width);
            for scene in scenes {
                let mut terms = vec![];
                for reader in &readers {
                    let (out, w, scene_w) = match reader {
                        Reader::Layer(op, group) => {
                            let [w, scene_w, _, _] = self.parameters(op, *group, scene);
                            (self.slots.place(op.out, *group), w - 1, scene_w)
                        }
                        Reader::Gate(op, gate) => (self.slots.place(op.out, *gate), self.gate_matrix(op, *gate), 0),
                    };
                    terms.push(joined::<{ linear_gradient::TERM }>(&[&words(out), &[w as u32, scene_w as u32]]));
                }
                let first = self.jobs.push(terms.iter().flatten().copied());
                let rest = [maybe(scene), u32::from(adds), first, terms.len() as u32];
                jobs.push(joined::<{ linear_gradient::INPUT }>(&[&words(x), &rest]));
            }
        }
        self.jobs.list(&jobs, columns)
    }

    /// Gradients of matrices and biases, in parts.
    pub(super) fn weights(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (number, op) in ops {
            match op {
                Op::Linear(op) => {
                    for group in 0..op.reads.len() {
                        let places = [self.slots.place(op.input, op.reads[group]), self.slots.place(op.out, group)];
                        let biased = self.parameters(op, group, Some(0))[2] > 0;
                        let at = self.layer_sums(op, group, places, biased);
                        // A tail's tile has one scene's rows, whichever it is.
                        let scenes =
                            if self.scenes_of_tail().is_some() { vec![None] } else { self.scenes_of_weights(op) };
                        for scene in scenes {
                            jobs.push(weight_job(places, [at, maybe(scene), u32::from(biased)]));
                        }
                    }
                }
                Op::Gate(op) => {
                    for gate in 0..op.reads.len() {
                        let places = [self.slots.place(op.input, op.reads[gate]), self.slots.place(op.out, gate)];
                        let to = self.gate_matrix(op, gate);
                        let at = self.sums.sum(places[0].width * places[1].width, to);
                        jobs.push(weight_job(places, [at, 0, 0]));
                    }
                }
                Op::Mix(_) => {
                    if let Some((w, place)) = self.shared_weights(*number, op) {
                        let at = self.sums.sum(place.width, self.offset(w));
                        jobs.push(weight_job([NO_INPUT, place], [at, 0, 1]));
                    }
                }
                Op::Embed(_) | Op::Norm(_) | Op::Add(_) | Op::Concat(_) | Op::Predict(_) | Op::Loss(_) => {}
            }
        }
        let list = self.jobs.list(&jobs, jobs.iter().map(|job| job[5]).max().unwrap_or(0));
        // Biases are summed along with the first rows of a matrix, if there is any.
        List { rows: jobs.iter().map(|job| job[2].max(1)).max().unwrap_or(0), ..list }
    }

    /// Where the sums of a group's gradients lie in a part, of which those of all scenes take the same place.
    fn layer_sums(&mut self, op: &Linear, group: usize, [x, out]: [Place; 2], biased: bool) -> u32 {
        let (len, scenes) = (x.width * out.width, self.plan.schema.scenes.len());
        let at = self.sums.claim(len + if biased { out.width } else { 0 });
        let of_star = matches!(op.weights, LinearWeights::Star { .. });
        for scene in if of_star { vec![Some(0)] } else { self.scenes_of_weights(op) } {
            let [w, scene_w, b, scene_b] = self.parameters(op, group, scene);
            let mut add = |at, len: u32, to: usize, of_scenes: usize, multiplies| {
                let star = [of_scenes.wrapping_sub(1) as u32, op.reads.len() as u32 * len, scenes as u32, multiplies];
                match scene {
                    Some(_) if of_star => self.sums.add(joined(&[&[at, len, to as u32 - 1, 0], &star])),
                    Some(_) => self.sums.add([at, len, to as u32 - 1, maybe(scene), 0, 0, 0, 0]),
                    None => self.sums.over_all(at, len, to - 1),
                }
            };
            add(at, len, w, scene_w, 1);
            if biased {
                add(at + len, out.width, b, scene_b, 0);
            }
        }
        at
    }
}

/// The words of a matrix's gradient: of input and output, and the rest.
fn weight_job([x, out]: [Place; 2], rest: [u32; 3]) -> [u32; linear_gradient::WEIGHT] {
    joined(&[&words(x), &words(out), &rest])
}

fn activation(activation: Activation) -> u32 {
    match activation {
        Activation::Identity => linear::IDENTITY,
        Activation::Relu => linear::RELU,
        Activation::Sigmoid => linear::SIGMOID,
        Activation::Tanh => linear::TANH,
    }
}
