//! All ops in one plan.

use mmtl_plan::{
    Activation, Factor, Group, Init, LinearSpec, Plan, PlanBuilder, PlanError, Pool, Reduction, Schema, SlotId,
    TableId, WeightKind,
};

/// Every op: bags, norms of all kinds one after another, dropout on shared, per-scene and STAR layers, gate, mixes, sum,
/// concatenation, and losses of every kind. The experts are called `names`, and are `width` wide.
///
/// # Errors
/// When two experts have one name.
pub fn every_op(schema: &Schema, names: Vec<String>, width: usize) -> Result<Plan, PlanError> {
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
