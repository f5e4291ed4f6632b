//! Mixes.

use mmtl_plan::{Mix, MixWeights, Op, ParamId, SlotId};

use crate::jobs::List;
use crate::ops::{linear, mix};
use crate::place::Place;
use crate::program::compiler::{Compiler, joined, words};

/// What a layer without a matrix reads.
pub(super) const NO_INPUT: Place = Place { at: 0, stride: 0, width: 0 };

impl Compiler<'_> {
    /// Weights that all rows share: the parameter, and a slot that has them for each row, like a gate's. They are written
    /// there by a layer that has biases only, and their gradient is such a layer's.
    pub(super) fn shared_weights(&self, number: usize, op: &Op) -> Option<(ParamId, Place)> {
        let Op::Mix(Mix { weights: MixWeights::Param(w), .. }) = op else { return None };
        self.kept[number].map(|slot| (*w, self.slots.whole(slot)))
    }

    /// The layer that writes them.
    pub(super) fn weights_for_rows(&self, w: ParamId, to: Place) -> [u32; linear::FORWARD] {
        let bias = self.offset(w) as u32 + 1;
        joined(&[&words(NO_INPUT), &[0, 0, bias, 0], &words(to), &[0, linear::IDENTITY], &[0; 4]])
    }

    pub(super) fn mix_job(&mut self, number: usize, op: &Mix) -> [u32; mix::FORWARD] {
        let (x, out) = (self.slots.place(op.input, 0), self.slots.place(op.out, 0));
        let weights = match &op.weights {
            MixWeights::Slot(gate) => [self.slots.whole(*gate).at, self.slots.whole(*gate).stride],
            MixWeights::Param(_) => {
                let slot = self.kept[number].expect("a mix by a parameter has its weights in a slot");
                [self.slots.whole(slot).at, self.slots.whole(slot).stride]
            }
            MixWeights::Fixed(weights) => [self.jobs.push(weights.iter().map(|weight| weight.to_bits())), 0],
        };
        let experts = self.slots.groups(op.input) as u32;
        let mixtures = self.slots.groups(op.out) as u32;
        joined(&[&words(x), &[experts, out.at, out.stride, mixtures], &weights])
    }

    pub(super) fn mixes(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (number, op) in ops {
            let Op::Mix(op) = op else { continue };
            jobs.push(self.mix_job(*number, op));
        }
        self.mix_list(&jobs)
    }

    pub(super) fn mix_gradients(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (number, op) in ops {
            let Op::Mix(op) = op else { continue };
            let job = self.mix_job(*number, op);
            let of_groups = if self.learns[op.input.0] { self.written_or_added(op.input) } else { mix::NOTHING };
            let of_weights = match op.weights {
                MixWeights::Slot(gate) => self.written_or_added(gate),
                MixWeights::Param(_) => mix::WRITES,
                MixWeights::Fixed(_) => mix::NOTHING,
            };
            jobs.push(joined::<{ mix::BACKWARD }>(&[&job, &[of_groups, of_weights]]));
        }
        self.mix_list(&jobs)
    }

    fn written_or_added(&mut self, slot: SlotId) -> u32 {
        if self.adds_to_all(slot) { mix::ADDS } else { mix::WRITES }
    }

    /// A list of jobs that begin as those of [`mix::forward`].
    fn mix_list<const WORDS: usize>(&mut self, jobs: &[[u32; WORDS]]) -> List {
        let list = self.jobs.list(jobs, jobs.iter().map(|job| job[2]).max().unwrap_or(0));
        List { mixtures: jobs.iter().map(|job| job[6]).max().unwrap_or(0), ..list }
    }
}
