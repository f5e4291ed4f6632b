//! Shared-bottom: one trunk, a tower for each task.
//!
//! ```text
//!    click        rating
//!      |            |
//!   tower A      tower B        ŷₖ = hᵏ(f(x))
//!        \        /
//!         bottom                f(x)
//!           |
//!         inputs                x: every field, embedded
//! ```
//!
//! R. Caruana, Multitask Learning, Machine Learning 28 (1997); in the notation of eq. 1 of Ma et al., KDD 2018. With
//! `towers = "per-scene"` each scene has its own towers and heads: hard sharing between scenes as well as tasks, the
//! shared bottom of the multi-domain literature.

use mmtl_plan::{Knob, Plan, PlanBuilder, PlanError, Schema, Settings, WeightKind};

use crate::architecture::Architecture;
use crate::hidden::{Branches, bottom};
use crate::inputs::inputs;
use crate::knobs::widths;
use crate::model::Model;
use crate::towers::{names, towers_of};

pub(crate) struct SharedBottom;

impl Architecture for SharedBottom {
    fn name(&self) -> &'static str {
        "shared-bottom"
    }

    fn title(&self) -> &'static str {
        "Shared bottom"
    }

    fn source(&self) -> &'static str {
        "R. Caruana, Multitask Learning, Machine Learning 28, 1997; eq. 1 of Ma et al., KDD 2018"
    }

    fn knobs(&self) -> Vec<Knob> {
        vec![
            widths("bottom_widths", &[128, 64], "Widths of the layers that all tasks share."),
            widths("tower_widths", &[32], "Widths of each task's hidden layers; its logits follow."),
            Knob::choice(
                "towers",
                &["shared", "per-scene"],
                "Whether all scenes share a task's tower, or each has its own.",
            ),
        ]
    }

    fn plan(&self, schema: &Schema, tasks: &[usize], model: &Settings, own: &Settings) -> Result<Plan, PlanError> {
        let towers = own.chosen("towers", &[("shared", WeightKind::Shared), ("per-scene", WeightKind::PerScene)]);
        bottom_and_towers(self.name(), towers, schema, tasks, model, own)
    }
}

/// A bottom with a tower for each of `tasks`, with weights of the kind `towers`; with one task, and the same for all
/// scenes, it is a plain multi-layer perceptron.
pub(crate) fn bottom_and_towers(
    name: &str,
    towers: WeightKind,
    schema: &Schema,
    tasks: &[usize],
    model: &Settings,
    own: &Settings,
) -> Result<Plan, PlanError> {
    let model = Model::of(model);
    let mut builder = PlanBuilder::new(name, schema);
    let inputs = inputs(&mut builder, &model)?;
    let bottom = bottom(inputs, &own.sizes("bottom_widths"), WeightKind::Shared, &mut builder, &model)?;
    let branches = Branches::broadcast(bottom, names(schema, tasks));
    towers_of(towers, branches, tasks, &own.sizes("tower_widths"), &mut builder, &model)?;
    builder.finish()
}
