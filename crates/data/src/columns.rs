//! A data set given as columns in memory.

use mmtl_plan::{FieldKind, Schema, Task, TaskKind};

use crate::error::DataError;
use crate::part::Part;

/// All rows of a data set, column by column. [`crate::Dataset::from_columns`] makes a data set of it.
#[derive(Clone, Debug)]
pub struct Columns {
    /// What the columns mean. Target scales and product targets are computed from the labels, whatever stands here.
    pub schema: Schema,
    /// Stable ids of the rows, unique, `[rows]`.
    pub row_ids: Vec<u64>,
    /// The part of each row, `[rows]`.
    pub parts: Vec<Part>,
    /// The scene of each row, below the number of scenes, `[rows]`.
    pub scenes: Vec<u32>,
    /// One for each field of the schema, in its order.
    pub fields: Vec<FieldColumn>,
    /// One for each task: labels in original units, `[rows]`; NaN where unknown. Labels outside the task's space are
    /// made unknown. The column of a product task is not read.
    pub labels: Vec<Vec<f64>>,
    /// Row weights, `[rows]`, or empty: all 1.
    pub weights: Vec<f32>,
    /// Group ids (user, request), `[rows]`, or empty when there are none.
    pub groups: Vec<u64>,
    /// Named subsets of the rows that are scored but never routed, each `[rows]`.
    pub slices: Vec<(String, Vec<bool>)>,
}

/// The values of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldColumn {
    /// One id a row.
    Ids(Vec<u32>),
    /// Any number of ids a row.
    Tokens {
        /// All ids, row after row.
        ids: Vec<u32>,
        /// `rows + 1` bounds into `ids`.
        starts: Vec<u32>,
    },
    /// One number a row, already standardised.
    Numeric(Vec<f32>),
    /// The row's scene; the column of the schema's scene field.
    Scene,
}

impl FieldColumn {
    fn name(&self) -> &'static str {
        match self {
            Self::Ids(_) => "one id a row",
            Self::Tokens { .. } => "tokens",
            Self::Numeric(_) => "numbers",
            Self::Scene => "the scene",
        }
    }

    fn rows(&self) -> Option<usize> {
        match self {
            Self::Ids(ids) => Some(ids.len()),
            Self::Tokens { starts, .. } => Some(starts.len().saturating_sub(1)),
            Self::Numeric(values) => Some(values.len()),
            Self::Scene => None,
        }
    }
}

impl FieldColumn {
    /// Adds the rows of a column of the same field.
    fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Ids(all), Self::Ids(mut ids)) => all.append(&mut ids),
            (Self::Numeric(all), Self::Numeric(mut values)) => all.append(&mut values),
            (Self::Tokens { ids: all, starts: bounds }, Self::Tokens { mut ids, starts }) => {
                let before = all.len() as u32;
                bounds.extend(starts[1..].iter().map(|start| before + start));
                all.append(&mut ids);
            }
            (Self::Scene, Self::Scene) => {}
            (column, other) => unreachable!("{} of a field of {}", other.name(), column.name()),
        }
    }

    fn forget(&mut self, rows: usize) {
        match self {
            Self::Ids(ids) => drop(ids.drain(..rows)),
            Self::Numeric(values) => drop(values.drain(..rows)),
            Self::Tokens { ids, starts } => {
                let gone = starts[rows];
                ids.drain(..gone as usize);
                starts.drain(..rows);
                for start in starts {
                    *start -= gone;
                }
            }
            Self::Scene => {}
        }
    }
}

