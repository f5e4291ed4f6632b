//! What a plan costs, counted from its shapes alone.

use crate::op::Op;
use crate::plan::Plan;

/// Sizes and operation counts of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Dense parameters. Padding is not counted, nor are the columns of a gate that its mask forbids: nothing reads
    /// them.
    pub dense_parameters: usize,
    /// Parameters in embedding tables.
    pub table_parameters: usize,
    /// Floating-point operations of one row's forward pass: a multiplication and an addition count 2. Matrix
    /// products, gates and mixes are counted; element-wise work is not. A row passes through its own scene's
    /// matrices only.
    pub forward_flops_per_row: usize,
}

impl Cost {
    /// Floating-point operations of one row's training step: forward, and two products of the same size backward.
    pub fn training_flops_per_row(&self) -> usize {
        3 * self.forward_flops_per_row
    }
}

impl Plan {
    /// What the plan costs.
    pub fn cost(&self) -> Cost {
        Cost {
            dense_parameters: self.params.iter().map(crate::ParamSpec::len).sum::<usize>() - self.forbidden(),
            table_parameters: self.tables.iter().map(|t| t.rows * t.dim).sum(),
            forward_flops_per_row: self.ops.iter().map(|op| self.flops_per_row(op)).sum(),
        }
    }

    fn forbidden(&self) -> usize {
        let of_gate = |op: &Op| match op {
            Op::Gate(op) => self.slot(op.input).width * op.mask.iter().filter(|allowed| !**allowed).count(),
            Op::Embed(_)
            | Op::Linear(_)
            | Op::Norm(_)
            | Op::Mix(_)
            | Op::Add(_)
            | Op::Concat(_)
            | Op::Predict(_)
            | Op::Loss(_) => 0,
        };
        self.ops.iter().map(of_gate).sum()
    }

    fn flops_per_row(&self, op: &Op) -> usize {
        match op {
            Op::Linear(op) => 2 * op.reads.len() * self.slot(op.input).width * self.slot(op.out).width,
            Op::Gate(op) => 2 * op.reads.len() * self.slot(op.input).width * self.slot(op.out).width,
            Op::Mix(op) => {
                let (input, out) = (self.slot(op.input), self.slot(op.out));
                2 * out.groups * input.groups * input.width
            }
            Op::Embed(_) | Op::Norm(_) | Op::Add(_) | Op::Concat(_) | Op::Predict(_) | Op::Loss(_) => 0,
        }
    }
}
