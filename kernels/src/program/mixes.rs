//! Mixes.

use mmtl_plan::{Mix, MixWeights, Op, SlotId};

use crate::jobs::List;
use crate::ops::mix;
use crate::program::compiler::{Compiler, joined, words};

impl Compiler<'_> {
    pub(super) fn mix_job(&mut self, op: &Mix) -> [u32; mix::FORWARD] {
        let (x, out) = (self.slots.place(op.input, 0), self.slots.place(op.out, 0));
        let weights = match &op.weights {
            MixWeights::Slot(gate) => [self.slots.whole(*gate).at, self.slots.whole(*gate).stride],
            MixWeights::Fixed(weights) => [self.jobs.push(weights.iter().map(|weight| weight.to_bits())), 0],
        };
        let experts = self.slots.groups(op.input) as u32;
        let mixtures = self.slots.groups(op.out) as u32;
        joined(&[&words(x), &[experts, out.at, out.stride, mixtures], &weights])
    }

    pub(super) fn mixes(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (_, op) in ops {
            let Op::Mix(op) = op else { continue };
            jobs.push(self.mix_job(op));
        }
        self.mix_list(&jobs)
    }

    pub(super) fn mix_gradients(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (_, op) in ops {
            let Op::Mix(op) = op else { continue };
            let job = self.mix_job(op);
            let of_groups = if self.learns[op.input.0] { self.written_or_added(op.input) } else { mix::NOTHING };
            let of_weights = match op.weights {
                MixWeights::Slot(gate) => self.written_or_added(gate),
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
