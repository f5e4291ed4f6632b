//! What stands above the shared part of a net: task towers, heads, predictions and losses.

use std::collections::BTreeMap;

use mmtl_plan::{Activation, Factor, Group, LinearSpec, PlanBuilder, PlanError, Schema, Task, WeightKind};

use crate::architecture::FitTasks;
use crate::hidden::Branches;
use crate::model::Model;

/// The names of `tasks`, which key their towers' and gates' random numbers.
pub(crate) fn names(schema: &Schema, tasks: &[usize]) -> Vec<String> {
    tasks.iter().map(|&task| schema.tasks[task].name.clone()).collect()
}

/// A fit for each task.
pub(crate) fn each_task_alone(schema: &Schema) -> Vec<FitTasks> {
    let fit = |(index, task): (usize, &Task)| FitTasks { name: task.name.clone(), tasks: vec![index] };
    schema.tasks.iter().enumerate().map(fit).collect()
}

/// A tower for each of `tasks`, its head, its prediction and its loss. `input` has a branch for each of them.
pub(crate) fn towers(
    input: Branches,
    tasks: &[usize],
    widths: &[usize],
    builder: &mut PlanBuilder,
    model: &Model,
) -> Result<(), PlanError> {
    towers_of(WeightKind::Shared, input, tasks, widths, builder, model)
}

/// [`towers`] whose weights, the heads' included, are of this kind.
pub(crate) fn towers_of(
    weights: WeightKind,
    input: Branches,
    tasks: &[usize],
    widths: &[usize],
    builder: &mut PlanBuilder,
    model: &Model,
) -> Result<(), PlanError> {
    let towers = input.through("tower", widths, weights, builder, model)?;
    let logits = heads("head", &towers, tasks, weights, builder)?;
    objectives(tasks, &logits, builder, model)
}

/// The logits of each of `tasks`: a linear map of its branch, without activation. A linear layer's groups have one
/// width, so tasks of one width (all but multi-class ones: 1) share an op, called `NAME.WIDTH`.
pub(crate) fn heads(
    name: &str,
    input: &Branches,
    tasks: &[usize],
    weights: WeightKind,
    builder: &mut PlanBuilder,
) -> Result<Vec<Factor>, PlanError> {
    let mut by_width: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (position, &task) in tasks.iter().enumerate() {
        by_width.entry(builder.schema().tasks[task].kind.width()).or_default().push(position);
    }
    let mut logits = BTreeMap::new();
    for (width, positions) in by_width {
        let groups: Vec<Group> = positions.iter().map(|&position| input.groups[position].clone()).collect();
        let spec = LinearSpec {
            input: input.slot,
            groups,
            width,
            activation: Activation::Identity,
            dropout: 0.0,
            weights,
            bias: true,
        };
        let slot = builder.linear(&format!("{name}.{width}"), &spec)?;
        logits.extend(positions.into_iter().enumerate().map(|(group, position)| (position, Factor { slot, group })));
    }
    Ok(logits.into_values().collect())
}

/// Each of `tasks` predicted from its own logits and held to its own labels.
pub(crate) fn objectives(
    tasks: &[usize],
    logits: &[Factor],
    builder: &mut PlanBuilder,
    model: &Model,
) -> Result<(), PlanError> {
    for (&task, logit) in tasks.iter().zip(logits) {
        let prediction = builder.predict(task, &[*logit])?;
        builder.loss(prediction, model.reduction)?;
    }
    Ok(())
}
