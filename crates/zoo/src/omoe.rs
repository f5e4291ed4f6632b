//! One-gate mixture-of-experts: [`crate::mmoe`] with one gate, so that all tasks see the same mixture.
//!
//! ```text
//!      click        rating
//!        |            |
//!     tower A      tower B             ŷₖ = hᵏ(f(x))
//!          \        /
//!          Σᵢ gᵢ·fᵢ                    f(x) = Σᵢ g(x)ᵢ · fᵢ(x)
//!        /     |    \
//!   gate   expert 0 .. expert n        g(x) = softmax(W_g·x)
//!        \     |    /
//!          inputs                      x: every field, embedded
//! ```
//!
//! J. Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts, KDD 2018,
//! where it is what one gate a task is compared with.

use mmtl_plan::{Knob, Plan, PlanBuilder, PlanError, Schema, Settings};

use crate::architecture::Architecture;
use crate::hidden::Branches;
use crate::inputs::inputs;
use crate::mmoe::{mixture, mixture_knobs};
use crate::model::Model;
use crate::towers::{names, towers};

pub(crate) struct Omoe;

impl Architecture for Omoe {
    fn name(&self) -> &'static str {
        "omoe"
    }

    fn title(&self) -> &'static str {
        "One-gate mixture-of-experts"
    }

    fn source(&self) -> &'static str {
        "J. Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts, \
         KDD 2018, its OMoE"
    }

    fn knobs(&self) -> Vec<Knob> {
        mixture_knobs()
    }

    fn plan(&self, schema: &Schema, tasks: &[usize], model: &Settings, own: &Settings) -> Result<Plan, PlanError> {
        let model = Model::of(model);
        let mut builder = PlanBuilder::new(self.name(), schema);
        let inputs = inputs(&mut builder, &model)?;
        let mixed = mixture(inputs, &["shared".to_owned()], own, &mut builder, &model)?;
        let branches = Branches::broadcast(mixed, names(schema, tasks));
        towers(branches, tasks, &own.sizes("tower_widths"), &mut builder, &model)?;
        builder.finish()
    }
}
