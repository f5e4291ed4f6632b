use mmtl_bench::World;

const WORLD: World = World { fields: 3, ids: 50, tasks: 2, scenes: 5 };

#[test]
fn batches_fit_their_schema_and_differ() {
    let schema = WORLD.schema();
    let [first, second] = [0, 1].map(|number| WORLD.batch(97, number));
    assert_eq!((first.mismatch(&schema), second.mismatch(&schema)), (None, None));
    assert_eq!(first, WORLD.batch(97, 0));
    assert_ne!(first.lookups[0], second.lookups[0]);
    assert_ne!(first.lookups[0], first.lookups[1]);
    let scene_of: Vec<u32> = (0..97).map(|row| first.scene_of(row) as u32).collect();
    assert_eq!(first.lookups[3].ids, scene_of);
}

#[test]
fn ids_are_uniform_and_a_fifth_is_positive() {
    let batch = WORLD.batch(10_000, 0);
    let mut counts = [0u32; 50];
    batch.lookups[0].ids.iter().for_each(|&id| counts[id as usize] += 1);
    // Expected 200 each, with a standard deviation of 14.
    assert!(counts.iter().all(|count| (130..270).contains(count)), "{counts:?}");
    let positives: f32 = batch.labels(1).iter().sum();
    // Five standard deviations of √(10,000 · 0.2 · 0.8).
    assert!((positives - 2000.0).abs() < 200.0, "{positives}");
}