impl Columns {
    /// No row of `schema`.
    pub(crate) fn empty(schema: &Schema) -> Self {
        let empty = |(f, field): (usize, &mmtl_plan::Field)| match field.kind {
            FieldKind::Categorical { .. } if f == schema.scene_field => FieldColumn::Scene,
            FieldKind::Categorical { .. } => FieldColumn::Ids(vec![]),
            FieldKind::Tokens { .. } => FieldColumn::Tokens { ids: vec![], starts: vec![0] },
            FieldKind::Numeric => FieldColumn::Numeric(vec![]),
        };
        Self {
            row_ids: vec![],
            parts: vec![],
            scenes: vec![],
            fields: schema.fields.iter().enumerate().map(empty).collect(),
            labels: vec![vec![]; schema.tasks.len()],
            weights: vec![],
            groups: vec![],
            slices: vec![],
            schema: schema.clone(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.row_ids.len()
    }

    /// Adds the rows of other columns of the same schema.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.row_ids.append(&mut other.row_ids);
        self.parts.append(&mut other.parts);
        self.scenes.append(&mut other.scenes);
        self.weights.append(&mut other.weights);
        self.groups.append(&mut other.groups);
        self.labels.iter_mut().zip(&mut other.labels).for_each(|(all, labels)| all.append(labels));
        self.slices.iter_mut().zip(&mut other.slices).for_each(|((_, all), (_, members))| all.append(members));
        self.fields.iter_mut().zip(other.fields).for_each(|(all, column)| all.append(column));
    }

    /// Leaves the first `rows` rows out.
    pub(crate) fn forget(&mut self, rows: usize) {
        self.row_ids.drain(..rows);
        self.parts.drain(..rows);
        self.scenes.drain(..rows);
        self.weights.drain(..rows.min(self.weights.len()));
        self.groups.drain(..rows.min(self.groups.len()));
        self.labels.iter_mut().for_each(|column| drop(column.drain(..rows)));
        self.slices.iter_mut().for_each(|(_, column)| drop(column.drain(..rows)));
        self.fields.iter_mut().for_each(|column| column.forget(rows));
    }

    /// Everything that [`crate::Dataset::fill`] relies on.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let rows = self.rows();
        let mut sizes = vec![("parts".to_owned(), self.parts.len(), rows), ("scenes".into(), self.scenes.len(), rows)];
        sizes.push(("fields".into(), self.fields.len(), self.schema.fields.len()));
        sizes.push(("labels".into(), self.labels.len(), self.schema.tasks.len()));
        sizes.extend(
            self.labels
                .iter()
                .zip(&self.schema.tasks)
                .filter(|(_, task)| task.product_of.is_empty())
                .map(|(labels, task)| (format!("the label column of task `{}`", task.name), labels.len(), rows)),
        );
        sizes.extend(self.slices.iter().map(|(name, members)| (format!("slice `{name}`"), members.len(), rows)));
        let optional = [("weights", self.weights.len()), ("groups", self.groups.len())];
        sizes.extend(optional.into_iter().filter(|(_, len)| *len > 0).map(|(what, len)| (what.to_owned(), len, rows)));
        for (what, got, expected) in sizes {
            if got != expected {
                return Err(mismatch(what, format!("{got} values"), expected.to_string()));
            }
        }
        self.fields.iter().enumerate().try_for_each(|(f, column)| self.check_field(f, column))?;
        check_ids("scenes", &self.scenes, self.schema.scenes.len())?;
        self.schema.tasks.iter().zip(&self.labels).try_for_each(|(task, labels)| check_labels(task, labels))?;
        if let Some(weight) = self.weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
            return Err(mismatch("weights".into(), weight.to_string(), "finite numbers of at least 0".into()));
        }
        self.check_row_ids()
    }

    fn check_row_ids(&self) -> Result<(), DataError> {
        let mut sorted = self.row_ids.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(mismatch("row_ids".into(), format!("{} twice", pair[0]), "unique ids".into())),
            None => Ok(()),
        }
    }

    fn check_field(&self, f: usize, column: &FieldColumn) -> Result<(), DataError> {
        let field = &self.schema.fields[f];
        let what = || format!("field `{}`", field.name);
        if let Some(got) = column.rows().filter(|&got| got != self.rows()) {
            return Err(mismatch(what(), format!("{got} rows"), self.rows().to_string()));
        }
        let size = |vocabulary: usize| self.schema.vocabularies[vocabulary].size;
        match (field.kind, column) {
            (FieldKind::Categorical { .. }, FieldColumn::Scene) if f == self.schema.scene_field => Ok(()),
            (FieldKind::Categorical { vocabulary }, FieldColumn::Ids(ids)) if f != self.schema.scene_field => {
                check_ids(&what(), ids, size(vocabulary))
            }
            (FieldKind::Tokens { vocabulary, max }, FieldColumn::Tokens { ids, starts }) => {
                check_starts(&what(), starts, ids.len(), max)?;
                check_ids(&what(), ids, size(vocabulary))
            }
            (FieldKind::Numeric, FieldColumn::Numeric(values)) => match values.iter().find(|v| !v.is_finite()) {
                Some(value) => Err(mismatch(what(), value.to_string(), "finite numbers".into())),
                None => Ok(()),
            },
            (FieldKind::Categorical { .. } | FieldKind::Tokens { .. } | FieldKind::Numeric, _) => {
                let expected = if f == self.schema.scene_field { "the scene" } else { kind_name(field.kind) };
                Err(mismatch(what(), column.name().to_owned(), expected.to_owned()))
            }
        }
    }
}

fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Categorical { .. } => "one id a row",
        FieldKind::Tokens { .. } => "tokens",
        FieldKind::Numeric => "numbers",
    }
}

fn check_labels(task: &Task, labels: &[f64]) -> Result<(), DataError> {
    let (fits, expected): (&dyn Fn(f64) -> bool, String) = match task.kind {
        TaskKind::Binary => (&|label| label == 0.0 || label == 1.0, "0 or 1".into()),
        TaskKind::Regression { .. } => (&f64::is_finite, "finite numbers".into()),
        TaskKind::Multiclass { classes } => (
            &move |label| (0.0..classes as f64).contains(&label) && label.fract() == 0.0,
            format!("classes below {classes}"),
        ),
    };
    let given = if task.product_of.is_empty() { labels } else { &[] };
    match given.iter().find(|label| !label.is_nan() && !fits(**label)) {
        Some(label) => Err(mismatch(format!("the label column of task `{}`", task.name), label.to_string(), expected)),
        None => Ok(()),
    }
}

fn check_ids(what: &str, ids: &[u32], size: usize) -> Result<(), DataError> {
    match ids.iter().copied().max().filter(|&id| id as usize >= size) {
        Some(id) => Err(mismatch(what.to_owned(), format!("id {id}"), format!("ids below {size}"))),
        None => Ok(()),
    }
}

fn check_starts(what: &str, starts: &[u32], ids: usize, max: usize) -> Result<(), DataError> {
    let divides = starts.first() == Some(&0) && starts.is_sorted() && starts.last() == Some(&(ids as u32));
    if !divides {
        return Err(mismatch(what.to_owned(), "bounds that do not divide its ids".into(), "ascending bounds".into()));
    }
    match starts.windows(2).map(|w| (w[1] - w[0]) as usize).max().filter(|&len| len > max) {
        Some(len) => Err(mismatch(what.to_owned(), format!("a row of {len} ids"), format!("at most {max}"))),
        None => Ok(()),
    }
}

fn mismatch(what: String, got: String, expected: String) -> DataError {
    DataError::Columns { what, got, expected }
}
