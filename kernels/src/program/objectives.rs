//! Predictions and losses.

use std::collections::BTreeMap;

use mmtl_plan::{Factor, Link, Loss, LossKind, Op, SlotId};

use crate::jobs::List;
use crate::ops::{loss, predict};
use crate::place::Place;
use crate::program::compiler::{Compiler, joined, words};

impl<'a> Compiler<'a> {
    pub(super) fn factors(&mut self, factors: &[Factor]) -> [u32; 2] {
        let places: Vec<Place> = factors.iter().map(|factor| self.slots.place(factor.slot, factor.group)).collect();
        let first = self.jobs.push(places.iter().flat_map(|place| [place.at, place.stride]));
        [first, factors.len() as u32]
    }

    pub(super) fn predict_job(&mut self, of: &Link, out: SlotId) -> [u32; predict::FORWARD] {
        let factors = self.factors(of.factors());
        joined(&[&[link(of)], &words(self.slots.whole(out)), &factors])
    }

    /// All predictions, or those alone that another op reads.
    pub(super) fn predictions(&mut self, ops: &[(usize, &Op)], only_read: bool) -> List {
        let mut jobs = vec![];
        for (_, op) in ops {
            let Op::Predict(op) = op else { continue };
            if !only_read || self.is_read(op.out) {
                jobs.push(self.predict_job(&op.link, op.out));
            }
        }
        self.jobs.list(&jobs, 1)
    }

    /// The words of an objective: kind, task, factors (first, number), smoothing.
    pub(super) fn objective(&mut self, op: &Loss) -> [u32; loss::VALUE] {
        let plan = self.plan;
        let kind = match op.kind {
            LossKind::BinaryCrossEntropy => loss::CROSS_ENTROPY,
            LossKind::Squared => loss::SQUARED,
            LossKind::SoftmaxCrossEntropy => loss::SOFTMAX_CROSS_ENTROPY,
        };
        let factors = plan.loss_factors(op);
        let places: Vec<Place> = factors.iter().map(|factor| self.slots.place(factor.slot, factor.group)).collect();
        let first = self.jobs.push(places.into_iter().flat_map(words));
        [kind, plan.objectives[op.objective].task as u32, first, factors.len() as u32, op.smoothing.to_bits()]
    }

    /// All objectives, at the level of the last.
    pub(super) fn losses(&mut self, ops: &[(usize, &Op)]) -> List {
        let is_loss = |op: &Op| matches!(op, Op::Loss(_));
        let last = self.plan.ops.iter().rposition(is_loss);
        let levels = &self.levels;
        let latest = (0..levels.len()).filter(|&op| is_loss(&self.plan.ops[op])).max_by_key(|&op| (levels[op], op));
        if last.is_none() || !ops.iter().any(|(number, _)| Some(*number) == latest) {
            return List::default();
        }
        let mut losses = self.all_losses();
        losses.sort_by_key(|loss| loss.objective);
        let jobs: Vec<_> = losses.into_iter().map(|loss| self.objective(loss)).collect();
        self.jobs.list(&jobs, 1)
    }

    pub(super) fn all_losses(&self) -> Vec<&'a Loss> {
        let plan = self.plan;
        plan.ops.iter().filter_map(|op| if let Op::Loss(loss) = op { Some(loss) } else { None }).collect()
    }

    /// The logits of all objectives, each with the objectives that read it.
    pub(super) fn loss_gradients(&mut self) -> List {
        let mut terms: BTreeMap<(SlotId, usize), Vec<u32>> = BTreeMap::new();
        for op in self.all_losses() {
            let words = self.objective(op);
            for (number, factor) in self.plan.loss_factors(op).iter().enumerate() {
                let term = [&words[..], &[op.objective as u32, number as u32]].concat();
                terms.entry((factor.slot, factor.group)).or_default().extend(term);
            }
        }
        let mut jobs = vec![];
        for (group, terms) in terms {
            let number = (terms.len() / loss::TERM) as u32;
            let (adds, first) = (self.adds(group), self.jobs.push(terms));
            let place = self.slots.place(group.0, group.1);
            jobs.push(joined::<{ loss::GRADIENT }>(&[&words(place), &[u32::from(adds), first, number]]));
        }
        self.jobs.list(&jobs, 1)
    }

    pub(super) fn predict_gradients(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (_, op) in ops {
            let Op::Predict(op) = op else { continue };
            if !self.is_read(op.out) {
                continue;
            }
            let mut factors = vec![];
            for factor in op.link.factors() {
                let place = self.slots.place(factor.slot, factor.group);
                factors.extend([place.at, place.stride, u32::from(self.adds((factor.slot, factor.group)))]);
            }
            let first = self.jobs.push(factors);
            let out = words(self.slots.whole(op.out));
            let number = op.link.factors().len() as u32;
            jobs.push(joined::<{ predict::BACKWARD }>(&[&[link(&op.link)], &out, &[first, number]]));
        }
        self.jobs.list(&jobs, 1)
    }
}

fn link(link: &Link) -> u32 {
    match link {
        Link::Identity(_) => predict::IDENTITY,
        Link::Sigmoid(_) | Link::SigmoidProduct(_) => predict::SIGMOIDS,
        Link::Softmax(_) => predict::SOFTMAX,
    }
}
