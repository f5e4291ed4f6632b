//! What is counted and summed over all rows, chunk by chunk, so that all cores take part.

use mmtl_plan::{Task, TaskKind};
use rayon::prelude::*;

use crate::base::{BaseSums, TaskBase};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::dataset::Dataset;
use crate::describe::correlation::{Products, pairs};
use crate::layout::{Layout, Place};
use crate::prepare::UNSEEN;

/// Chunks whose sums are joined in one go. It does not depend on the machine, and neither do the sums then.
const TOGETHER: usize = (1 << 18) / CHUNK_ROWS;

/// Sums of some rows. Arrays of three are by [`crate::Part`].
pub(super) struct Sums {
    /// Rows of each scene.
    pub rows: Vec<[u64; 3]>,
    /// One for each field.
    pub ids: Vec<IdCounts>,
    /// One for each of [`pairs`].
    pub products: Vec<Products>,
    /// `[tasks, scenes]`
    labels: Vec<BaseSums>,
}

/// Counts of a field's ids.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct IdCounts {
    pub all: [u64; 3],
    /// Of the value that stands for those without an id; of the scene's field, where there is none, not to be used.
    pub unseen: [u64; 3],
}

impl Sums {
    pub(super) fn of(dataset: &Dataset) -> Self {
        Self::together(dataset, TOGETHER)
    }

    fn together(dataset: &Dataset, chunks: usize) -> Self {
        let of_some = |chunks: &[Chunk]| {
            chunks.iter().fold(Self::zero(dataset), |mut sums, chunk| {
                sums.add(chunk, &dataset.inner.layout);
                sums
            })
        };
        let parts: Vec<Self> = dataset.inner.chunks.par_chunks(chunks).map(of_some).collect();
        parts.iter().fold(Self::zero(dataset), |mut sums, part| {
            sums.merge(part);
            sums
        })
    }

    fn zero(dataset: &Dataset) -> Self {
        let schema = dataset.schema();
        let of_task = |task: &Task| vec![BaseSums::new(task.kind); schema.scenes.len()];
        Self {
            rows: vec![[0; 3]; schema.scenes.len()],
            ids: vec![IdCounts::default(); schema.fields.len()],
            products: pairs(schema.tasks.len()).map(|_| Products::default()).collect(),
            labels: schema.tasks.iter().flat_map(of_task).collect(),
        }
    }

    /// Labels of a task over the rows of each scene.
    pub(super) fn by_scene(&self, task: usize) -> impl Iterator<Item = TaskBase> {
        self.of_task(task).iter().map(BaseSums::base)
    }

    /// Labels of a task over all rows.
    pub(super) fn all(&self, task: usize, kind: TaskKind) -> TaskBase {
        let mut all = BaseSums::new(kind);
        self.of_task(task).iter().for_each(|sums| all.merge(sums));
        all.base()
    }

    fn of_task(&self, task: usize) -> &[BaseSums] {
        let scenes = self.rows.len();
        &self.labels[task * scenes..][..scenes]
    }

