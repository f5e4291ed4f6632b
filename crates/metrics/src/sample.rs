//! The rows to score: predictions, labels and optional weights, borrowed and checked.

use mmtl_plan::TaskKind;

use crate::error::Error;
use crate::score::Reason;
use crate::sum::Sum;
use crate::threshold::Threshold;

/// A weight is 0 (the row takes no part) or lies in here, so that products of sums of weights stay finite and normal.
/// Every f32 does.
pub const WEIGHT_RANGE: std::ops::RangeInclusive<f64> = 1e-100..=1e100;

/// What a task's labels and predictions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Labels 0 and 1; one prediction a row: the probability of 1.
    Binary,
    /// One real label and prediction a row, both in the original units.
    Regression,
    /// Labels 0, 1, … classes − 1; predictions `[rows, classes]`, row-major: the probability of each class.
    Multiclass {
        /// Number of classes, at least 2.
        classes: usize,
    },
}

impl From<TaskKind> for Kind {
    fn from(kind: TaskKind) -> Self {
        match kind {
            TaskKind::Binary => Self::Binary,
            TaskKind::Regression { .. } => Self::Regression,
            TaskKind::Multiclass { classes } => Self::Multiclass { classes },
        }
    }
}

impl Kind {
    /// The kind's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Regression => "regression",
            Self::Multiclass { .. } => "multiclass",
        }
    }

    /// Predictions that one row has.
    #[must_use]
    pub fn width(self) -> usize {
        match self {
            Self::Binary | Self::Regression => 1,
            Self::Multiclass { classes } => classes,
        }
    }

    fn label_fault(self, label: f64) -> Option<Reason> {
        let classes = match self {
            _ if !label.is_finite() => return Some(Reason::LabelNotFinite),
            Self::Regression => return None,
            Self::Binary => 2.0,
            Self::Multiclass { classes } => classes as f64,
        };
        let is_class = label >= 0.0 && label < classes && label.fract() == 0.0;
        (!is_class).then_some(Reason::InvalidLabel)
    }
}

/// Borrowed numbers of either width. All arithmetic is in f64; the width decides how far a log loss is clipped.
#[derive(Debug, Clone, Copy)]
pub enum Column<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
}

impl Column<'_> {
    /// Number of values.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Value `index`, widened exactly.
    #[inline]
    pub(crate) fn get(self, index: usize) -> f64 {
        match self {
            Self::F32(values) => f64::from(values[index]),
            Self::F64(values) => values[index],
        }
    }

    /// Machine epsilon of the width: 2⁻²³ or 2⁻⁵².
    pub(crate) fn epsilon(self) -> f64 {
        match self {
            Self::F32(_) => f64::from(f32::EPSILON),
            Self::F64(_) => f64::EPSILON,
        }
    }
}

macro_rules! column_from {
    ($float:ty, $variant:ident) => {
        impl<'a> From<&'a [$float]> for Column<'a> {
            fn from(values: &'a [$float]) -> Self {
                Self::$variant(values)
            }
        }
        impl<'a> From<&'a Vec<$float>> for Column<'a> {
            fn from(values: &'a Vec<$float>) -> Self {
                Self::$variant(values)
            }
        }
        impl<'a, const N: usize> From<&'a [$float; N]> for Column<'a> {
            fn from(values: &'a [$float; N]) -> Self {
                Self::$variant(values)
            }
        }
    };
}
column_from!(f32, F32);
column_from!(f64, F64);

/// The rows of one score. A row of weight 0 takes no part, whatever its label and prediction hold: weights can carry
/// the mask of known labels.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    pub(crate) kind: Kind,
    pub(crate) predictions: Column<'a>,
    pub(crate) labels: Column<'a>,
    pub(crate) weights: Option<Column<'a>>,
    pub(crate) groups: Option<&'a [u64]>,
    pub(crate) threshold: Option<Threshold<'a>>,
}

/// What the labels and weights say, whatever the model.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) rows: u64,
    pub(crate) weight: f64,
    pub(crate) positives: u64,
    pub(crate) negatives: u64,
}

