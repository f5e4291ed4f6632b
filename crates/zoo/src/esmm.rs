//! Entire space multi-task model: conversion given click is trained through the click-and-conversion product, on
//! every impression, instead of on clicked rows alone.
//!
//! ```text
//!     click          ctcvr         conversion
//!       |              |               :           a prediction without a loss of its own
//!     σ(a) -------> σ(a)·σ(b) <----- σ(b)          p(y=1, z=1 | x) = p(y=1 | x) · p(z=1 | y=1, x)     eq. 1
//!       |                              |
//!    tower a                        tower b        L = Σ ℓ(y, σ(a)) + Σ ℓ(y & z, σ(a)·σ(b))           eq. 3
//!        \                           /
//!         +---------inputs----------+              only the embedding is shared
//! ```
//!
//! X. Ma et al., Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click Conversion Rate,
//! SIGIR 2018. Dividing the two estimates (eq. 2) is what the product avoids. A chain may be longer: click, cart,
//! purchase. Tasks outside every chain have an ordinary tower with its own loss.

use mmtl_plan::{Factor, Knob, Plan, PlanBuilder, PlanError, Schema, Settings, Space, Task, TaskKind, WeightKind};

use crate::architecture::{Architecture, Protocol};
use crate::hidden::Branches;
use crate::inputs::inputs;
use crate::knobs::widths;
use crate::model::Model;
use crate::towers::{heads, names};

pub(crate) struct Esmm;

impl Architecture for Esmm {
    fn name(&self) -> &'static str {
        "esmm"
    }

    fn title(&self) -> &'static str {
        "Entire space multi-task model"
    }

    fn source(&self) -> &'static str {
        "X. Ma et al., Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click Conversion Rate, \
         SIGIR 2018, eq. 1-3"
    }

    fn knobs(&self) -> Vec<Knob> {
        vec![widths("tower_widths", &[128, 64, 32], "Widths of each tower's hidden layers; its logits follow.")]
    }

    fn applies(&self, schema: &Schema, _: Protocol) -> Result<(), String> {
        let all: Vec<usize> = (0..schema.tasks.len()).collect();
        if all.iter().any(|&task| chain(schema, task, &all).is_some()) {
            return Ok(());
        }
        Err(format!(
            "no task of `{}` is the product of a task and one given it (such as ctcvr = click and conversion, with \
             conversion given click)",
            schema.name
        ))
    }

    fn plan(&self, schema: &Schema, tasks: &[usize], model: &Settings, own: &Settings) -> Result<Plan, PlanError> {
        let model = Model::of(model);
        let mut builder = PlanBuilder::new(self.name(), schema);
        let inputs = inputs(&mut builder, &model)?;
        let chains: Vec<Option<Vec<usize>>> = tasks.iter().map(|&task| chain(schema, task, tasks)).collect();
        let with_tower: Vec<usize> =
            tasks.iter().zip(&chains).filter_map(|(&task, chain)| chain.is_none().then_some(task)).collect();
        let towers = Branches::broadcast(inputs, names(schema, &with_tower)).through(
            "tower",
            &own.sizes("tower_widths"),
            WeightKind::Shared,
            &mut builder,
            &model,
        )?;
        let logits = heads("head", &towers, &with_tower, WeightKind::Shared, &mut builder)?;
        for (task, chain) in tasks.iter().zip(&chains) {
            let factors = chain.clone().unwrap_or_else(|| vec![*task]);
            let prediction = builder.predict(*task, &of_tasks(&factors, &with_tower, &logits))?;
            let is_conditional = chains.iter().flatten().any(|chain| chain[1..].contains(task));
            if !is_conditional {
                builder.loss(prediction, model.reduction)?;
            }
        }
        builder.finish()
    }
}

/// The logits of `wanted`, each of which is among `tasks`.
fn of_tasks(wanted: &[usize], tasks: &[usize], logits: &[Factor]) -> Vec<Factor> {
    let logit = |task: &usize| tasks.iter().zip(logits).find(|(with_tower, _)| *with_tower == task);
    wanted.iter().filter_map(logit).map(|(_, logit)| *logit).collect()
}

/// The factors of `task` when it is a product `y₁ ∧ y₂ ∧ …`, in whatever order it is written, of plain binary tasks among
/// `tasks` of which each is given the one before, so that the chain rule of eq. 1 holds on the space of `y₁`.
fn chain(schema: &Schema, task: usize, tasks: &[usize]) -> Option<Vec<usize>> {
    let product = &schema.tasks[task];
    let factors: Vec<usize> = product.product_of.iter().map(|name| schema.task(name)).collect::<Option<_>>()?;
    let is_plain = |factor: &usize| {
        let Task { kind, product_of, .. } = &schema.tasks[*factor];
        *kind == TaskKind::Binary && product_of.is_empty() && tasks.contains(factor)
    };
    let holds = factors.len() >= 2 && product.kind == TaskKind::Binary && factors.iter().all(is_plain);
    if holds { in_order(schema, product.space.clone(), factors) } else { None }
}

/// The tasks from the one on whose space is `space`, each given the one before.
fn in_order(schema: &Schema, mut space: Space, mut tasks: Vec<usize>) -> Option<Vec<usize>> {
    let mut chain = vec![];
    while !tasks.is_empty() {
        let next = tasks.remove(tasks.iter().position(|&task| schema.tasks[task].space == space)?);
        space = Space::Given(schema.tasks[next].name.clone());
        chain.push(next);
    }
    Some(chain)
}