    fn add(&mut self, chunk: &Chunk, layout: &Layout) {
        let (scenes, tasks) = (self.rows.len(), layout.tasks);
        for at in 0..chunk.rows() {
            let scene = chunk.scenes[at] as usize;
            self.rows[scene][usize::from(chunk.parts[at])] += 1;
            let labels = &chunk.labels[at * tasks..][..tasks];
            for (task, label) in labels.iter().enumerate().filter(|(_, label)| !label.is_nan()) {
                // What is described is rows, whatever they weigh.
                self.labels[task * scenes + scene].add(*label, 1.0);
            }
        }
        for ([a, b], products) in pairs(tasks).zip(&mut self.products) {
            let labels = chunk.labels.chunks_exact(tasks).map(|labels| (labels[a], labels[b]));
            products.merge(&Products::of(labels.filter(|(a, b)| !a.is_nan() && !b.is_nan())));
        }
        for (place, counts) in layout.places.iter().zip(&mut self.ids) {
            match *place {
                Place::Scene => counts.add(chunk, |at| &chunk.scenes[at..=at]),
                Place::Ids(column) => {
                    let width = layout.id_fields.len();
                    counts.add(chunk, |at| &chunk.ids[at * width + column..][..1]);
                }
                Place::Tokens(column) => counts.add(chunk, |at| chunk.tokens[column].row(at)),
                Place::Numeric(_) => {}
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        let add = |all: &mut [u64; 3], some: &[u64; 3]| all.iter_mut().zip(some).for_each(|(all, some)| *all += some);
        self.rows.iter_mut().zip(&other.rows).for_each(|(all, some)| add(all, some));
        for (all, some) in self.ids.iter_mut().zip(&other.ids) {
            add(&mut all.all, &some.all);
            add(&mut all.unseen, &some.unseen);
        }
        self.products.iter_mut().zip(&other.products).for_each(|(all, some)| all.merge(some));
        self.labels.iter_mut().zip(&other.labels).for_each(|(all, some)| all.merge(some));
    }
}

impl IdCounts {
    fn add<'a>(&mut self, chunk: &Chunk, ids: impl Fn(usize) -> &'a [u32]) {
        for (at, part) in chunk.parts.iter().enumerate() {
            let (part, ids) = (usize::from(*part), ids(at));
            self.all[part] += ids.len() as u64;
            self.unseen[part] += ids.iter().filter(|&&id| id == UNSEEN).count() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use mmtl_plan::{Field, FieldKind, Schema, Space, TargetScale, Vocabulary};

    use super::*;
    use crate::columns::{Columns, FieldColumn};
    use crate::describe::correlation::correlations;
    use crate::part::Part;

    const ROWS: usize = 2 * CHUNK_ROWS + 777;

    /// Two scenes, the second in the last rows alone; a click, and a spend that is known where there is one.
    fn dataset() -> Dataset {
        let task = |name: &str, kind| Task { name: name.into(), kind, space: Space::All, product_of: vec![] };
        let field = |name: &str, vocabulary| Field { name: name.into(), kind: FieldKind::Categorical { vocabulary } };
        let scale = TargetScale { mean: 0.0, deviation: 1.0 };
        let schema = Schema {
            name: "toy".into(),
            scenes: vec!["first".into(), "last".into()],
            tasks: vec![task("click", TaskKind::Binary), task("spend", TaskKind::Regression { scale })],
            fields: vec![field("scene", 0), field("item", 1)],
            vocabularies: vec![
                Vocabulary { name: "scene".into(), size: 2 },
                Vocabulary { name: "item".into(), size: 7 },
            ],
            scene_field: 0,
        };
        let click = |row: usize| f64::from(u8::from(row.is_multiple_of(3)));
        Dataset::from_columns(Columns {
            schema,
            row_ids: (0..ROWS as u64).collect(),
            parts: (0..ROWS).map(|row| Part::ALL[row % 5 % 3]).collect(),
            scenes: (0..ROWS).map(|row| u32::from(row > ROWS - 900)).collect(),
            fields: vec![FieldColumn::Scene, FieldColumn::Ids((0..ROWS as u32).map(|row| row % 7).collect())],
            labels: vec![
                (0..ROWS).map(click).collect(),
                (0..ROWS)
                    .map(|row| if row.is_multiple_of(2) { 100.0 + click(row) + (row % 11) as f64 } else { f64::NAN })
                    .collect(),
            ],
            weights: vec![],
            groups: vec![],
            slices: vec![],
        })
        .unwrap()
    }

    #[test]
    fn chunks_may_be_summed_apart() {
        let dataset = dataset();
        let (apart, at_once) = (Sums::together(&dataset, 1), Sums::together(&dataset, 9));
        assert_eq!(apart.rows, at_once.rows);
        assert_eq!(apart.rows.iter().flatten().sum::<u64>(), ROWS as u64);
        assert_eq!(apart.ids, at_once.ids);
        assert_eq!(apart.ids[1].unseen.iter().sum::<u64>(), ROWS.div_ceil(7) as u64);
        let close = |a: &TaskBase, b: &TaskBase| {
            assert_eq!((a.rows, &a.rates), (b.rows, &b.rates));
            assert!((a.mean - b.mean).abs() < 1e-10 && (a.deviation - b.deviation).abs() < 1e-10, "{a:?} {b:?}");
        };
        for (t, task) in dataset.schema().tasks.iter().enumerate() {
            let rows: Vec<u32> = (0..ROWS as u32).collect();
            close(&apart.all(t, task.kind), &dataset.base_of(t, &rows));
            for (scene, (a, b)) in apart.by_scene(t).zip(at_once.by_scene(t)).enumerate() {
                close(&a, &b);
                let rows: Vec<u32> = rows.iter().copied().filter(|row| dataset.scene(*row) == scene).collect();
                close(&a, &dataset.base_of(t, &rows));
            }
        }
        let pearson = |sums: &Sums| correlations(&dataset.schema().tasks, &sums.products)[0].pearson.unwrap();
        assert!((pearson(&apart) - pearson(&at_once)).abs() < 1e-12);
        assert!((0.1..0.3).contains(&pearson(&apart)), "{}", pearson(&apart));
    }
}
