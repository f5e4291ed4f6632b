//! Multi-gate mixture-of-experts: every task weighs the same experts by a gate of its own.
//!
//! ```text
//!      click                  rating
//!        |                      |
//!     tower A                tower B          ŷₖ = hᵏ(fᵏ(x))                     eq. 5
//!        |                      |
//!     Σᵢ gᴬᵢ·fᵢ              Σᵢ gᴮᵢ·fᵢ         fᵏ(x) = Σᵢ gᵏ(x)ᵢ · fᵢ(x)           eq. 6
//!      /    \   \         /   /    \
//!  gate A   expert 0 .. expert n   gate B     gᵏ(x) = softmax(W_gᵏ·x)            eq. 7
//!      \        \         /        /
//!       +-----------inputs--------+           x: every field, embedded
//! ```
//!
//! J. Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts, KDD 2018.
//!
//! Dense parameters, with `d` inputs, `n` experts of widths `e₁ … e_L`, `K` tasks with towers of widths `t₁ … t_M`
//! and `cₖ` logits: `n·Σₗ (eₗ₋₁ + 1)·eₗ + K·d·n + K·Σₘ (tₘ₋₁ + 1)·tₘ + Σₖ (t_M + 1)·cₖ`, where `e₀ = d` and `t₀ = e_L`.
//! Uniform gates have none of the `K·d·n`.

use mmtl_plan::{Group, Knob, Plan, PlanBuilder, PlanError, Schema, Settings, SlotId};

use crate::architecture::Architecture;
use crate::hidden::{Branches, experts};
use crate::inputs::inputs;
use crate::knobs::widths;
use crate::model::Model;
use crate::towers::{names, towers};

pub(crate) struct Mmoe;

#[derive(Clone, Copy)]
enum GateKind {
    Softmax,
    Uniform,
}

impl Architecture for Mmoe {
    fn name(&self) -> &'static str {
        "mmoe"
    }

    fn title(&self) -> &'static str {
        "Multi-gate mixture-of-experts"
    }

    fn source(&self) -> &'static str {
        "J. Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts, \
         KDD 2018, eq. 5-7"
    }

    fn knobs(&self) -> Vec<Knob> {
        mixture_knobs()
    }

    fn plan(&self, schema: &Schema, tasks: &[usize], model: &Settings, own: &Settings) -> Result<Plan, PlanError> {
        let model = Model::of(model);
        let mut builder = PlanBuilder::new(self.name(), schema);
        let inputs = inputs(&mut builder, &model)?;
        let names = names(schema, tasks);
        let mixed = mixture(inputs, &names, own, &mut builder, &model)?;
        towers(Branches::each(mixed, names), tasks, &own.sizes("tower_widths"), &mut builder, &model)?;
        builder.finish()
    }
}

pub(crate) fn mixture_knobs() -> Vec<Knob> {
    vec![
        Knob::whole("experts", 1, 1024, 8, "Number of experts, which all tasks share."),
        widths("expert_widths", &[64], "Widths of each expert's layers; at least one."),
        widths("tower_widths", &[32], "Widths of each task's hidden layers; its logits follow."),
        Knob::choice(
            "gate",
            &["softmax", "uniform"],
            "Weights of the experts: learned from the inputs for each gate, or all the same (an ablation).",
        ),
        Knob::real("temperature", 0.001, 1000.0, 1.0, "Divides the gates' logits; above 1 the weights are more even."),
    ]
}

/// Experts, and each gate's weighted sum of them, `[rows, gates, width]`.
pub(crate) fn mixture(
    inputs: SlotId,
    gates: &[String],
    own: &Settings,
    builder: &mut PlanBuilder,
    model: &Model,
) -> Result<SlotId, PlanError> {
    let count = own.size("experts");
    let branches = Branches::broadcast(inputs, (0..count).map(|expert| expert.to_string()));
    let experts = experts("expert", branches, &own.sizes("expert_widths"), builder, model)?;
    match own.chosen("gate", &[("softmax", GateKind::Softmax), ("uniform", GateKind::Uniform)]) {
        GateKind::Softmax => {
            let temperature = own.float("temperature") as f32;
            let mask = vec![true; gates.len() * count];
            let gate = builder.gate("gate", inputs, &Group::broadcast(gates), count, mask, temperature)?;
            builder.mix("mix", experts, gate)
        }
        GateKind::Uniform => builder.mix_fixed("mix", experts, vec![1.0 / count as f32; gates.len() * count]),
    }
}
