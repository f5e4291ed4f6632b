//! What makes a batch fit its schema.

use mmtl_plan::{Batch, Lookup, Segments};

use crate::world::schema;

/// Three rows: one of scene 0, two of scene 1.
fn batch() -> Batch {
    let mut batch = Batch {
        row_ids: vec![10, 11, 12],
        scene_starts: vec![0, 1, 3],
        lookups: vec![
            Lookup::single(vec![6, 0, 6]),
            Lookup { ids: vec![4, 1], starts: Some(vec![0, 0, 2, 2]) },
            Lookup::default(),
            Lookup::single(vec![0, 1, 1]),
        ],
        numeric: vec![0.5; 3],
        labels: vec![0.0; 6],
        weights: vec![1.0; 6],
        groups: vec![],
        segments: vec![],
    };
    batch.rebuild_segments(&schema());
    batch
}

#[test]
fn a_whole_batch_fits() {
    let batch = batch();
    assert_eq!(batch.mismatch(&schema()), None);
    assert_eq!((batch.scene(0), batch.scene(1)), (0..1, 1..3));
    assert_eq!([0, 1, 2].map(|row| batch.scene_of(row)), [0, 1, 1]);
    assert_eq!(batch.segments[0].unique, [0, 6]);
}

#[test]
fn the_scene_of_a_row_after_an_empty_scene() {
    let batch = Batch { scene_starts: vec![0, 0, 3], ..batch() };
    assert_eq!([0, 2].map(|row| batch.scene_of(row)), [1, 1]);
}

#[test]
fn everything_that_does_not_fit_is_said() {
    type Spoil = fn(&mut Batch);
    let cases: [(&str, Spoil); 10] = [
        ("scene_starts [0, 1, 2] do not divide 3 rows into 2 scenes", |b| b.scene_starts = vec![0, 1, 2]),
        ("scene_starts [0, 3] do not divide 3 rows into 2 scenes", |b| b.scene_starts = vec![0, 3]),
        ("numeric has 2 elements, expected 3", |b| b.numeric.truncate(2)),
        ("labels has 5 elements, expected 6", |b| b.labels.truncate(5)),
        ("field `item` has id 7, expected below 7", |b| b.lookups[0].ids[1] = 7),
        ("field `item` has lists of ids, expected one id a row", |b| b.lookups[0].starts = Some(vec![0, 1, 2, 3])),
        ("field `words` has 2 rows, expected 3", |b| b.lookups[1].starts = Some(vec![0, 1, 2])),
        ("field `words` has starts that do not divide its 2 ids", |b| b.lookups[1].starts = Some(vec![0, 2, 1, 2])),
        ("field `words` has starts that do not divide its 2 ids", |b| b.lookups[1].starts = Some(vec![0, 1, 2, 3])),
        ("segments has 2 elements, expected 3", |b| b.segments.truncate(2)),
    ];
    for (expected, spoil) in cases {
        let mut batch = batch();
        spoil(&mut batch);
        assert_eq!(batch.mismatch(&schema()).as_deref(), Some(expected));
    }
}

#[test]
fn the_bytes_of_a_batch_are_those_of_its_buffers() {
    assert_eq!(Batch::default().bytes(), 0);
    let mut batch = batch();
    // Row ids, scene starts, ids and their starts, numbers, labels and weights; for each of 8 ids an occurrence.
    let least = 3 * 8 + 3 * 4 + (3 + 2 + 4 + 3) * 4 + 3 * 4 + 2 * 6 * 4 + 8 * 8;
    assert!(batch.bytes() >= least, "{}", batch.bytes());
    let before = batch.bytes();
    batch.groups.reserve_exact(100);
    assert_eq!(batch.bytes(), before + 800);
}

#[test]
fn the_bytes_of_segments_are_what_was_reserved() {
    let with = |ids: usize| {
        let mut batch = Batch { segments: vec![Segments::default()], ..Batch::default() };
        let before = batch.bytes();
        batch.segments[0].reserve(1000, ids);
        batch.bytes() - before
    };
    // Few ids have a counter each; many are sorted, in two lists of uses. Then unique ids, starts and occurrences.
    assert_eq!(with(40), 40 * 4 + 40 * 4 + 41 * 4 + 1000 * 8);
    assert_eq!(with(5000), 2048 * 4 + 2 * 1000 * 12 + 1000 * 4 + 1001 * 4 + 1000 * 8);
}
