//! Integration tests of the engine.

mod conforming;
mod lazy;
mod refusals;
mod threads;
mod tiles;
mod world;
mod zoo;

use mmtl_plan::FieldKind;

#[test]
fn the_schema_has_fields_of_every_kind() {
    let kinds = world::schema().fields.into_iter().map(|field| field.kind);
    let kinds: Vec<&str> = kinds
        .map(|kind| match kind {
            FieldKind::Categorical { .. } => "categorical",
            FieldKind::Tokens { .. } => "tokens",
            FieldKind::Numeric => "numeric",
        })
        .collect();
    assert!(["categorical", "tokens", "numeric"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}
