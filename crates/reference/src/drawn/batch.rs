//! Batches for any schema.

use mmtl_plan::{Batch, FieldKind, Lookup, Schema, Space, Task, TaskKind};

use super::Draws;

/// Which rows a drawn batch has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// How many.
    pub rows: usize,
    /// All from this scene; from all scenes if `None`.
    pub only_scene: Option<usize>,
    /// These tasks have no row with weight > 0.
    pub unlabelled: Vec<usize>,
    /// Ids of each vocabulary are drawn below this many, so that the rest of its tables stays untouched.
    pub most_ids: Option<usize>,
}

impl Rows {
    /// So many rows from all scenes, with labels of every task.
    pub fn count(rows: usize) -> Self {
        Self { rows, ..Self::default() }
    }
}

/// A batch for `schema`. Numbers, regression targets and row weights are multiples of ¼; a tenth of the labels is
/// unknown; an eighth of the token bags is empty.
pub fn batch(schema: &Schema, rows: &Rows, seed: u64) -> Batch {
    let mut draws = Draws::new(seed, "batch");
    let mut scene_of: Vec<usize> =
        (0..rows.rows).map(|_| rows.only_scene.unwrap_or_else(|| draws.below(schema.scenes.len()))).collect();
    scene_of.sort_unstable();
    let start = |scene: usize| scene_of.partition_point(|&s| s < scene) as u32;
    let labels = labels(schema, rows.rows, &mut draws);
    let weights = weights(schema, rows, &labels, &mut draws);
    let mut batch = Batch {
        row_ids: (0..rows.rows as u64).map(|row| 1000 * seed + row).collect(),
        scene_starts: (0..=schema.scenes.len()).map(start).collect(),
        lookups: (0..schema.fields.len()).map(|f| lookup(schema, f, rows, &scene_of, &mut draws)).collect(),
        numeric: (0..rows.rows * schema.numeric_columns()).map(|_| draws.quarters()).collect(),
        labels: labels.concat(),
        weights: weights.concat(),
        groups: vec![],
        segments: vec![],
    };
    batch.rebuild_segments(schema);
    batch
}

fn lookup(schema: &Schema, field: usize, rows: &Rows, scene_of: &[usize], draws: &mut Draws) -> Lookup {
    if field == schema.scene_field {
        return Lookup::single(scene_of.iter().map(|&scene| scene as u32).collect());
    }
    let ids = |vocabulary: usize| {
        let size = schema.vocabularies[vocabulary].size;
        rows.most_ids.map_or(size, |most| most.min(size))
    };
    match schema.fields[field].kind {
        FieldKind::Numeric => Lookup::default(),
        FieldKind::Categorical { vocabulary } => {
            Lookup::single((0..rows.rows).map(|_| draws.below(ids(vocabulary)) as u32).collect())
        }
        FieldKind::Tokens { vocabulary, max } => {
            let mut lookup = Lookup { ids: vec![], starts: Some(vec![0]) };
            for _ in 0..rows.rows {
                let count = if draws.chance(0.125) { 0 } else { draws.below(max + 1) };
                lookup.ids.extend((0..count).map(|_| draws.below(ids(vocabulary)) as u32));
                let end = lookup.ids.len() as u32;
                lookup.starts.get_or_insert_default().push(end);
            }
            lookup
        }
    }
}

/// `[tasks][rows]`; a product of tasks is the product of their labels.
fn labels(schema: &Schema, rows: usize, draws: &mut Draws) -> Vec<Vec<f32>> {
    let mut labels: Vec<Vec<f32>> = vec![];
    for task in &schema.tasks {
        let draw = |draws: &mut Draws| match task.kind {
            TaskKind::Binary => f32::from(u8::from(draws.chance(0.5))),
            TaskKind::Regression { .. } => draws.quarters(),
            TaskKind::Multiclass { classes } => draws.below(classes) as f32,
        };
        let factors: Vec<usize> = task.product_of.iter().filter_map(|name| schema.task(name)).collect();
        let of_row = |row: usize| {
            if factors.is_empty() { draw(draws) } else { factors.iter().map(|&f| labels[f][row]).product() }
        };
        let column = (0..rows).map(of_row).collect();
        labels.push(column);
    }
    labels
}

fn weights(schema: &Schema, rows: &Rows, labels: &[Vec<f32>], draws: &mut Draws) -> Vec<Vec<f32>> {
    let within = |task: &Task, row: usize| match &task.space {
        Space::All => true,
        Space::Given(name) => schema.task(name).is_some_and(|given| labels[given][row] == 1.0),
    };
    let mut of_task = |(t, task): (usize, &Task)| -> Vec<f32> {
        let weight = |row| {
            let drawn = if draws.chance(0.1) { 0.0 } else { (1 + draws.below(8)) as f32 / 4.0 };
            if within(task, row) && !rows.unlabelled.contains(&t) { drawn } else { 0.0 }
        };
        (0..rows.rows).map(weight).collect()
    };
    schema.tasks.iter().enumerate().map(&mut of_task).collect()
}
