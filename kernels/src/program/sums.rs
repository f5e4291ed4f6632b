//! Sums and copies of slots, and zeros.

use std::collections::BTreeMap;

use mmtl_plan::{Op, SlotId};

use crate::jobs::List;
use crate::ops::sum;
use crate::place::Place;
use crate::program::compiler::{Compiler, Group, joined, most_columns, words};

impl Compiler<'_> {
    /// Each output of a sum or a concatenation, with what is added up for it.
    pub(super) fn summed(&self, op: &Op) -> Vec<(Place, Vec<Place>)> {
        match op {
            Op::Add(op) => {
                vec![(self.slots.whole(op.out), op.inputs.iter().map(|&input| self.slots.whole(input)).collect())]
            }
            Op::Concat(op) => self.concatenated(op.out, &op.inputs).map(|(to, _, from)| (to, vec![from])).collect(),
            Op::Embed(_) | Op::Linear(_) | Op::Norm(_) | Op::Gate(_) | Op::Mix(_) | Op::Predict(_) | Op::Loss(_) => {
                vec![]
            }
        }
    }

    /// Where each group of each input goes: (part of the output, group, place).
    pub(super) fn concatenated(&self, out: SlotId, inputs: &[SlotId]) -> impl Iterator<Item = (Place, Group, Place)> {
        let mut offset = 0;
        let mut parts = vec![];
        for &input in inputs {
            for (slot, group) in self.groups_of(input) {
                let (to, from) = (self.slots.place(out, group), self.slots.place(slot, group));
                parts.push((Place { at: to.at + offset, width: from.width, ..to }, (slot, group), from));
            }
            offset += self.slots.place(input, 0).width;
        }
        parts.into_iter()
    }

    pub(super) fn sum_job(&mut self, to: Place, adds: bool, terms: &[Place]) -> [u32; sum::JOB] {
        let first = self.jobs.push(terms.iter().flat_map(|term| [term.at, term.stride]));
        joined(&[&words(to), &[u32::from(adds), first, terms.len() as u32]])
    }

    pub(super) fn sums(&mut self, ops: &[(usize, &Op)]) -> List {
        let summed: Vec<_> = ops.iter().flat_map(|(_, op)| self.summed(op)).collect();
        let jobs: Vec<_> = summed.iter().map(|(to, terms)| self.sum_job(*to, false, terms)).collect();
        self.jobs.list(&jobs, most_columns(summed.iter().map(|(to, _)| *to)))
    }

    /// Zeros for groups that nothing passes derivatives to.
    pub(super) fn zeros(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut places = vec![];
        for (_, op) in ops {
            let Some(out) = op.out() else { continue };
            if matches!(op, Op::Predict(_)) && !self.is_read(out) {
                continue;
            }
            for group in self.groups_of(out) {
                if !self.adds(group) {
                    places.push(self.slots.place(group.0, group.1));
                }
            }
        }
        self.zero_list(&places)
    }

    pub(super) fn sum_gradients(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut terms: BTreeMap<Group, Vec<Place>> = BTreeMap::new();
        for (_, op) in ops {
            match op {
                Op::Add(op) => {
                    for (slot, group) in op.inputs.iter().flat_map(|&input| self.groups_of(input)) {
                        terms.entry((slot, group)).or_default().push(self.slots.place(op.out, group));
                    }
                }
                Op::Concat(op) => {
                    for (to, group, _) in self.concatenated(op.out, &op.inputs) {
                        terms.entry(group).or_default().push(to);
                    }
                }
                Op::Embed(_)
                | Op::Linear(_)
                | Op::Norm(_)
                | Op::Gate(_)
                | Op::Mix(_)
                | Op::Predict(_)
                | Op::Loss(_) => {}
            }
        }
        let mut jobs = vec![];
        let mut columns = 0;
        for (group, terms) in terms.into_iter().filter(|((slot, _), _)| self.learns[slot.0]).collect::<Vec<_>>() {
            let place = self.slots.place(group.0, group.1);
            let adds = self.adds(group);
            columns = columns.max(place.width);
            jobs.push(self.sum_job(place, adds, &terms));
        }
        self.jobs.list(&jobs, columns)
    }

    /// Zeros for what [`Compiler::adds_to_all`] found.
    pub(super) fn zeros_first(&mut self) -> List {
        let places: Vec<Place> = std::mem::take(&mut self.unwritten)
            .into_iter()
            .map(|(slot, group)| self.slots.place(slot, group))
            .collect();
        self.zero_list(&places)
    }

    pub(super) fn zero_list(&mut self, places: &[Place]) -> List {
        let jobs: Vec<_> = places.iter().map(|&place| self.sum_job(place, false, &[])).collect();
        self.jobs.list(&jobs, most_columns(places.iter().copied()))
    }
}
