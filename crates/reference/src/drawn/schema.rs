//! A schema with one of everything.

use mmtl_plan::{Field, FieldKind, Schema, Space, TargetScale, Task, TaskKind, Vocabulary};

/// How large a drawn schema is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaSize {
    /// Number of scenes, at least 1.
    pub scenes: usize,
    /// Number of items; twice as many users.
    pub items: usize,
    /// Most tags of a row.
    pub tags: usize,
    /// Number of numeric fields.
    pub numeric: usize,
    /// Number of classes of the multiclass task, at least 2.
    pub classes: usize,
}

impl Default for SchemaSize {
    fn default() -> Self {
        Self { scenes: 3, items: 7, tags: 4, numeric: 2, classes: 3 }
    }
}

/// Scenes; items looked up by a categorical and by a token field, which share their vocabulary; users; numbers. Tasks
/// of every kind: `click`, `conversion` given click, their product, `rating` (regression) and `colour` (multiclass).
pub fn schema(size: SchemaSize) -> Schema {
    let vocabulary = |name: &str, size| Vocabulary { name: name.to_owned(), size };
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let mut fields = vec![
        field("scene", FieldKind::Categorical { vocabulary: 0 }),
        field("item", FieldKind::Categorical { vocabulary: 1 }),
        field("tags", FieldKind::Tokens { vocabulary: 1, max: size.tags }),
        field("user", FieldKind::Categorical { vocabulary: 2 }),
    ];
    fields.extend((0..size.numeric).map(|n| field(&format!("number {n}"), FieldKind::Numeric)));
    let task = |name: &str, kind, space, product_of: &[&str]| Task {
        name: name.to_owned(),
        kind,
        space,
        product_of: product_of.iter().map(|&factor| factor.to_owned()).collect(),
    };
    Schema {
        name: "drawn".to_owned(),
        scenes: (0..size.scenes).map(|s| format!("scene {s}")).collect(),
        tasks: vec![
            task("click", TaskKind::Binary, Space::All, &[]),
            task("conversion", TaskKind::Binary, Space::Given("click".to_owned()), &[]),
            task("ctcvr", TaskKind::Binary, Space::All, &["click", "conversion"]),
            task("rating", TaskKind::Regression { scale: TargetScale { mean: 3.0, deviation: 2.0 } }, Space::All, &[]),
            task("colour", TaskKind::Multiclass { classes: size.classes }, Space::All, &[]),
        ],
        fields,
        vocabularies: vec![
            vocabulary("scene", size.scenes),
            vocabulary("item", size.items),
            vocabulary("user", 2 * size.items),
        ],
        scene_field: 0,
    }
}
