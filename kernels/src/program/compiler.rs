//! What compilation keeps in mind, and the order of launches.

use std::collections::BTreeSet;

use mmtl_plan::{Op, ParamId, Plan, SlotId};

use crate::header::Header;
use crate::jobs::{Jobs, List};
use crate::place::{Place, Slots};
use crate::program::Launch;
use crate::program::gradient_sums::GradientSums;
use crate::program::tail::Choice;

/// A group of a slot.
pub(super) type Group = (SlotId, usize);

/// The ops that are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// All.
    All,
    /// Those of the tail.
    Tail,
    /// All but those of the tail.
    Rest,
}

pub(super) struct Compiler<'a> {
    pub(super) plan: &'a Plan,
    pub(super) header: Header,
    pub(super) seed: u64,
    pub(super) jobs: Jobs,
    pub(super) slots: Slots,
    /// For each op, how many ops must have finished one after the other before it.
    pub(super) levels: Vec<usize>,
    /// For each slot, whether something before it learns.
    pub(super) learns: Vec<bool>,
    pub(super) states: Vec<usize>,
    pub(super) table_at: Vec<usize>,
    /// For each op that is a norm over rows, where its statistics start.
    pub(super) statistics: Vec<usize>,
    /// For each op that is a norm over the width, what it keeps; for each mix by a parameter, the weights of each row.
    pub(super) kept: Vec<Option<SlotId>>,
    /// Groups whose derivatives have been written so far in the backward pass.
    pub(super) written: BTreeSet<(usize, usize)>,
    /// Groups to zero before the next launch, which adds to all groups of a slot of which some were written.
    pub(super) unwritten: Vec<Group>,
    /// Gradients that are made in parts.
    pub(super) sums: GradientSums,
    /// The tail, if there is one.
    pub(super) choice: Option<Choice>,
    /// The ops that are compiled.
    pub(super) which: Which,
    /// Gradients that the tail makes, in parts of its own.
    pub(super) tail_sums: GradientSums,
}

impl<'a> Compiler<'a> {
    /// The ops that are compiled.
    pub(super) fn ops(&self) -> Vec<(usize, &'a Op)> {
        let plan = self.plan;
        let inside = |op: usize| self.choice.as_ref().is_some_and(|choice| choice.inside[op]);
        let wanted = |op: usize| match self.which {
            Which::All => true,
            Which::Tail => inside(op),
            Which::Rest => !inside(op),
        };
        plan.ops.iter().enumerate().filter(|(op, _)| wanted(*op)).collect()
    }

    fn ops_at(&self, level: usize) -> Vec<(usize, &'a Op)> {
        self.ops().into_iter().filter(|(op, _)| self.levels[*op] == level).collect()
    }

    pub(super) fn groups_of(&self, slot: SlotId) -> impl Iterator<Item = Group> + use<> {
        (0..self.slots.groups(slot)).map(move |group| (slot, group))
    }

    pub(super) fn offset(&self, param: ParamId) -> usize {
        self.plan.param(param).offset
    }

    pub(super) fn forward(&mut self, training: bool) -> Vec<Launch> {
        let mut launches = vec![];
        for level in 0..=self.levels.iter().copied().max().unwrap_or(0) {
            let ops = self.ops_at(level);
            let mut add = |launch: fn(List) -> Launch, list: List| {
                if list.len > 0 {
                    launches.push(launch(list));
                }
            };
            add(Launch::Embed, self.embeds(&ops));
            add(Launch::Linear, self.linears(&ops));
            add(Launch::Gate, self.gates(&ops));
            add(Launch::Mix, self.mixes(&ops));
            add(Launch::Sum, self.sums(&ops));
            let statistics = self.statistics(&ops);
            if training {
                add(Launch::Statistics, statistics);
            }
            add(Launch::MergeStatistics, statistics);
            add(Launch::NormRows, self.norms_over_rows(&ops));
            add(Launch::NormWidth, self.norms_over_width(&ops));
            if training {
                add(Launch::Predict, self.predictions(&ops, true));
                add(Launch::LossValue, self.losses(&ops));
            } else {
                add(Launch::Predict, self.predictions(&ops, false));
            }
        }
        launches
    }

    pub(super) fn is_read(&self, slot: SlotId) -> bool {
        self.plan.ops.iter().any(|op| op.inputs().contains(&slot))
    }

    /// Whether derivatives are added to those of a group, because some have been written before.
    pub(super) fn adds(&mut self, (slot, group): Group) -> bool {
        !self.written.insert((slot.0, group))
    }

    /// Whether derivatives of a group have been written.
    pub(super) fn has_been_written(&self, (slot, group): Group) -> bool {
        self.written.contains(&(slot.0, group))
    }

