//! Multi-layer perceptrons over named groups: a bottom, experts, towers.

use mmtl_plan::{Group, LinearSpec, PlanBuilder, PlanError, SlotId, WeightKind};

use crate::model::Model;

/// Parallel parts of a net (experts, towers), each with its name and the group of `slot` where it is or, before its
/// first layer, which it reads.
#[derive(Clone, Debug)]
pub(crate) struct Branches {
    pub slot: SlotId,
    pub groups: Vec<Group>,
}

impl Branches {
    /// Branches that all start from the one group of `slot`.
    pub fn broadcast(slot: SlotId, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { slot, groups: Group::broadcast(names) }
    }

    /// Branches that start each from the group of `slot` at their own position.
    pub fn each(slot: SlotId, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { slot, groups: Group::each(names) }
    }

    /// The same branches at the end of `widths.len()` more layers, called `NAME.0`, `NAME.1` and so on.
    pub fn through(
        mut self,
        name: &str,
        widths: &[usize],
        weights: WeightKind,
        builder: &mut PlanBuilder,
        model: &Model,
    ) -> Result<Self, PlanError> {
        for (layer, &width) in widths.iter().enumerate() {
            self = self.layer(&format!("{name}.{layer}"), width, weights, builder, model)?;
        }
        Ok(self)
    }

    /// The same branches at the end of one more layer.
    pub fn layer(
        self,
        name: &str,
        width: usize,
        weights: WeightKind,
        builder: &mut PlanBuilder,
        model: &Model,
    ) -> Result<Self, PlanError> {
        let spec = LinearSpec {
            input: self.slot,
            groups: self.groups.clone(),
            width,
            activation: model.activation,
            dropout: model.dropout,
            weights,
            bias: true,
        };
        let slot = builder.linear(name, &spec)?;
        Ok(Self::each(slot, self.groups.into_iter().map(|group| group.name)))
    }
}

/// One multi-layer perceptron that all tasks share; without a width it is `input` itself.
pub(crate) fn bottom(
    input: SlotId,
    widths: &[usize],
    weights: WeightKind,
    builder: &mut PlanBuilder,
    model: &Model,
) -> Result<SlotId, PlanError> {
    Ok(Branches::broadcast(input, ["shared"]).through("bottom", widths, weights, builder, model)?.slot)
}

/// Experts, `[rows, experts, last width]`: each needs at least one layer, for without any they would be one input.
pub(crate) fn experts(
    name: &str,
    input: Branches,
    widths: &[usize],
    builder: &mut PlanBuilder,
    model: &Model,
) -> Result<SlotId, PlanError> {
    if widths.is_empty() {
        return Err(PlanError::Shape {
            op: name.to_owned(),
            what: "number of layers in `expert_widths`".to_owned(),
            expected: "at least 1".to_owned(),
            got: "0".to_owned(),
        });
    }
    Ok(input.through(name, widths, WeightKind::Shared, builder, model)?.slot)
}
