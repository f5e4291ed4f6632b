//! Plans that are next to nothing but one op, for time spent op by op.

use mmtl_plan::{
    Activation, Factor, Group, Init, LinearSpec, Plan, PlanBuilder, PlanError, Pool, SlotId, TableId, WeightKind,
};

use crate::world::World;

/// Rows of a batch.
pub const OP_ROWS: usize = 4096;

/// Where the ops work: tables that stay in the second-level cache, so that looking up costs little.
pub const OP_WORLD: World = World { fields: 16, ids: 1000, tasks: 1, scenes: 5 };

/// Width of an embedding: the ops see 16 × 16 = 256 columns.
const DIM: usize = 16;
const EXPERTS: usize = 8;
const EXPERT_WIDTH: usize = 64;
const EPS: f32 = 1e-5;
const MOMENTUM: f32 = 0.1;

/// An op between embedded fields and a head: what it costs is its step less that of `embed`.
pub struct SingleOp {
    /// Name.
    pub name: &'static str,
    /// From the inputs to what the head reads.
    body: fn(&mut PlanBuilder, SlotId) -> Result<SlotId, PlanError>,
}

/// All of them; `embed` has only what the others have too: look-up, head, prediction and loss.
pub const SINGLE_OPS: [SingleOp; 11] = [
    SingleOp { name: "embed", body: |_, inputs| Ok(inputs) },
    SingleOp { name: "linear", body: |builder, inputs| linear(builder, inputs, 1, 256, WeightKind::Shared) },
    SingleOp {
        name: "linear-8-groups",
        body: |builder, inputs| linear(builder, inputs, EXPERTS, EXPERT_WIDTH, WeightKind::Shared),
    },
    SingleOp {
        name: "linear-per-scene",
        body: |builder, inputs| linear(builder, inputs, 1, 256, WeightKind::PerScene),
    },
    SingleOp { name: "linear-star", body: |builder, inputs| linear(builder, inputs, 1, 256, WeightKind::Star) },
    SingleOp { name: "norm-layer", body: |builder, inputs| builder.layer_norm("op", inputs, EPS) },
    SingleOp { name: "norm-batch", body: |builder, inputs| builder.batch_norm("op", inputs, EPS, MOMENTUM) },
    SingleOp { name: "norm-scene", body: |builder, inputs| builder.scene_norm("op", inputs, EPS, MOMENTUM) },
    SingleOp { name: "linear-8-groups-gate-mix", body: gated },
    SingleOp { name: "add", body: |builder, inputs| builder.add("op", &[inputs, inputs]) },
    SingleOp { name: "concat", body: |builder, inputs| builder.concat("op", &[inputs, inputs]) },
];

impl SingleOp {
    /// Its plan on [`OP_WORLD`].
    ///
    /// # Errors
    /// When the shapes above do not fit each other.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        let mut builder = PlanBuilder::new(self.name, &OP_WORLD.schema());
        let tables = (0..OP_WORLD.fields)
            .map(|field| builder.table(&format!("table {field}"), field, DIM, Init::Normal { deviation: 0.01 }))
            .collect::<Result<Vec<TableId>, _>>()?;
        let fields: Vec<usize> = (0..OP_WORLD.fields).collect();
        let inputs = builder.embed("embed", &fields, Pool::Sum, |vocabulary| tables[vocabulary])?;
        let body = (self.body)(&mut builder, inputs)?;
        let (groups, _) = builder.shape(body);
        // One logit of every group, so that all of the op has a gradient.
        let names: Vec<String> = (0..groups).map(|group| group.to_string()).collect();
        let spec = LinearSpec {
            input: body,
            groups: Group::each(names),
            width: 1,
            activation: Activation::Identity,
            dropout: 0.0,
            weights: WeightKind::Shared,
            bias: true,
        };
        let logits = builder.linear("head", &spec)?;
        let factors: Vec<Factor> = (0..groups).map(|group| Factor { slot: logits, group }).collect();
        let prediction = builder.predict(0, &factors)?;
        builder.loss(prediction, mmtl_plan::Reduction::Own)?;
        builder.finish()
    }
}

fn linear(
    builder: &mut PlanBuilder,
    input: SlotId,
    groups: usize,
    width: usize,
    weights: WeightKind,
) -> Result<SlotId, PlanError> {
    let groups = Group::broadcast((0..groups).map(|group| group.to_string()));
    let activation = Activation::Relu;
    builder.linear("op", &LinearSpec { input, groups, width, activation, dropout: 0.0, weights, bias: true })
}

/// Two gates over the experts, which come with them: nothing else has groups to mix.
fn gated(builder: &mut PlanBuilder, inputs: SlotId) -> Result<SlotId, PlanError> {
    let experts = linear(builder, inputs, EXPERTS, EXPERT_WIDTH, WeightKind::Shared)?;
    let mask = vec![true; 2 * EXPERTS];
    let gate = builder.gate("gate", inputs, &Group::broadcast(["a", "b"]), EXPERTS, mask, 1.0)?;
    builder.mix("mix", experts, gate)
}
