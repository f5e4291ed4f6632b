//! What the columns of a table mean: fields, tasks, scenes, slices and parts. Every source describes itself by a card,
//! and all preprocessing follows from it.

use std::collections::HashSet;

use mmtl_plan::Space;
use serde::{Deserialize, Serialize};

use crate::expression::Expression;
use crate::listed::Listed;
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
    /// What a row is known by.
    pub identity: Identity,
    /// What the rows of one user or request share.
    pub group: Option<String>,
    /// The column of row weights.
    pub weight: Option<String>,
    /// Columns with labels, or values that tell them, that may be fields all the same.
    pub allowed_labels: Vec<String>,
}

/// What a row is known by: its id decides its part in a random split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Its place in the table, which ships with the program and never changes.
    Position,
    /// A column of ids, each unique.
    Column(String),
    /// The values of these columns, so that neither other rows nor their order matter. Rows of equal values are in the
    /// same part.
    Contents(Vec<String>),
}

/// How the scene of a row is found.
#[derive(Clone, Debug, PartialEq)]
pub enum SceneCard {
    /// All rows are of one scene of this name.
    One(String),
    /// By the values of columns.
    By(SceneRule),
}

/// From the values of columns to a scene.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneRule {
    /// The columns; the names of scenes of several are joined by ` / `.
    pub columns: Vec<String>,
    /// Which values are one scene.
    pub grouping: Grouping,
    /// What happens to rows without a value.
    pub missing: Leftover,
    /// What happens to rows with a value that has no scene.
    pub others: Leftover,
    /// The scenes in order; `None`: those in the data, sorted by name.
    pub names: Option<Vec<Listed>>,
}

/// Which values are one scene.
#[derive(Clone, Debug, PartialEq)]
pub enum Grouping {
    /// Each is one.
    Values,
    /// Those of a list are one, with a name.
    Groups(Vec<(String, Vec<Listed>)>),
    /// Numbers between two cuts (the lower one included) are one.
    Bins(Vec<f64>),
}

/// What happens to rows without a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
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
    /// How missing numbers are guessed before [`Fill`] stands in for what is left.
    pub impute: Impute,
    /// What separates the values of a list in a text.
    pub separator: String,
}

/// How a missing number is guessed from train rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Impute {
    /// It is not.
    Never,
    /// The mean over the nearest train rows (Troyanskaya et al., Bioinformatics 17(6), 2001).
    Neighbours {
        /// How many.
        count: usize,
        /// Columns of numbers; each counts in units of its deviation.
        by: Vec<String>,
    },
    /// Between the train rows of a group before and after, along time; at its ends the nearest one's value.
    Interpolate {
        /// The column of groups.
        within: String,
        /// The column of times.
        over: String,
        /// What its numbers count.
        unit: TimeUnit,
    },
}

impl Impute {
    /// The columns that it reads beside its own.
    pub(crate) fn columns(&self) -> Vec<&String> {
        match self {
            Self::Never => vec![],
            Self::Neighbours { by, .. } => by.iter().collect(),
            Self::Interpolate { within, over, .. } => vec![within, over],
        }
    }
}

/// The end of a list that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// Its first values.
    First,
    /// Its last ones, in a history the most recent.
    Last,
}

/// A part of a time (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimePart {
    /// 0 to 23.
    Hour,
    /// Monday 0 to Sunday 6.
    Weekday,
    /// 1 to 31.
    Day,
    /// 1 to 12.
    Month,
}

/// What numbers that are times count, from 1970-01-01 UTC on. Dates and times as text need none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Seconds, as the card does not say; numbers that may well be dates are refused.
    Unsaid,
    /// Seconds.
    Seconds,
    /// Thousandths.
    Milliseconds,
    /// Millionths.
    Microseconds,
    /// Days.
    Days,
    /// They count nothing: their digits are those of year, month and day.
    Date,
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
    /// An id for each value of a list, in order.
    List {
        /// Index into [`Card::vocabularies`].
        vocabulary: usize,
        /// Values beyond this many are cut off.
        max: usize,
        /// At which end.
        keep: Keep,
    },
    /// A part of a time, as an id.
    Time(TimePart, TimeUnit),
    /// A number.
    Number {
        /// Numbers outside are moved to the nearer end, before all else.
        clip: Option<(f64, f64)>,
        /// Applied next.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Binary: 1 where the condition holds, unknown where a missing value leaves it open.
    When(Expression),
    /// Binary: 1 where a column has a time, at most so long after the row's own.
    Within {
        /// When it happened; missing: never.
        column: String,
        /// When the row was.
        row: String,
        /// Units of both.
        unit: TimeUnit,
        /// Seconds between them, at most.
        window: f64,
        /// Labels of rows that were observed for less than the window are unknown: the log ends here (seconds).
        until: Option<f64>,
    },
    /// Regression: a column of numbers.
    Number {
        /// The column.
        column: String,
        /// Applied to them; predictions are scored on this scale.
        transform: Transform,
    },
    /// Multiclass: a column of the whole numbers `first..first + classes`.
    Class {
        /// The column.
        column: String,
        /// The value of class 0.
        first: i64,
        /// Number of classes.
        classes: u32,
    },
    /// Multiclass: a column of these texts.
    OneOf {
        /// The column.
        column: String,
        /// One for each class.
        classes: Vec<Listed>,
    },
    /// Binary: the conjunction of other tasks.
    Product(Vec<String>),
}

