//! `mmtl data describe`: what is in a data set.

mod correlation;
mod histogram;
mod tables;

use mmtl_plan::{FieldKind, Space, TaskKind};
use rayon::prelude::*;
use serde::Serialize;

pub use histogram::Histogram;

use crate::base::{BaseSums, TaskBase};
use crate::dataset::Dataset;
use crate::describe::correlation::correlations;
use crate::part::Part;
use crate::prepare::{RESERVED, UNSEEN};

/// What is in a data set. Arrays of three are by [`Part`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// Name of the data set.
    pub name: String,
    /// See [`Dataset::fingerprint`].
    pub fingerprint: String,
    /// Rows of train, valid and test.
    pub rows: [u64; 3],
    /// Inputs, the scene among them.
    pub fields: Vec<FieldDescription>,
    /// Scenes, in the schema's order.
    pub scenes: Vec<SceneDescription>,
    /// Tasks, over all scenes and parts.
    pub tasks: Vec<TaskDescription>,
    /// Every pair of tasks.
    pub correlations: Vec<Correlation>,
    /// Subsets that are scored apart.
    pub slices: Vec<SliceDescription>,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldDescription {
    /// Name.
    pub name: String,
    /// `categorical`, `tokens` or `numeric`.
    pub kind: &'static str,
    /// Number of values with an id of their own; `None` for a number.
    pub values: Option<usize>,
    /// Mean number of tokens a row; `None` for other kinds.
    pub tokens: Option<f64>,
    /// Share of rows without a value.
    pub missing: [f64; 3],
    /// Share of ids that stand for values which train rows do not have, or too seldom; `None` for a number.
    pub unseen: Option<[f64; 3]>,
    /// How a number is distributed over rows of all parts, as a model sees it; `None` for other kinds.
    pub histogram: Option<Histogram>,
}

/// One scene.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SceneDescription {
    /// Name.
    pub name: String,
    /// Rows of train, valid and test.
    pub rows: [u64; 3],
    /// Share of all rows.
    pub share: f64,
    /// Labels of each task over the scene's rows of all parts.
    pub tasks: Vec<TaskBase>,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskDescription {
    /// Name.
    pub name: String,
    /// `binary`, `regression` or `multiclass`.
    pub kind: &'static str,
    /// `all`, or `given TASK`.
    pub space: String,
    /// Its factors, if it is a product.
    pub product_of: Vec<String>,
    /// Labels over the rows of all parts.
    pub all: TaskBase,
    /// How a regression's labels are distributed over them; `None` for other kinds.
    pub histogram: Option<Histogram>,
}

/// How two tasks' labels go together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Correlation {
    /// Names.
    pub tasks: [String; 2],
    /// Rows of all parts where both labels are known.
    pub rows: u64,
    /// Pearson's r over them (classes by their number); `None` where a label does not vary.
    pub pearson: Option<f64>,
}

/// One slice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SliceDescription {
    /// Name.
    pub name: String,
    /// Rows of train, valid and test.
    pub rows: [u64; 3],
    /// Share of all rows.
    pub share: f64,
}

/// What is in a data set.
pub fn describe(dataset: &Dataset) -> Description {
    let schema = dataset.schema();
    let rows = Part::ALL.map(|part| dataset.rows(part).len() as u64);
    let tasks = 0..schema.tasks.len();
    let task = |t: usize| TaskDescription {
        name: schema.tasks[t].name.clone(),
        kind: schema.tasks[t].kind.name(),
        space: match &schema.tasks[t].space {
            Space::All => "all".to_owned(),
            Space::Given(task) => format!("given {task}"),
        },
        product_of: schema.tasks[t].product_of.clone(),
        all: bases(dataset, t, |_| 0, 1).remove(0),
        histogram: labels(dataset, t),
    };
    let of_fields = || (0..schema.fields.len()).into_par_iter().map(|f| field(dataset, f, rows)).collect();
    let of_tasks = || (scenes(dataset), tasks.into_par_iter().map(task).collect(), correlations(dataset));
    let (fields, (scenes, tasks, correlations)) = rayon::join(of_fields, of_tasks);
    Description {
        name: schema.name.clone(),
        fingerprint: dataset.fingerprint().to_owned(),
        rows,
        fields,
        scenes,
        tasks,
        correlations,
        slices: slices(dataset),
    }
}

