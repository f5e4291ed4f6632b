//! Which objectives' losses depend on which parameters, block by block: each op passes an objective's reach from the
//! groups of its output to those of its inputs that they are made of.

use std::collections::BTreeSet;

use crate::op::{Gate, Loss, Mix, MixWeights, Op, SlotId};
use crate::param::{ParamId, TableId};
use crate::plan::Plan;

/// A group of a slot.
type Place = (SlotId, usize);

/// Fills in `reached_by` of every table, parameter and block.
pub(crate) fn trace_reach(plan: &mut Plan) {
    let losses: Vec<Loss> =
        plan.ops.iter().filter_map(|op| if let Op::Loss(l) = op { Some(l.clone()) } else { None }).collect();
    for loss in losses {
        let mut live: BTreeSet<Place> = plan.loss_factors(&loss).iter().map(|f| (f.slot, f.group)).collect();
        for op in plan.ops.clone().iter().rev() {
            let Some(out) = op.out() else { continue };
            let groups: Vec<usize> = (0..plan.slot(out).groups).filter(|&group| live.contains(&(out, group))).collect();
            if groups.is_empty() {
                continue;
            }
            live.extend(sources(plan, op, &groups));
            mark(plan, op, &groups, loss.objective);
        }
    }
}

/// The places that the groups `groups` of an op's output are made of.
fn sources(plan: &Plan, op: &Op, groups: &[usize]) -> Vec<Place> {
    let each = |slot: SlotId| groups.iter().map(move |&group| (slot, group));
    match op {
        Op::Embed(_) | Op::Loss(_) => vec![],
        Op::Predict(op) => op.link.factors().iter().map(|factor| (factor.slot, factor.group)).collect(),
        Op::Linear(op) => groups.iter().map(|&group| (op.input, op.reads[group])).collect(),
        Op::Gate(op) => groups.iter().map(|&group| (op.input, op.reads[group])).collect(),
        Op::Norm(op) => each(op.input).collect(),
        Op::Add(op) => op.inputs.iter().flat_map(|&input| each(input)).collect(),
        Op::Concat(op) => op.inputs.iter().flat_map(|&input| each(input)).collect(),
        Op::Mix(op) => {
            let experts = plan.slot(op.input).groups;
            let used = |&expert: &usize| groups.iter().any(|&out| may_use(plan, op, out, expert));
            let inputs = (0..experts).filter(used).map(|expert| (op.input, expert));
            match op.weights {
                MixWeights::Slot(gate) => inputs.chain(each(gate)).collect(),
                MixWeights::Fixed(_) | MixWeights::Param(_) => inputs.collect(),
            }
        }
    }
}

/// Whether output `out` of a mix may have a part of `expert`.
fn may_use(plan: &Plan, mix: &Mix, out: usize, expert: usize) -> bool {
    let experts = plan.slot(mix.input).groups;
    match &mix.weights {
        MixWeights::Fixed(weights) => weights[out * experts + expert] != 0.0,
        MixWeights::Param(_) => true,
        MixWeights::Slot(slot) => {
            let gate = plan.ops.iter().find_map(|op| match op {
                Op::Gate(gate) if gate.out == *slot => Some(gate),
                _ => None,
            });
            gate.is_none_or(|Gate { mask, .. }| mask[out * experts + expert])
        }
    }
}

/// Marks the blocks of an op's parameters that belong to `groups`. Parameters with a block a group repeat them for each
/// scene; those with fewer blocks (a norm's) belong to all groups.
fn mark(plan: &mut Plan, op: &Op, groups: &[usize], objective: usize) {
    let all = op.out().map_or(1, |out| plan.slot(out).groups);
    for ParamId(p) in op.params() {
        let param = &mut plan.params[p];
        note(&mut param.reached_by, objective);
        let by_group = matches!(op, Op::Linear(_) | Op::Gate(_) | Op::Mix(_));
        for (b, block) in param.blocks.iter_mut().enumerate() {
            if !by_group || groups.contains(&(b % all)) {
                note(&mut block.reached_by, objective);
            }
        }
    }
    for TableId(t) in op.tables() {
        note(&mut plan.tables[t].reached_by, objective);
    }
}

fn note(reached_by: &mut Vec<usize>, objective: usize) {
    if reached_by.last() != Some(&objective) {
        reached_by.push(objective);
    }
}
