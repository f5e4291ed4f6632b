//! A small world for unit tests.

use mmtl_plan::{
    Activation, Factor, Field, FieldKind, Group, LinearSpec, Plan, PlanBuilder, Reduction, Schema, Space, TargetScale,
    Task, TaskKind, Vocabulary, WeightKind,
};

/// Binary `click` and regression `amount` in scenes `home` and `search`.
pub(crate) fn schema() -> Schema {
    let task = |name: &str, kind| Task { name: name.into(), kind, space: Space::All, product_of: vec![] };
    let scale = TargetScale { mean: 10.0, deviation: 2.0 };
    Schema {
        name: "fixture".into(),
        scenes: vec!["home".into(), "search".into()],
        tasks: vec![task("click", TaskKind::Binary), task("amount", TaskKind::Regression { scale })],
        fields: vec![
            Field { name: "scene".into(), kind: FieldKind::Categorical { vocabulary: 0 } },
            Field { name: "price".into(), kind: FieldKind::Numeric },
        ],
        vocabularies: vec![Vocabulary { name: "scene".into(), size: 2 }],
        scene_field: 0,
    }
}

/// Both tasks as linear functions of the price.
pub(crate) fn plan() -> Plan {
    let schema = schema();
    let mut builder = PlanBuilder::new("fixture", &schema);
    let input = builder.embed("input", &[1], mmtl_plan::Pool::Sum, |_| unreachable!("no table")).unwrap();
    let spec = LinearSpec {
        input,
        groups: Group::broadcast(["click", "amount"]),
        width: 1,
        activation: Activation::Identity,
        dropout: 0.0,
        weights: WeightKind::Shared,
        bias: true,
    };
    let slot = builder.linear("heads", &spec).unwrap();
    for task in 0..2 {
        let predict = builder.predict(task, &[Factor { slot, group: task }]).unwrap();
        builder.loss(predict, Reduction::Own).unwrap();
    }
    builder.finish().unwrap()
}