/// A subset of the rows: those for which a condition holds.
#[derive(Clone, Debug)]
pub struct SliceCard {
    /// Name.
    pub name: String,
    /// The condition.
    pub test: Expression,
}

/// What a column is used as, which decides how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use<'a> {
    /// A list, whose values this separates in a text.
    List(&'a str),
    /// One value.
    Value,
    /// Running text.
    Text,
}

impl LabelRule {
    /// Calls `each` with every column it reads and what for.
    pub(crate) fn each_column<'a>(&'a self, each: &mut dyn FnMut(&'a str, Use<'a>)) {
        match self {
            Self::Indicator(column)
            | Self::Number { column, .. }
            | Self::Class { column, .. }
            | Self::OneOf { column, .. } => {
                each(column, Use::Value);
            }
            Self::Within { column, row, .. } => {
                each(column, Use::Value);
                each(row, Use::Value);
            }
            Self::When(condition) => each_of_condition(condition, each),
            Self::Product(_) => {}
        }
    }
}

fn each_of_condition<'a>(condition: &'a Expression, each: &mut dyn FnMut(&'a str, Use<'a>)) {
    condition.each_column(&mut |column, words| each(column, if words { Use::Text } else { Use::Value }));
}

impl Default for Card {
    /// A card without fields and tasks, for tables that ship with the program.
    fn default() -> Self {
        Self {
            name: String::new(),
            scene: SceneCard::One("all".to_owned()),
            vocabularies: vec![],
            fields: vec![],
            tasks: vec![],
            slices: vec![],
            split: Split::Random { valid: 0.1, test: 0.1 },
            unseen_scenes: false,
            identity: Identity::Position,
            group: None,
            weight: None,
            allowed_labels: vec![],
        }
    }
}

impl SceneCard {
    /// By the values of one column, each a scene.
    pub(crate) fn by(column: &str, missing: Leftover, names: Option<Vec<Listed>>) -> Self {
        let (columns, grouping) = (vec![column.to_owned()], Grouping::Values);
        Self::By(SceneRule { columns, grouping, missing, others: Leftover::Error, names })
    }
}

impl Card {
    /// The columns of the table that are needed and what for, sorted. One that is used in several ways is read in the
    /// way that serves all: as text before values, as values before lists.
    pub(crate) fn columns(&self) -> Vec<(&str, Use<'_>)> {
        let mut columns: Vec<(&str, Use)> = vec![];
        if let SceneCard::By(rule) = &self.scene {
            columns.extend(rule.columns.iter().map(|column| (column.as_str(), Use::Value)));
        }
        if let Identity::Column(column) = &self.identity {
            columns.push((column, Use::Value));
        }
        let single = self.split.column().into_iter().chain(self.group.as_deref()).chain(self.weight.as_deref());
        columns.extend(single.map(|column| (column, Use::Value)));
        for task in &self.tasks {
            task.label.each_column(&mut |column, used| columns.push((column, used)));
        }
        for slice in &self.slices {
            each_of_condition(&slice.test, &mut |column, used| columns.push((column, used)));
        }
        for field in &self.fields {
            columns.push((&field.column, field.used()));
            let helpers = field.impute.columns();
            columns.extend(helpers.into_iter().map(|column| (column.as_str(), Use::Value)));
        }
        if let Identity::Contents(all) = &self.identity {
            let used = |name: &String| columns.iter().any(|(column, _)| column == name);
            let others: Vec<_> =
                all.iter().filter(|name| !used(name)).map(|name| (name.as_str(), Use::Value)).collect();
            columns.extend(others);
        }
        columns.sort_unstable();
        // The strongest use of a column stands last.
        columns.reverse();
        columns.dedup_by(|later, first| later.0 == first.0);
        columns.reverse();
        columns
    }
}

impl Card {
    /// The columns that fields and scene are made of, sorted, each as [`Card::columns`] has it: what rows need that are only
    /// predicted.
    pub(crate) fn input_columns(&self) -> Vec<(&str, Use<'_>)> {
        let fields = self.fields.iter().flat_map(|field| {
            let helpers = field.impute.columns();
            std::iter::once(&field.column).chain(helpers)
        });
        let scene: &[String] = if let SceneCard::By(rule) = &self.scene { &rule.columns } else { &[] };
        let inputs: HashSet<&str> = fields.chain(scene).map(String::as_str).collect();
        self.columns().into_iter().filter(|(column, _)| inputs.contains(column)).collect()
    }
}

impl FieldCard {
    /// A field that is not made of lists.
    pub(crate) fn new(name: &str, column: &str, rule: FieldRule) -> Self {
        let (name, column) = (name.to_owned(), column.to_owned());
        Self { name, column, rule, impute: Impute::Never, separator: String::new() }
    }

    pub(crate) fn used(&self) -> Use<'_> {
        match self.rule {
            FieldRule::Text { .. } => Use::Text,
            FieldRule::List { .. } => Use::List(&self.separator),
            FieldRule::Category { .. } | FieldRule::Time(..) | FieldRule::Number { .. } | FieldRule::Bins { .. } => {
                Use::Value
            }
        }
    }
}
