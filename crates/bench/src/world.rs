//! Generated rows of a given shape.

use mmtl_plan::{Batch, Field, FieldKind, Lookup, Purpose, Schema, Space, Stream, Task, TaskKind, Vocabulary};

/// Share of positive labels; clicks are rarer, but a loss costs the same whatever its label.
const POSITIVE: f64 = 0.2;

/// The seed of all generated rows.
const SEED: u64 = 7;

/// Categorical fields, each with a vocabulary of its own, ids drawn uniformly: of all distributions the one that
/// touches most rows of a table, and so the hardest on embeddings. Scenes have equal shares; tasks are binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    /// Number of fields, the scene's apart.
    pub fields: usize,
    /// Number of ids of each field.
    pub ids: usize,
    /// Number of tasks.
    pub tasks: usize,
    /// Number of scenes.
    pub scenes: usize,
}

impl World {
    /// What an architecture may know of it. The last field is the scene.
    pub fn schema(&self) -> Schema {
        let name = |field: usize| if field < self.fields { format!("field {field}") } else { "scene".to_owned() };
        let size = |field: usize| if field < self.fields { self.ids } else { self.scenes };
        let task = |k: usize| Task {
            name: format!("task {k}"),
            kind: TaskKind::Binary,
            space: Space::All,
            product_of: vec![],
        };
        let field = |vocabulary: usize| Field { name: name(vocabulary), kind: FieldKind::Categorical { vocabulary } };
        Schema {
            name: "generated".to_owned(),
            scenes: (0..self.scenes).map(|s| format!("scene {s}")).collect(),
            tasks: (0..self.tasks).map(task).collect(),
            fields: (0..=self.fields).map(field).collect(),
            vocabularies: (0..=self.fields).map(|v| Vocabulary { name: name(v), size: size(v) }).collect(),
            scene_field: self.fields,
        }
    }

    /// The batch of that number: a pure function of world, rows and number. Its segments are ready.
    pub fn batch(&self, rows: usize, number: u64) -> Batch {
        let bounds: Vec<u32> = (0..=self.scenes).map(|s| (rows * s / self.scenes) as u32).collect();
        let ids = |field: usize| {
            let stream = Stream::new(SEED, Purpose::Data, &format!("field {field}"));
            draws(stream, number, rows).map(|u| (u * self.ids as f64) as u32).collect()
        };
        let scene = |row: usize| bounds.partition_point(|&start| start as usize <= row) as u32 - 1;
        let labels = |task: usize| {
            let stream = Stream::new(SEED, Purpose::Data, &format!("task {task}"));
            draws(stream, number, rows).map(|u| f32::from(u8::from(u < POSITIVE)))
        };
        let scenes = (0..rows).map(scene).collect();
        let mut batch = Batch {
            row_ids: (0..rows as u64).map(|row| number * rows as u64 + row).collect(),
            lookups: (0..self.fields).map(ids).chain([scenes]).map(Lookup::single).collect(),
            labels: (0..self.tasks).flat_map(labels).collect(),
            weights: vec![1.0; rows * self.tasks],
            scene_starts: bounds,
            ..Batch::default()
        };
        batch.rebuild_segments(&self.schema());
        batch
    }
}

/// Uniform in (0, 1), one for each row, four from a block of random words.
fn draws(stream: Stream, number: u64, rows: usize) -> impl Iterator<Item = f64> {
    let unit = |word: u32| (f64::from(word) + 0.5) * 2f64.powi(-32);
    (0..rows.div_ceil(4) as u64).flat_map(move |block| stream.block(number, block)).take(rows).map(unit)
}
