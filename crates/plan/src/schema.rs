//! What a data set offers a model: scenes, tasks, fields and vocabularies.

use serde::{Deserialize, Serialize};

/// Everything an architecture may know about the data before it sees a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Name of the data set.
    pub name: String,
    /// Scene names; a row belongs to exactly one, named by its index here.
    pub scenes: Vec<String>,
    /// What is predicted, in the order of the label columns of a [`crate::Batch`].
    pub tasks: Vec<Task>,
    /// Input fields, in the order of [`crate::Batch::lookups`].
    pub fields: Vec<Field>,
    /// Vocabularies; several fields may share one (and then share embedding rows).
    pub vocabularies: Vec<Vocabulary>,
    /// Index of the categorical field whose id is the row's scene. It is an input only of architectures that
    /// ask for it (`scene_feature`).
    pub scene_field: usize,
}

impl Schema {
    /// Number of numeric fields, the width of [`crate::Batch::numeric`].
    pub fn numeric_columns(&self) -> usize {
        self.fields.iter().filter(|f| matches!(f.kind, FieldKind::Numeric)).count()
    }

    /// Column of [`crate::Batch::numeric`] that holds numeric field `field`; `None` for other kinds.
    pub fn numeric_column(&self, field: usize) -> Option<usize> {
        let is_numeric = |f: &Field| matches!(f.kind, FieldKind::Numeric);
        is_numeric(&self.fields[field]).then(|| self.fields[..field].iter().filter(|f| is_numeric(f)).count())
    }

    /// Index of the task called `name`.
    pub fn task(&self, name: &str) -> Option<usize> {
        self.tasks.iter().position(|t| t.name == name)
    }
}

/// One thing to predict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Name, as it appears in tables and experiment files.
    pub name: String,
    /// What kind of value it takes.
    pub kind: TaskKind,
    /// The rows on which it is defined.
    pub space: Space,
    /// Names of the binary tasks whose conjunction is this task's target (`ctcvr = click and conversion`); empty
    /// when the target is a column of its own. Such a task is 0 wherever one of them is 0.
    pub product_of: Vec<String>,
}

/// The kind of a task's target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum TaskKind {
    /// A target in {0, 1}.
    Binary,
    /// A real target. Batches carry it standardised by `scale`; scores are in original units.
    Regression {
        /// Mean and deviation over the known train rows of the task's space.
        scale: TargetScale,
    },
    /// A target in `0..classes`.
    Multiclass {
        /// Number of classes, at least 2.
        classes: usize,
    },
}

impl TaskKind {
    /// Width of a task's logits and predictions: the number of classes, or 1.
    pub fn width(&self) -> usize {
        match self {
            Self::Binary | Self::Regression { .. } => 1,
            Self::Multiclass { classes } => *classes,
        }
    }

    /// Lower-case name of the kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Regression { .. } => "regression",
            Self::Multiclass { .. } => "multiclass",
        }
    }
}

/// The affine map between a regression target and what a model is trained on: `z = (y - mean) / deviation`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetScale {
    /// Mean over known train rows of the task's space, across scenes.
    pub mean: f64,
    /// Standard deviation over the same rows; 1 where the target is constant.
    pub deviation: f64,
}

impl TargetScale {
    /// Original units to standardised ones.
    pub fn standardise(&self, y: f64) -> f64 {
        (y - self.mean) / self.deviation
    }

    /// Standardised units to original ones.
    pub fn restore(&self, z: f64) -> f64 {
        self.mean + self.deviation * z
    }
}

/// Where a task is defined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Space {
    /// On every row.
    All,
    /// Only on rows where the named binary task is 1.
    Given(String),
}

/// An input column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name, unique within the schema.
    pub name: String,
    /// How it enters a model.
    pub kind: FieldKind,
}

/// How a field enters a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    /// One id a row.
    Categorical {
        /// Index into [`Schema::vocabularies`].
        vocabulary: usize,
    },
    /// Any number of ids a row (tags, words of a text), in order.
    Tokens {
        /// Index into [`Schema::vocabularies`].
        vocabulary: usize,
        /// No row has more ids than this.
        max: usize,
    },
    /// One real number a row, already standardised.
    Numeric,
}

impl FieldKind {
    /// Most ids, or numbers, of a row.
    pub fn most_ids(self) -> usize {
        match self {
            Self::Tokens { max, .. } => max,
            Self::Categorical { .. } | Self::Numeric => 1,
        }
    }

    /// The vocabulary its ids come from, if it has ids.
    pub fn vocabulary(&self) -> Option<usize> {
        match self {
            Self::Categorical { vocabulary } | Self::Tokens { vocabulary, .. } => Some(*vocabulary),
            Self::Numeric => None,
        }
    }
}

/// The ids of one or more fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vocabulary {
    /// Name; embedding tables are named after it.
    pub name: String,
    /// Number of ids, reserved ones (unseen, missing) included.
    pub size: usize,
}
