//! Mixes.

use mmtl_plan::{Mix, MixWeights, Op};

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
        let mut columns = 0;
        for (_, op) in ops {
            let Op::Mix(op) = op else { continue };
            jobs.push(self.mix_job(op));
            columns = columns.max(self.slots.whole(op.out).width);
        }
        self.jobs.list(&jobs, columns)
    }

    pub(super) fn mix_inputs(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut columns = 0;
        for (_, op) in ops {
            let Op::Mix(op) = op else { continue };
            if self.learns[op.input.0] {
                let job = self.mix_job(op);
                let adds = self.adds_to_all(op.input);
                jobs.push(joined::<{ mix::BACKWARD }>(&[&job, &[u32::from(adds)]]));
                columns = columns.max(self.slots.whole(op.input).width);
            }
        }
        self.jobs.list(&jobs, columns)
    }

    pub(super) fn mix_gates(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut columns = 0;
        for (_, op) in ops {
            let Op::Mix(op) = op else { continue };
            let MixWeights::Slot(gate) = op.weights else { continue };
            let job = self.mix_job(op);
            let adds = self.adds_to_all(gate);
            jobs.push(joined::<{ mix::BACKWARD }>(&[&job, &[u32::from(adds)]]));
            columns = columns.max(self.slots.whole(gate).width);
        }
        self.jobs.list(&jobs, columns)
    }
}
