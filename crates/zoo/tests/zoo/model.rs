//! The knobs of every model say what they mean.

use mmtl_plan::{Activation, Init, Op, Plan, Pool, Reduction, Source, Value};

use crate::schemas::{int, nets, plan_with, shop, text};

/// Asserts that `seen` finds something in the plan of every net, and only `expected`.
fn hold<T: PartialEq + std::fmt::Debug>(knob: &str, value: &Value, expected: &T, seen: impl Fn(&Plan) -> Vec<T>) {
    for a in nets() {
        let found = seen(&plan_with(&shop(), a, &[(knob, value.clone())], &[]));
        assert!(!found.is_empty() && found.iter().all(|x| x == expected), "{}, {knob} {value}: {found:?}", a.name());
    }
}

fn pools(plan: &Plan) -> Vec<Pool> {
    let embeds = plan.ops.iter().filter_map(|op| if let Op::Embed(embed) = op { Some(embed) } else { None });
    let sources = embeds.flat_map(|embed| embed.columns.iter().map(|column| column.source));
    sources.filter_map(|source| if let Source::Table { pool, .. } = source { Some(pool) } else { None }).collect()
}

fn reductions(plan: &Plan) -> Vec<Reduction> {
    plan.ops.iter().filter_map(|op| if let Op::Loss(loss) = op { Some(loss.reduction) } else { None }).collect()
}

/// Activation and dropout rate of every hidden layer, which heads are not.
fn hidden(plan: &Plan) -> Vec<(Activation, Option<f32>)> {
    let layers = plan.ops.iter().filter_map(|op| if let Op::Linear(linear) = op { Some(linear) } else { None });
    let of_layer =
        |linear: &mmtl_plan::Linear| (linear.activation, linear.dropout.as_ref().map(|dropout| dropout.rate));
    layers.filter(|linear| !linear.name.contains("head")).map(of_layer).collect()
}

#[test]
fn words_are_what_they_say() {
    hold("pool", &text("mean"), &Pool::Mean, pools);
    hold("pool", &text("sum"), &Pool::Sum, pools);
    hold("reduction", &text("own"), &Reduction::Own, reductions);
    hold("reduction", &text("batch"), &Reduction::Batch, reductions);
    let activations = [("relu", Activation::Relu), ("tanh", Activation::Tanh), ("sigmoid", Activation::Sigmoid)];
    for (word, activation) in activations {
        hold("activation", &text(word), &(activation, None), hidden);
    }
}

#[test]
fn numbers_are_taken_as_they_are() {
    hold("dropout", &Value::Float(0.25), &(Activation::Relu, Some(0.25)), hidden);
    hold("embedding_dim", &int(5), &5, |plan| plan.tables.iter().map(|table| table.dim).collect());
    let deviation = Value::Float(0.5);
    let inits = |plan: &Plan| plan.tables.iter().map(|table| table.init).collect();
    hold("embedding_deviation", &deviation, &Init::Normal { deviation: 0.5 }, inits);
}

#[test]
fn fields_that_share_a_vocabulary_share_a_table() {
    for a in nets() {
        let plan = plan_with(&shop(), a, &[("scene_feature", Value::Bool(true))], &[]);
        let names: Vec<&str> = plan.tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["embedding/item", "embedding/tag", "embedding/scene"], "{}", a.name());
    }
}
