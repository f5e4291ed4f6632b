//! A plan with every op, and sessions of it.

use std::sync::Arc;

use mmtl_cpu::CpuEngine;
use mmtl_plan::{
    Activation, Batch, Decay, Engine, Factor, FieldKind, Group, Init, LinearSpec, Optimiser, Plan, PlanBuilder,
    PlanError, Pool, Reduction, Schema, Session, SessionOptions, SlotId, TableId, TableUpdates, Update, WeightKind,
};
use mmtl_reference::drawn::{self, Rows, SchemaSize};

/// Three scenes, 40 items, 80 users, tags, numbers, tasks of every kind.
pub fn schema() -> Schema {
    drawn::schema(SchemaSize { items: 40, ..SchemaSize::default() })
}

/// Every op: bags, norms of all kinds one after another, dropout on shared, per-scene and STAR layers, gate, mixes,
/// sum, concatenation, and losses of every kind.
pub fn every_op() -> Arc<Plan> {
    Arc::new(build(&schema(), ["a", "b", "c"].map(str::to_owned).to_vec(), 19).expect("the plan is valid"))
}

/// The same with rows so wide that they are set apart: of experts, gates, their concatenation and classes.
pub fn every_op_wide() -> Arc<Plan> {
    let schema = drawn::schema(SchemaSize { items: 40, classes: 128, ..SchemaSize::default() });
    let experts = (0..64).map(|expert| format!("expert {expert}")).collect();
    Arc::new(build(&schema, experts, 32).expect("the plan is valid"))
}

fn build(schema: &Schema, names: Vec<String>, width: usize) -> Result<Plan, PlanError> {
    let mut builder = PlanBuilder::new("every op", schema);
    let init = Init::Normal { deviation: 0.3 };
    let tables: Vec<TableId> = (0..schema.vocabularies.len())
        .map(|v| builder.table(&schema.vocabularies[v].name, v, 5, init))
        .collect::<Result<_, _>>()?;
    let fields: Vec<usize> = (0..schema.fields.len()).filter(|&field| field != schema.scene_field).collect();
    let x = builder.embed("embed", &fields, Pool::Mean, |v| tables[v])?;
    let x = builder.batch_norm("batch norm", x, 1e-5, 0.1)?;
    let number = names.len();
    let deeper: Vec<Group> = names.iter().cloned().enumerate().map(|(reads, name)| Group { name, reads }).collect();
    let experts = Group::broadcast(names);
    let layer =
        |builder: &mut PlanBuilder, name: &str, input, groups, activation, weights| -> Result<SlotId, PlanError> {
            builder.linear(name, &LinearSpec { input, groups, width, activation, dropout: 0.25, weights, bias: true })
        };
    let shared = layer(&mut builder, "shared", x, experts.clone(), Activation::Relu, WeightKind::Shared)?;
    let own = layer(&mut builder, "own", x, experts.clone(), Activation::Tanh, WeightKind::PerScene)?;
    // Experts of three layers, each with weights of another kind.
    let plain = LinearSpec {
        input: own,
        groups: deeper.clone(),
        width,
        activation: Activation::Relu,
        dropout: 0.0,
        weights: WeightKind::Shared,
        bias: true,
    };
    let own = builder.linear("deeper", &plain)?;
    let own = layer(&mut builder, "deepest", own, deeper, Activation::Identity, WeightKind::Star)?;
    let star = layer(&mut builder, "star", x, experts, Activation::Sigmoid, WeightKind::Star)?;
    let sum = builder.add("sum", &[shared, own, star])?;
    let sum = builder.scene_norm("scene norm", sum, 1e-5, 0.1)?;
    let sum = builder.layer_norm("layer norm", sum, 1e-5)?;
    let gate = builder.gate("gate", x, &Group::broadcast(["left", "right"]), number, vec![true; 2 * number], 0.7)?;
    let mixed = builder.mix("mix", sum, gate)?;
    let even = builder.mix_fixed(
        "even",
        sum,
        [0.25, 0.5, 0.25, 1.0, 0.0, -1.0].into_iter().cycle().take(2 * number).collect(),
    )?;
    let both = builder.concat("both", &[mixed, even])?;
    let logits = |builder: &mut PlanBuilder, name: &str, input, width| {
        let groups = vec![Group { name: name.to_owned(), reads: 0 }];
        let (activation, weights) = (Activation::Identity, WeightKind::Shared);
        builder.linear(name, &LinearSpec { input, groups, width, activation, dropout: 0.0, weights, bias: true })
    };
    let mut factors = vec![];
    for (task, spec) in schema.tasks.iter().enumerate() {
        let factor = Factor { slot: logits(&mut builder, &spec.name, both, spec.kind.width())?, group: 0 };
        factors.push(factor);
        let product = [factors[0], factor];
        let of = if spec.product_of.is_empty() { &product[1..] } else { &product[..] };
        let predict = builder.predict(task, of)?;
        builder.loss(predict, if task % 2 == 0 { Reduction::Own } else { Reduction::Batch })?;
    }
    builder.finish()
}

/// A batch of `rows` rows for the plan's schema.
pub fn batch(plan: &Plan, rows: usize, seed: u64) -> Batch {
    drawn::batch(&plan.schema, &Rows::count(rows), seed)
}

/// A session with drawn weights.
pub fn session(engine: &dyn Engine, plan: &Arc<Plan>, tables: TableUpdates) -> Box<dyn Session> {
    let options = SessionOptions { max_rows: 300, initialisation: 1, dropout: 2, tables };
    let mut session = engine.session(Arc::clone(plan), options).expect("there is memory");
    session.restore(&drawn::weights(plan, 5)).expect("the weights are the plan's");
    session
}

/// An engine.
pub fn engine(threads: usize) -> CpuEngine {
    CpuEngine::new(threads).expect("threads start")
}

/// Weights of the plan's objectives.
pub fn objective_weights(plan: &Plan) -> Vec<f32> {
    (0..plan.objectives.len()).map(|k| 1.0 / (k + 1) as f32).collect()
}

/// A step of Adam.
pub fn adam(step: u64) -> Update {
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    Update { optimiser, lr: 0.01, step, clip: Some(0.5), decay: Decay { dense: 0.01, tables: 0.01 } }
}

#[test]
fn the_schema_has_fields_of_every_kind() {
    let kinds = schema().fields.into_iter().map(|field| field.kind);
    let kinds: Vec<&str> = kinds
        .map(|kind| match kind {
            FieldKind::Categorical { .. } => "categorical",
            FieldKind::Tokens { .. } => "tokens",
            FieldKind::Numeric => "numeric",
        })
        .collect();
    assert!(["categorical", "tokens", "numeric"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}
