//! `mmtl data describe`: what is in a data set.

mod correlation;
mod histogram;
mod sums;
mod tables;

use mmtl_plan::{FieldKind, Space, Task, TaskKind};
use serde::Serialize;

pub use histogram::Histogram;

use crate::base::TaskBase;
use crate::chunk::Chunk;
use crate::dataset::Dataset;
use crate::describe::correlation::correlations;
use crate::describe::sums::Sums;
use crate::layout::Place;
use crate::part::Part;
use crate::prepare::RESERVED;

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
    let (sums, (numbers, labels)) = rayon::join(|| Sums::of(dataset), || histograms(dataset));
    let fields = numbers.into_iter().enumerate().map(|(f, histogram)| field(dataset, f, rows, &sums, histogram));
    let tasks = schema.tasks.iter().zip(labels).enumerate().map(|(t, (task, histogram))| TaskDescription {
        name: task.name.clone(),
        kind: task.kind.name(),
        space: match &task.space {
            Space::All => "all".to_owned(),
            Space::Given(task) => format!("given {task}"),
        },
        product_of: task.product_of.clone(),
        all: sums.all(t, task.kind),
        histogram,
    });
    Description {
        name: schema.name.clone(),
        fingerprint: dataset.fingerprint().to_owned(),
        rows,
        fields: fields.collect(),
        scenes: scenes(dataset, &sums),
        tasks: tasks.collect(),
        correlations: correlations(&schema.tasks, &sums.products),
        slices: slices(dataset),
    }
}

fn share(some: u64, all: u64) -> f64 {
    some as f64 / all.max(1) as f64
}

/// Of the numbers of each field, and of the labels of each task, where these are numbers.
fn histograms(dataset: &Dataset) -> (Vec<Option<Histogram>>, Vec<Option<Histogram>>) {
    let (schema, chunks, layout) = (dataset.schema(), &dataset.inner.chunks, &dataset.inner.layout);
    let of_field = |place: &Place| {
        let Place::Numeric(column) = *place else { return None };
        let number = move |chunk: &Chunk, at| chunk.numeric[at * layout.numeric + column];
        Histogram::of(chunks, |chunk| (0..chunk.rows()).map(move |at| number(chunk, at).into()))
    };
    let of_task = |(t, task): (usize, &Task)| {
        let TaskKind::Regression { .. } = task.kind else { return None };
        let label =
            move |chunk: &Chunk, at| Some(chunk.labels[at * layout.tasks + t]).filter(|label: &f64| !label.is_nan());
        Histogram::of(chunks, |chunk| (0..chunk.rows()).filter_map(move |at| label(chunk, at)))
    };
    (layout.places.iter().map(of_field).collect(), schema.tasks.iter().enumerate().map(of_task).collect())
}

fn field(dataset: &Dataset, f: usize, rows: [u64; 3], sums: &Sums, histogram: Option<Histogram>) -> FieldDescription {
    let schema = dataset.schema();
    let field = &schema.fields[f];
    let (missing, ids) = (dataset.inner.manifest.missing[f], sums.ids[f]);
    // A scene's ids are the scenes; none is reserved.
    let (reserved, unseen) = if f == schema.scene_field { (0, [0; 3]) } else { (RESERVED, ids.unseen) };
    let (kind, tokens) = match field.kind {
        FieldKind::Categorical { .. } => ("categorical", None),
        FieldKind::Tokens { .. } => ("tokens", Some(share(ids.all.iter().sum(), rows.iter().sum()))),
        FieldKind::Numeric => ("numeric", None),
    };
    let values = field.kind.vocabulary().map(|v| schema.vocabularies[v].size.saturating_sub(reserved as usize));
    FieldDescription {
        name: field.name.clone(),
        kind,
        values,
        tokens,
        missing: [0, 1, 2].map(|part| share(missing[part], rows[part])),
        unseen: values.map(|_| [0, 1, 2].map(|part| share(unseen[part], ids.all[part]))),
        histogram,
    }
}

fn scenes(dataset: &Dataset, sums: &Sums) -> Vec<SceneDescription> {
    let schema = dataset.schema();
    let by_task: Vec<Vec<TaskBase>> = (0..schema.tasks.len()).map(|t| sums.by_scene(t).collect()).collect();
    let scene = |(s, (name, rows)): (usize, (&String, &[u64; 3]))| SceneDescription {
        name: name.clone(),
        rows: *rows,
        share: share(rows.iter().sum(), dataset.len() as u64),
        tasks: by_task.iter().map(|of_scenes| of_scenes[s].clone()).collect(),
    };
    schema.scenes.iter().zip(&sums.rows).enumerate().map(scene).collect()
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
