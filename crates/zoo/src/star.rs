//! Star topology adaptive recommender: every layer is a shared one times (weights) and plus (biases) the scene's own.
//!
//! ```text
//!                        click  rating
//!                          |      |
//!                      s_main + s_aux                        ŷ = σ(s_main + s_aux)                  eq. 8
//!                      /             \
//!           star towers and logits    auxiliary logits       one for each task
//!                    |                     |
//!              star bottom           auxiliary net           eq. 7
//!       W ⊙ W_scene, b + b_scene           |                 star layers: eq. 5 and 6
//!                    |                     |
//!          partitioned norm                |                 γ·γ_scene, β + β_scene: eq. 3 and 4
//!                    |                     |
//!                 inputs ----------> inputs and scene        the auxiliary net always sees the scene
//!
//! Normalised among the rows of its scene, the scene would be the same number for all of them: 0 in training, and noise by
//! the running statistics. With `norm = "scene"` the star net never sees it, whatever `scene_feature` says.
//! ```
//!
//! X.-R. Sheng et al., One Model to Serve All: Star Topology Adaptive Recommender for Multi-Domain CTR Prediction,
//! CIKM 2021. The paper has one task; here all tasks share the star bottom and each has a star tower.

use mmtl_plan::{Factor, Knob, Plan, PlanBuilder, PlanError, Schema, Settings, SlotId, WeightKind};

use crate::architecture::{Architecture, Protocol};
use crate::hidden::{Branches, bottom};
use crate::inputs::Embedding;
use crate::knobs::widths;
use crate::model::Model;
use crate::towers::{heads, names, objectives};

/// Added to variances, as is usual (PyTorch's default).
const EPS: f32 = 1e-5;

pub(crate) struct Star;

#[derive(Clone, Copy, PartialEq)]
enum InputNorm {
    Scene,
    Batch,
    None,
}

const NORMS: [(&str, InputNorm); 3] =
    [("scene", InputNorm::Scene), ("batch", InputNorm::Batch), ("none", InputNorm::None)];

impl Architecture for Star {
    fn name(&self) -> &'static str {
        "star"
    }

    fn title(&self) -> &'static str {
        "Star topology adaptive recommender"
    }

    fn source(&self) -> &'static str {
        "X.-R. Sheng et al., One Model to Serve All: Star Topology Adaptive Recommender for Multi-Domain CTR \
         Prediction, CIKM 2021, eq. 3-8"
    }

    fn knobs(&self) -> Vec<Knob> {
        vec![
            widths("bottom_widths", &[128, 64], "Widths of the star layers that all tasks share."),
            widths("tower_widths", &[32], "Widths of each task's star layers; its logits follow."),
            Knob::choice(
                "norm",
                &["scene", "batch", "none"],
                "Normalisation of the inputs: by each scene's statistics, by the whole batch's, or none (ablations).",
            ),
            Knob::real("momentum", 0.0, 1.0, 0.1, "Share of a batch's statistics in the running ones."),
            Knob::flag("auxiliary", true, "Whether the auxiliary net, which sees the scene, adds its logits."),
            widths("auxiliary_widths", &[32], "Widths of the auxiliary net's hidden layers; its logits follow."),
        ]
    }

    fn applies(&self, schema: &Schema, protocol: Protocol) -> Result<(), String> {
        match (protocol, schema.scenes.len()) {
            (Protocol::PerScene, _) => {
                Err("star shares one centre between scenes, so a fit for each scene alone has nothing to share".into())
            }
            (Protocol::Joint, scenes @ 0..2) => {
                Err(format!("star needs at least 2 scenes, `{}` has {scenes}", schema.name))
            }
            (Protocol::Joint, _) => Ok(()),
        }
    }

    fn plan(&self, schema: &Schema, tasks: &[usize], model: &Settings, own: &Settings) -> Result<Plan, PlanError> {
        let model = Model::of(model);
        let mut builder = PlanBuilder::new(self.name(), schema);
        let mut embedding = Embedding::default();
        let norm = own.chosen("norm", &NORMS);
        let model = Model { scene_feature: model.scene_feature && norm != InputNorm::Scene, ..model };
        let inputs = embedding.inputs(&mut builder, &model)?;
        let names = names(schema, tasks);
        let mut logits = star_logits(inputs, norm, &names, tasks, own, &mut builder, &model)?;
        if own.bool("auxiliary") {
            let with_scene = if model.scene_feature {
                inputs
            } else {
                let scene = embedding.scene(&mut builder, &model)?;
                builder.concat("auxiliary.inputs", &[inputs, scene])?
            };
            let auxiliary = Branches::broadcast(with_scene, ["shared"]).through(
                "auxiliary",
                &own.sizes("auxiliary_widths"),
                WeightKind::Shared,
                &mut builder,
                &model,
            )?;
            let branches = Branches::broadcast(auxiliary.slot, names);
            let added = heads("auxiliary.head", &branches, tasks, WeightKind::Shared, &mut builder)?;
            logits = add_logits(&logits, &added, &mut builder)?;
        }
        objectives(tasks, &logits, &mut builder, &model)?;
        builder.finish()
    }
}

/// The star net proper: norm, bottom, towers, logits.
fn star_logits(
    inputs: SlotId,
    norm: InputNorm,
    names: &[String],
    tasks: &[usize],
    own: &Settings,
    builder: &mut PlanBuilder,
    model: &Model,
) -> Result<Vec<Factor>, PlanError> {
    let momentum = own.float("momentum") as f32;
    let normalised = match norm {
        InputNorm::Scene => builder.scene_norm("norm", inputs, EPS, momentum)?,
        InputNorm::Batch => builder.batch_norm("norm", inputs, EPS, momentum)?,
        InputNorm::None => inputs,
    };
    let bottom = bottom(normalised, &own.sizes("bottom_widths"), WeightKind::Star, builder, model)?;
    let widths = own.sizes("tower_widths");
    let towers = Branches::broadcast(bottom, names).through("tower", &widths, WeightKind::Star, builder, model)?;
    heads("head", &towers, tasks, WeightKind::Star, builder)
}

/// Sums of two nets' logits for the same tasks, which lie in slots of the same shapes.
fn add_logits(main: &[Factor], added: &[Factor], builder: &mut PlanBuilder) -> Result<Vec<Factor>, PlanError> {
    let mut sums: Vec<(SlotId, SlotId)> = vec![];
    for (main, added) in main.iter().zip(added) {
        if !sums.iter().any(|(summed, _)| *summed == main.slot) {
            let (_, width) = builder.shape(main.slot);
            sums.push((main.slot, builder.add(&format!("logits.{width}"), &[main.slot, added.slot])?));
        }
    }
    let sum_of = |logit: &Factor| sums.iter().find(|(summed, _)| *summed == logit.slot).map(|(_, sum)| *sum);
    Ok(main.iter().filter_map(|logit| Some(Factor { slot: sum_of(logit)?, group: logit.group })).collect())
}
