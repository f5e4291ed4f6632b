//! Progressive layered extraction: levels of task and shared experts, each level gated by the outputs of the one below.
//!
//! ```text
//!          click                                  rating
//!            |                                      |
//!         tower A                                tower B         yᵏ(x) = tᵏ(gᵏ'ᴺ(x))
//!            |                                      |
//!         gate A                                 gate B          last level: no shared gate
//!          /    \                                /    \
//!   A's experts  +-------shared experts---------+  B's experts   each reads its own component's output
//!         |                     |                       |
//!         |    A                | shared                |   B
//!         |                     |                       |
//!      gate A              shared gate               gate B      gᵏ'ʲ(x) = wᵏ'ʲ(gᵏ'ʲ⁻¹(x))·Sᵏ'ʲ(x)
//!       /    \            /     |     \              /    \
//!   A's experts  +-------shared experts---------+  B's experts   the shared gate weighs every expert of its level
//!          \                    |                     /
//!           +----------------inputs------------------+           g⁰(x) = x: every field, embedded
//! ```
//!
//! H. Tang et al., Progressive Layered Extraction (PLE): A Novel Multi-Task Learning Model for Personalized
//! Recommendations, RecSys 2020, eq. 1-7. With one level it is [`crate::cgc`].

use mmtl_plan::{Group, Knob, Plan, PlanBuilder, PlanError, Schema, Settings};

use crate::architecture::Architecture;
use crate::hidden::{Branches, experts};
use crate::inputs::inputs;
use crate::knobs::widths;
use crate::model::Model;
use crate::towers::{names, towers};

pub(crate) struct Ple;

impl Architecture for Ple {
    fn name(&self) -> &'static str {
        "ple"
    }

    fn title(&self) -> &'static str {
        "Progressive layered extraction"
    }

    fn source(&self) -> &'static str {
        "H. Tang et al., Progressive Layered Extraction (PLE): A Novel Multi-Task Learning Model for Personalized \
         Recommendations, RecSys 2020, eq. 1-7"
    }

    fn knobs(&self) -> Vec<Knob> {
        let mut knobs = vec![Knob::whole("levels", 1, 16, 2, "Number of extraction levels.")];
        knobs.extend(extraction_knobs());
        knobs
    }

    fn plan(&self, schema: &Schema, tasks: &[usize], model: &Settings, own: &Settings) -> Result<Plan, PlanError> {
        extraction_net(self.name(), own.size("levels"), schema, tasks, model, own)
    }
}

pub(crate) fn extraction_knobs() -> Vec<Knob> {
    vec![
        Knob::whole("task_experts", 1, 256, 4, "Number of experts of each task's own, at each level."),
        Knob::whole("shared_experts", 1, 256, 4, "Number of experts that all tasks share, at each level."),
        widths("expert_widths", &[64], "Widths of each expert's layers, at each level; at least one."),
        widths("tower_widths", &[32], "Widths of each task's hidden layers; its logits follow."),
    ]
}

/// `levels` levels of extraction, and the towers.
pub(crate) fn extraction_net(
    name: &str,
    levels: usize,
    schema: &Schema,
    tasks: &[usize],
    model: &Settings,
    own: &Settings,
) -> Result<Plan, PlanError> {
    let model = Model::of(model);
    let mut builder = PlanBuilder::new(name, schema);
    let inputs = inputs(&mut builder, &model)?;
    let names = names(schema, tasks);
    let shared = names.len();
    let each_task = (0..shared).flat_map(|task| vec![task; own.size("task_experts")]);
    let owners: Vec<usize> = each_task.chain(vec![shared; own.size("shared_experts")]).collect();
    let widths = own.sizes("expert_widths");
    // No task's name can make a component's collide with `shared`.
    let components = names.iter().map(|task| format!("task/{task}")).chain(["shared".to_owned()]);
    let mut below = Branches::broadcast(inputs, components);
    for number in 0..levels {
        let level = Level { number, is_last: number + 1 == levels, shared, owners: &owners, widths: &widths };
        below = level.extract(&below, &mut builder, &model)?;
    }
    towers(Branches::each(below.slot, names), tasks, &own.sizes("tower_widths"), &mut builder, &model)?;
    builder.finish()
}

/// One level. Its components are the tasks, in order, and then what all share.
struct Level<'a> {
    number: usize,
    is_last: bool,
    /// Position of the shared component: the number of tasks.
    shared: usize,
    /// The component that owns each expert.
    owners: &'a [usize],
    widths: &'a [usize],
}

impl Level<'_> {
    /// The outputs of the components that have a gate at this level: all, but for the shared one at the last.
    /// `below` has a branch for each component.
    fn extract(&self, below: &Branches, builder: &mut PlanBuilder, model: &Model) -> Result<Branches, PlanError> {
        let name = |part: &str| format!("level.{}.{part}", self.number);
        let experts = experts(&name("expert"), self.expert_branches(below), self.widths, builder, model)?;
        let gates = &below.groups[..self.shared + usize::from(!self.is_last)];
        let count = self.owners.len();
        let gate = builder.gate(&name("gate"), below.slot, gates, count, self.mask(gates.len()), 1.0)?;
        let slot = builder.mix(&name("mix"), experts, gate)?;
        Ok(Branches::each(slot, gates.iter().map(|gate| gate.name.clone())))
    }

    /// Each expert reads what its component's gate put out at the level below.
    fn expert_branches(&self, below: &Branches) -> Branches {
        let expert = |(position, &owner): (usize, &usize)| {
            let number = self.owners[..position].iter().filter(|&&before| before == owner).count();
            let Group { name, reads } = &below.groups[owner];
            Group { name: format!("{name}/{number}"), reads: *reads }
        };
        Branches { slot: below.slot, groups: self.owners.iter().enumerate().map(expert).collect() }
    }

    /// A task's gate may use its own experts and the shared ones; the shared gate all.
    fn mask(&self, gates: usize) -> Vec<bool> {
        let allows = |gate: usize, owner: usize| gate == self.shared || owner == self.shared || gate == owner;
        (0..gates).flat_map(|gate| self.owners.iter().map(move |&owner| allows(gate, owner))).collect()
    }
}
