//! What the columns of a table mean: fields, tasks, scenes, slices and parts. Every source describes itself by a card,
//! and all preprocessing follows from it.

use mmtl_plan::Space;

use crate::split::Split;

/// What the columns of a table mean.
#[derive(Clone, Debug)]
pub struct Card {
    /// Name of the data set.
    pub name: String,
    /// Where each row comes from.
    pub scene: SceneCard,
    /// Sets of ids that fields share.
    pub vocabularies: Vec<VocabularyCard>,
    /// Inputs, without the scene.
    pub fields: Vec<FieldCard>,
    /// Targets.
    pub tasks: Vec<TaskCard>,
    /// Subsets of the rows to score.
    pub slices: Vec<SliceCard>,
    /// Which rows are train, validation and test.
    pub split: Split,
    /// Whether a scene may have no train row.
    pub unseen_scenes: bool,
}

/// How the scene of a row is found.
#[derive(Clone, Debug)]
pub enum SceneCard {
    /// All rows are of one scene of this name.
    One(&'static str),
    /// By the value of a column.
    By {
        /// The column.
        column: String,
        /// What happens to rows without a value.
        missing: MissingScene,
        /// The scenes in order; `None`: those in the data, sorted by name.
        names: Option<Vec<String>>,
    },
}

/// What happens to rows without a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingScene {
    /// They form a scene of their own, the last.
    Own,
    /// They are left out.
    Drop,
    /// The first is an error.
    Error,
}

/// A set of ids.
#[derive(Clone, Debug)]
pub struct VocabularyCard {
    /// Name.
    pub name: String,
    /// Values seen fewer times in train rows share the reserved id of unseen ones.
    pub min_count: u64,
    /// Only this many values, the most frequent ones, have ids of their own.
    pub max_words: usize,
}

/// An input.
#[derive(Clone, Debug)]
pub struct FieldCard {
    /// Name of the field.
    pub name: String,
    /// The column it is made from.
    pub column: String,
    /// How.
    pub rule: FieldRule,
}

/// How a column becomes a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldRule {
    /// An id for each value; missing values have an id of their own.
    Category {
        /// Index into [`Card::vocabularies`].
        vocabulary: usize,
    },
    /// An id for each word, in order.
    Text {
        /// Index into [`Card::vocabularies`].
        vocabulary: usize,
        /// Words beyond this many are cut off.
        max_tokens: usize,
    },
    /// A number.
    Number {
        /// Applied first.
        transform: Transform,
        /// Whether the train mean is subtracted and the train deviation divided by.
        standardise: bool,
        /// What stands in for missing values.
        missing: Fill,
    },
    /// The number's interval between train quantiles, as an id.
    Bins {
        /// At most this many; fewer where quantiles coincide.
        bins: usize,
        /// What stands in for missing values; `None`: they have an id of their own.
        missing: Option<Fill>,
    },
}

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// x
    Identity,
    /// sign(x) · ln(1 + |x|), for heavy tails.
    Log1p,
}

impl Transform {
    pub(crate) fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Log1p => libm::copysign(libm::log1p(x.abs()), x),
        }
    }
}

/// What stands in for missing numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// The value.
    pub with: FillValue,
    /// Whether a field `NAME_missing` says (1 or 0) where it stands in; only made when a train row lacks the value.
    pub indicator: bool,
}

/// A value for missing numbers, in the column's units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FillValue {
    /// The mean of the known train rows (after the transform).
    Mean,
    /// Their median.
    Median,
    /// A constant.
    Constant(f64),
}

/// A target.
#[derive(Clone, Debug)]
pub struct TaskCard {
    /// Name.
    pub name: String,
    /// Where its labels come from.
    pub label: LabelRule,
    /// Where it is defined.
    pub space: Space,
}

/// Where labels come from. A missing value is an unknown label.
#[derive(Clone, Debug)]
pub enum LabelRule {
    /// Binary: a column of 0 and 1.
    Indicator(String),
    /// Binary: 1 where the column has one of these values.
    OneOf(String, &'static [&'static str]),
    /// Regression: a column of numbers.
    Number(String),
    /// Multiclass: a column of the whole numbers `first..first + classes`.
    Class {
        /// The column.
        column: String,
        /// The value of class 0.
        first: i64,
        /// Number of classes.
        classes: u32,
    },
    /// Binary: the conjunction of other tasks.
    Product(Vec<String>),
}

/// A subset of the rows.
#[derive(Clone, Debug)]
pub struct SliceCard {
    /// Name.
    pub name: &'static str,
    /// The column it depends on.
    pub column: &'static str,
    /// Which values belong to it.
    pub test: SliceTest,
}

/// Which values belong to a slice. A missing number belongs to none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SliceTest {
    /// Numbers below.
    Below(f64),
    /// Numbers from here on.
    AtLeast(f64),
    /// Texts of at least so many words.
    WordsAtLeast(usize),
    /// Missing values.
    Missing,
}

impl Card {
    /// The columns of the table that are needed, sorted.
    pub(crate) fn columns(&self) -> Vec<&str> {
        let scene = match &self.scene {
            SceneCard::One(_) => None,
            SceneCard::By { column, .. } => Some(column.as_str()),
        };
        let labels = self.tasks.iter().filter_map(|task| match &task.label {
            LabelRule::Indicator(column)
            | LabelRule::OneOf(column, _)
            | LabelRule::Number(column)
            | LabelRule::Class { column, .. } => Some(column),
            LabelRule::Product(_) => None,
        });
        let mut columns: Vec<&str> = scene.into_iter().chain(self.split.column()).collect();
        columns.extend(labels.map(String::as_str));
        columns.extend(self.fields.iter().map(|field| field.column.as_str()));
        columns.extend(self.slices.iter().map(|slice| slice.column));
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}