    /// The backward pass but for gradients of parameters.
    pub(super) fn backward_of_ops(&mut self) -> Vec<Launch> {
        let mut launches = vec![];
        let mut add = |launch: fn(List) -> Launch, list: List| {
            if list.len > 0 {
                launches.push(launch(list));
            }
        };
        if self.which != Which::Rest {
            add(Launch::LossGradient, self.loss_gradients());
        }
        for level in (0..=self.levels.iter().copied().max().unwrap_or(0)).rev() {
            let ops = self.ops_at(level);
            add(Launch::SumGradient, self.zeros(&ops));
            for wave in Self::waves(&ops, |op| matches!(op, Op::Predict(_))) {
                add(Launch::PredictGradient, self.predict_gradients(&wave));
            }
            add(Launch::SumGradient, self.sum_gradients(&ops));
            for wave in Self::waves(&ops, |op| matches!(op, Op::Mix(_))) {
                let mixes = self.mix_gradients(&wave);
                add(Launch::SumGradient, self.zeros_first());
                add(Launch::MixGradient, mixes);
            }
            let reductions = self.norm_reductions(&ops);
            add(Launch::NormReduce, reductions);
            add(Launch::NormReduced, reductions);
            for wave in Self::waves(&ops, |op| matches!(op, Op::Norm(_))) {
                let inputs = self.norm_rows_inputs(&wave);
                add(Launch::SumGradient, self.zeros_first());
                add(Launch::NormRowsInput, inputs);
                add(Launch::NormWidthInput, self.norm_width_inputs(&wave));
            }
            add(Launch::GateGradient, self.gates(&ops));
            add(Launch::Deactivate, self.deactivations(&ops));
            add(Launch::LinearInput, self.linear_inputs(&ops, false));
        }
        launches
    }

    /// The backward pass, after that of the tail if there is one.
    pub(super) fn backward(&mut self) -> Vec<Launch> {
        let mut launches: Vec<Launch> = self.tail().map(Launch::Tail).into_iter().collect();
        launches.extend(self.backward_of_ops());
        let mut add = |launch: fn(List) -> Launch, list: List| {
            if list.len > 0 {
                launches.push(launch(list));
            }
        };
        let all = self.ops();
        add(Launch::LinearWeight, self.weights(&all));
        add(Launch::NormWidthGradient, self.width_gradients(&all));
        add(Launch::AddParts, self.sums.list(&self.tail_sums, &mut self.jobs));
        add(Launch::NormShared, self.norms_shared(&all));
        launches
    }

    /// Ops that no two of which pass derivatives to the same slot.
    pub(super) fn waves<'b>(ops: &[(usize, &'b Op)], wanted: impl Fn(&Op) -> bool) -> Vec<Vec<(usize, &'b Op)>> {
        type Wave<'b> = Vec<(usize, &'b Op)>;
        let mut waves: Vec<(BTreeSet<SlotId>, Wave<'b>)> = vec![];
        for &(number, op) in ops.iter().filter(|(_, op)| wanted(op)) {
            let inputs = op.inputs();
            let free = waves.iter_mut().find(|(taken, _)| inputs.iter().all(|input| !taken.contains(input)));
            match free {
                Some((taken, wave)) => {
                    taken.extend(inputs);
                    wave.push((number, op));
                }
                None => waves.push((inputs.into_iter().collect(), vec![(number, op)])),
            }
        }
        waves.into_iter().map(|(_, wave)| wave).collect()
    }

    /// Whether derivatives are added to those of all groups of a slot, because some of them have been written before;
    /// the others are then zeroed first.
    pub(super) fn adds_to_all(&mut self, slot: SlotId) -> bool {
        let groups: Vec<Group> = self.groups_of(slot).collect();
        let (written, fresh): (Vec<Group>, Vec<Group>) = groups.into_iter().partition(|&group| self.adds(group));
        if !written.is_empty() {
            self.unwritten.extend(fresh);
        }
        !written.is_empty()
    }
}

/// For each op, its level.
pub(super) fn levels(plan: &Plan) -> Vec<usize> {
    let mut of_slot = vec![0; plan.slots.len()];
    let mut levels = vec![];
    for op in &plan.ops {
        let inputs = if let Op::Loss(loss) = op {
            plan.loss_factors(loss).iter().map(|factor| factor.slot).collect()
        } else {
            op.inputs()
        };
        let level = inputs.iter().map(|input| of_slot[input.0] + 1).max().unwrap_or(0);
        if let Some(out) = op.out() {
            of_slot[out.0] = level;
        }
        levels.push(level);
    }
    levels
}

/// For each slot, whether a gradient that reaches it moves anything.
pub(super) fn learns(plan: &Plan) -> Vec<bool> {
    let mut learns = vec![false; plan.slots.len()];
    for op in &plan.ops {
        let own = !op.params().is_empty() || !op.tables().is_empty();
        if let Some(out) = op.out() {
            learns[out.0] = own || op.inputs().iter().any(|input| learns[input.0]);
        }
    }
    learns
}

/// The words of a place.
pub(super) fn words(place: Place) -> [u32; 3] {
    [place.at, place.stride, place.width]
}

/// Joins arrays of words.
pub(super) fn joined<const WORDS: usize>(parts: &[&[u32]]) -> [u32; WORDS] {
    parts.concat().try_into().expect("the parts are as long as a job")
}

pub(super) fn most_columns(places: impl IntoIterator<Item = Place>) -> u32 {
    places.into_iter().map(|place| place.width).max().unwrap_or(0)
}
