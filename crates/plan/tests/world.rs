//! A small schema that the tests share.

use mmtl_plan::{Field, FieldKind, Schema, Space, TargetScale, Task, TaskKind, Vocabulary};

/// Two scenes, a binary and a regression task, a categorical, a token and a numeric field.
pub fn schema() -> Schema {
    let field = |name: &str, kind| Field { name: name.into(), kind };
    let task = |name: &str, kind| Task { name: name.into(), kind, space: Space::All, product_of: vec![] };
    let vocabulary = |name: &str, size| Vocabulary { name: name.into(), size };
    Schema {
        name: "small".into(),
        scenes: vec!["search".into(), "feed".into()],
        tasks: vec![
            task("click", TaskKind::Binary),
            task("spend", TaskKind::Regression { scale: TargetScale { mean: 2.0, deviation: 4.0 } }),
        ],
        fields: vec![
            field("item", FieldKind::Categorical { vocabulary: 0 }),
            field("words", FieldKind::Tokens { vocabulary: 1, max: 3 }),
            field("age", FieldKind::Numeric),
            field("scene", FieldKind::Categorical { vocabulary: 2 }),
        ],
        vocabularies: vec![vocabulary("item", 7), vocabulary("words", 5), vocabulary("scene", 2)],
        scene_field: 3,
    }
}
