//! Values that must not move unnoticed: scores of stored runs were measured on them.

use bytemuck::cast_slice;
use mmtl_data::{Dataset, Part};
use mmtl_plan::{Batch, Value};

use crate::opening::{floats, in_memory, text};

/// A hash of everything a model and its scores see.
fn contents(dataset: &Dataset) -> String {
    let (mut hasher, mut batch) = (blake3::Hasher::new(), Batch::default());
    for part in Part::ALL {
        dataset.fill(dataset.rows(part), &mut batch);
        hasher.update(cast_slice(&batch.row_ids)).update(cast_slice(&batch.scene_starts));
        for lookup in &batch.lookups {
            hasher.update(cast_slice(&lookup.ids)).update(cast_slice(lookup.starts.as_deref().unwrap_or_default()));
        }
        hasher.update(cast_slice(&batch.numeric)).update(cast_slice(&batch.labels)).update(cast_slice(&batch.weights));
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// When this fails for a reason, raise `PREPROCESSING` in `fingerprint.rs` and pin the new hash.
#[test]
fn rows_are_the_same_on_every_machine_and_in_every_version() {
    let synthetic = [
        ("rows", Value::Int(2000)),
        ("dim", Value::Int(12)),
        ("scenes", Value::Int(3)),
        ("relatedness", Value::Float(0.6)),
        ("label_shift", floats(&[0.0, 1.0, -1.0])),
        ("categories", Value::Int(2)),
        ("funnel", Value::Bool(true)),
        ("binary", text("logistic")),
    ];
    let reviews = [("age", text("bins"))];
    let census = [("scene", text("sex"))];
    for (source, given, pinned) in [
        ("synthetic", &synthetic[..], "a22ec96807986b18"),
        ("synthetic", &[("rows", Value::Int(500))], "84572121c3bd66f9"),
        ("reviews", &reviews, "e5030cd1ed45c760"),
        ("census", &census, "9672247593490c83"),
    ] {
        assert_eq!(contents(&in_memory(source, given, 1).unwrap()), pinned, "{source}");
    }
}
