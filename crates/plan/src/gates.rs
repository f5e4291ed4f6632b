//! The gates of a plan, and what people call them and the experts that they weigh.

use crate::op::{Gate, LinearWeights, Mix, MixWeights, Op, SlotId};
use crate::param::{ParamId, ParamSpec};
use crate::plan::Plan;

impl Plan {
    /// The gate ops, in order.
    pub fn gates(&self) -> impl Iterator<Item = &Gate> {
        self.ops.iter().filter_map(|op| if let Op::Gate(gate) = op { Some(gate) } else { None })
    }

    /// What the experts that a gate weighs are called: as the groups that it mixes.
    pub fn expert_names(&self, gate: &Gate) -> Vec<String> {
        let mixed = self.ops.iter().find_map(|op| match op {
            Op::Mix(Mix { input, weights: MixWeights::Slot(slot), .. }) if *slot == gate.out => Some(*input),
            _ => None,
        });
        mixed.map_or_else(|| numbers(self.slot(gate.out).width), |experts| self.group_names(experts))
    }

    /// What the groups of a slot are called: by the op that made them, or else by their numbers.
    pub fn group_names(&self, slot: SlotId) -> Vec<String> {
        let groups = self.slot(slot).groups;
        match self.ops.iter().find(|op| op.out() == Some(slot)) {
            Some(Op::Gate(gate)) => self.named_by(gate.w, groups),
            Some(Op::Linear(linear)) => match linear.weights {
                LinearWeights::Shared { w, .. } | LinearWeights::Star { w, .. } => self.named_by(w, groups),
                // Its blocks are named after scenes first.
                LinearWeights::PerScene { .. } => numbers(groups),
            },
            Some(Op::Norm(norm)) => self.group_names(norm.input),
            Some(Op::Embed(_) | Op::Mix(_) | Op::Add(_) | Op::Concat(_) | Op::Predict(_) | Op::Loss(_)) | None => {
                numbers(groups)
            }
        }
    }

    /// The names of a parameter's blocks without the parameter's own, if it has one for each group.
    fn named_by(&self, param: ParamId, groups: usize) -> Vec<String> {
        let ParamSpec { name, blocks, .. } = self.param(param);
        let own = |block: &str| block.strip_prefix(name.as_str())?.strip_prefix('/').map(str::to_owned);
        let names: Option<Vec<String>> = blocks.iter().map(|block| own(&block.name)).collect();
        names.filter(|names| names.len() == groups).unwrap_or_else(|| numbers(groups))
    }
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}