fn all_rows(dataset: &Dataset) -> std::ops::Range<u32> {
    0..dataset.len() as u32
}

fn labels(dataset: &Dataset, task: usize) -> Option<Histogram> {
    let TaskKind::Regression { .. } = dataset.schema().tasks[task].kind else { return None };
    Histogram::of(&mut all_rows(dataset).filter_map(|row| dataset.label(task, row)).collect::<Vec<_>>())
}

fn share(some: u64, all: u64) -> f64 {
    some as f64 / all.max(1) as f64
}

fn field(dataset: &Dataset, f: usize, rows: [u64; 3]) -> FieldDescription {
    let schema = dataset.schema();
    let field = &schema.fields[f];
    let (mut ids, mut unseen) = ([0u64; 3], [0u64; 3]);
    // A scene's ids are the scenes; none is reserved.
    let reserved = if f == schema.scene_field { 0 } else { RESERVED };
    if field.kind.vocabulary().is_some() {
        for row in all_rows(dataset) {
            let (part, of_row) = (usize::from(dataset.part(row).code()), dataset.ids(f, row));
            ids[part] += of_row.len() as u64;
            unseen[part] += of_row.iter().filter(|&&id| id == UNSEEN && reserved > 0).count() as u64;
        }
    }
    let missing = dataset.inner.manifest.missing[f];
    let (kind, tokens) = match field.kind {
        FieldKind::Categorical { .. } => ("categorical", None),
        FieldKind::Tokens { .. } => ("tokens", Some(share(ids.iter().sum(), rows.iter().sum()))),
        FieldKind::Numeric => ("numeric", None),
    };
    let values = field.kind.vocabulary().map(|v| schema.vocabularies[v].size.saturating_sub(reserved as usize));
    FieldDescription {
        name: field.name.clone(),
        kind,
        values,
        tokens,
        missing: [0, 1, 2].map(|part| share(missing[part], rows[part])),
        unseen: values.map(|_| [0, 1, 2].map(|part| share(unseen[part], ids[part]))),
        histogram: numbers(dataset, f),
    }
}

fn numbers(dataset: &Dataset, field: usize) -> Option<Histogram> {
    Histogram::of(&mut all_rows(dataset).map_while(|row| dataset.number(field, row)).map(f64::from).collect::<Vec<_>>())
}

/// Label statistics of a task in each of `groups` groups of rows.
fn bases(dataset: &Dataset, task: usize, group: impl Fn(u32) -> usize, groups: usize) -> Vec<TaskBase> {
    let mut sums = vec![BaseSums::new(dataset.schema().tasks[task].kind); groups];
    for row in all_rows(dataset) {
        if let Some(label) = dataset.label(task, row) {
            sums[group(row)].add(label);
        }
    }
    sums.iter().map(BaseSums::base).collect()
}

fn scenes(dataset: &Dataset) -> Vec<SceneDescription> {
    let names = &dataset.schema().scenes;
    let mut rows = vec![[0u64; 3]; names.len()];
    for row in all_rows(dataset) {
        rows[dataset.scene(row)][usize::from(dataset.part(row).code())] += 1;
    }
    let tasks = 0..dataset.schema().tasks.len();
    let by_task: Vec<Vec<TaskBase>> =
        tasks.into_par_iter().map(|t| bases(dataset, t, |row| dataset.scene(row), names.len())).collect();
    let scene = |(s, name): (usize, &String)| SceneDescription {
        name: name.clone(),
        rows: rows[s],
        share: share(rows[s].iter().sum(), dataset.len() as u64),
        tasks: by_task.iter().map(|of_scenes| of_scenes[s].clone()).collect(),
    };
    names.iter().enumerate().map(scene).collect()
}

fn slices(dataset: &Dataset) -> Vec<SliceDescription> {
    let slice = |slice: &crate::Slice| {
        let count = |part: Part| dataset.rows(part).iter().filter(|&&row| slice.contains(row)).count() as u64;
        let rows = Part::ALL.map(count);
        let share = share(rows.iter().sum(), dataset.len() as u64);
        SliceDescription { name: slice.name().to_owned(), rows, share }
    };
    dataset.slices().iter().map(slice).collect()
}
