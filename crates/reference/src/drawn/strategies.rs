//! The same, as proptest strategies: sizes shrink, what fills them comes from a seed.

use proptest::prelude::*;

use super::{PlanSize, Rows, SchemaSize};

/// Sizes with 1 and primes among them.
fn small() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![1, 2, 3, 5])
}

/// Schemas with one to three scenes.
pub fn schema_size() -> impl Strategy<Value = SchemaSize> {
    (1..=3usize, prop::sample::select(vec![1, 2, 7, 11]), 0..=3usize, 0..=2usize, 2..=3usize)
        .prop_map(|(scenes, items, tags, numeric, classes)| SchemaSize { scenes, items, tags, numeric, classes })
}

/// Plans with one to three groups.
pub fn plan_size() -> impl Strategy<Value = PlanSize> {
    (small(), 1..=3usize, small()).prop_map(|(dim, groups, width)| PlanSize { dim, groups, width })
}

/// Batches of up to 11 rows for five tasks: of one scene, with empty scenes, with tasks that have no row.
pub fn rows() -> impl Strategy<Value = Rows> {
    let count = prop::sample::select(vec![1, 2, 3, 5, 7, 11]);
    let scene = prop_oneof![3 => Just(false), 1 => Just(true)];
    let unlabelled = prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(0..5usize, 1..=2)];
    (count, scene, unlabelled).prop_map(|(rows, one_scene, unlabelled)| Rows {
        rows,
        only_scene: one_scene.then_some(0),
        unlabelled,
        most_ids: None,
    })
}
