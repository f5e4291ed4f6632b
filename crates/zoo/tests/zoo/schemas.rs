//! Schemas to build plans for.

use mmtl_plan::{Field, FieldKind, Plan, Schema, Settings, Space, TargetScale, Task, TaskKind, Value, Vocabulary};
use mmtl_zoo::{Architecture, architectures, model_knobs};

/// Width of the inputs of [`shop`] at an embedding dimension of 3 and without the scene: item 3, tags 3, age 1, last
/// item 3.
pub const INPUTS: usize = 10;
/// Embedding parameters of [`shop`] at a dimension of 3 and without the scene: 7 items and 5 tags.
pub const EMBEDDINGS: usize = 3 * (7 + 5);

/// Two scenes; click, conversion given click, their product, a price in money and a class out of 4.
pub fn shop() -> Schema {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let vocabulary = |name: &str, size| Vocabulary { name: name.to_owned(), size };
    let mut product = task("ctcvr", TaskKind::Binary, Space::All);
    product.product_of = vec!["click".to_owned(), "conversion".to_owned()];
    Schema {
        name: "shop".to_owned(),
        scenes: vec!["home".to_owned(), "search".to_owned()],
        tasks: vec![
            task("click", TaskKind::Binary, Space::All),
            task("conversion", TaskKind::Binary, Space::Given("click".to_owned())),
            product,
            task("price", TaskKind::Regression { scale: TargetScale { mean: 9.0, deviation: 2.0 } }, Space::All),
            task("rating", TaskKind::Multiclass { classes: 4 }, Space::All),
        ],
        fields: vec![
            field("item", FieldKind::Categorical { vocabulary: 0 }),
            field("scene", FieldKind::Categorical { vocabulary: 2 }),
            field("tags", FieldKind::Tokens { vocabulary: 1, max: 3 }),
            field("age", FieldKind::Numeric),
            field("last_item", FieldKind::Categorical { vocabulary: 0 }),
        ],
        vocabularies: vec![vocabulary("item", 7), vocabulary("tag", 5), vocabulary("scene", 2)],
        scene_field: 1,
    }
}

/// The architectures that are nets over all input fields: matrix factorisation has two, and no hidden layer.
pub fn nets() -> impl Iterator<Item = &'static dyn Architecture> {
    architectures().iter().copied().filter(|a| a.name() != "matrix-factorisation")
}

/// A task whose target is a column of its own.
pub fn task(name: &str, kind: TaskKind, space: Space) -> Task {
    Task { name: name.to_owned(), kind, space, product_of: vec![] }
}

/// [`shop`] with the named tasks only.
pub fn shop_of(tasks: &[&str]) -> Schema {
    let mut schema = shop();
    schema.tasks.retain(|task| tasks.contains(&task.name.as_str()));
    schema
}

pub fn int(value: i64) -> Value {
    Value::Int(value)
}

pub fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub fn ints(values: &[i64]) -> Value {
    Value::List(values.iter().map(|v| Value::Int(*v)).collect())
}

/// The plan of all tasks, with embeddings of 3.
pub fn plan(schema: &Schema, architecture: &dyn Architecture, own: &[(&str, Value)]) -> Plan {
    plan_with(schema, architecture, &[], own)
}

/// [`plan`] with knobs of the section `model` as well.
pub fn plan_with(
    schema: &Schema,
    architecture: &dyn Architecture,
    model: &[(&str, Value)],
    own: &[(&str, Value)],
) -> Plan {
    let dim = [("embedding_dim", Value::Int(3))];
    let model = dim.iter().chain(model).map(|(name, value)| (*name, value));
    let model = Settings::resolve(&model_knobs(), model).unwrap();
    let own = Settings::resolve(&architecture.knobs(), own.iter().map(|(name, value)| (*name, value))).unwrap();
    let tasks: Vec<usize> = (0..schema.tasks.len()).collect();
    architecture.plan(schema, &tasks, &model, &own).unwrap()
}