impl<'a> Sample<'a> {
    /// Rows of equal weight. `labels`: \[rows\]; `predictions`: \[rows\], or \[rows, classes\] row-major for multiclass.
    ///
    /// # Errors
    /// [`Error::Length`] if the two disagree, [`Error::TooFewClasses`] for fewer than two classes.
    pub fn new(kind: Kind, predictions: impl Into<Column<'a>>, labels: impl Into<Column<'a>>) -> Result<Self, Error> {
        let (predictions, labels) = (predictions.into(), labels.into());
        match kind {
            Kind::Multiclass { classes: classes @ (0 | 1) } => return Err(Error::TooFewClasses { classes }),
            Kind::Multiclass { .. } | Kind::Binary | Kind::Regression => {}
        }
        check_length("predictions", predictions.len(), labels.len().saturating_mul(kind.width()), labels.len())?;
        Ok(Self { kind, predictions, labels, weights: None, groups: None, threshold: None })
    }

    /// The same rows, weighted. `weights`: \[rows\], each 0 or in [`WEIGHT_RANGE`].
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one weight a row.
    pub fn with_weights(self, weights: impl Into<Column<'a>>) -> Result<Self, Error> {
        let weights = weights.into();
        check_length("weights", weights.len(), self.labels.len(), self.labels.len())?;
        Ok(Self { weights: Some(weights), ..self })
    }

    /// The same rows with the group (user, request) of each. `groups`: \[rows\].
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one group a row.
    pub fn with_groups(self, groups: &'a [u64]) -> Result<Self, Error> {
        check_length("groups", groups.len(), self.labels.len(), self.labels.len())?;
        Ok(Self { groups: Some(groups), ..self })
    }

    /// The same rows with the threshold from which a prediction counts as positive.
    ///
    /// # Errors
    /// [`Error::Length`] if there is to be one for each row, and is not.
    pub fn with_threshold(self, threshold: impl Into<Threshold<'a>>) -> Result<Self, Error> {
        let threshold = threshold.into();
        if let Threshold::Each(thresholds) = threshold {
            check_length("thresholds", thresholds.len(), self.labels.len(), self.labels.len())?;
        }
        Ok(Self { threshold: Some(threshold), ..self })
    }

    /// What the labels and predictions are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    #[inline]
    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights.get(row))
    }

    /// Rows that take part, in order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.labels.len()).filter(|&row| self.weight(row) != 0.0)
    }

    /// (prediction, label, weight) of the rows that take part; kinds with one prediction a row only.
    pub(crate) fn triples(&self) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        self.rows().map(|row| (self.predictions.get(row), self.labels.get(row), self.weight(row)))
    }

    /// Counts the rows; the fault, if any, is one that no model could mend.
    pub(crate) fn count(&self) -> (Counts, Option<Reason>) {
        let mut counts = Counts::default();
        let mut weight_sum = Sum::default();
        let mut fault = None;
        for row in self.rows() {
            let (label, weight) = (self.labels.get(row), self.weight(row));
            counts.rows += 1;
            if WEIGHT_RANGE.contains(&weight) {
                weight_sum.add(weight);
            } else {
                fault = fault.or(Some(Reason::InvalidWeight));
            }
            fault = fault.or_else(|| self.kind.label_fault(label));
            counts.positives += u64::from(label == 1.0);
            counts.negatives += u64::from(label == 0.0);
        }
        counts.weight = weight_sum.total();
        if counts.rows == 0 {
            fault = Some(if self.labels.is_empty() { Reason::Empty } else { Reason::ZeroWeight });
        }
        (counts, fault)
    }

    /// The first prediction that is not finite.
    pub(crate) fn prediction_fault(&self) -> Option<Reason> {
        let width = self.kind.width();
        self.rows()
            .flat_map(|row| row * width..(row + 1) * width)
            .any(|index| !self.predictions.get(index).is_finite())
            .then_some(Reason::PredictionNotFinite)
    }

    /// The first row whose predictions are no probabilities. An epsilon beyond 0 or 1 is rounding; a row's sum may be
    /// off by √epsilon, from where scikit-learn warns.
    pub(crate) fn probability_fault(&self) -> Option<Reason> {
        let (width, epsilon) = (self.kind.width(), self.predictions.epsilon());
        let allowed = -epsilon..=1.0 + epsilon;
        self.rows()
            .any(|row| {
                let mut values = (row * width..(row + 1) * width).map(|index| self.predictions.get(index));
                let in_range = values.clone().all(|p| allowed.contains(&p));
                let sum: f64 = values.by_ref().sum();
                !in_range || (width > 1 && (sum - 1.0).abs() > epsilon.sqrt())
            })
            .then_some(Reason::NotProbability)
    }
}

fn check_length(column: &'static str, got: usize, expected: usize, rows: usize) -> Result<(), Error> {
    if got == expected { Ok(()) } else { Err(Error::Length { column, got, expected, rows }) }
}
