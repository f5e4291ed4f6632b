//! A score: a value with its counts, or the reason why there is none.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{self, Serialize, SerializeMap, Serializer};

/// An AUC (or another score of how positives are told apart) over fewer positives or fewer negatives than this is dim: shown, but never best and left out of macro means.
/// With 30 positives among many negatives its standard error still is about 0.05 at AUC 0.8 (Radiology 143, 1982).
pub const DIM_BELOW: u64 = 30;

/// Why a score has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no row to score; for a mean: no cell that takes part.
    Empty,
    /// All rows are of one class, so that there is no pair to rank.
    SingleClass,
    /// There are rows, but the weight of each is 0.
    ZeroWeight,
    /// A weight is negative, not finite, or outside [`WEIGHT_RANGE`](crate::WEIGHT_RANGE).
    InvalidWeight,
    /// A label is NaN or infinite.
    LabelNotFinite,
    /// A binary label is neither 0 nor 1, or a class label is not a whole number below the number of classes.
    InvalidLabel,
    /// The baseline of a skill leaves nothing to explain, or there is no rank to correlate: constant labels or a single
    /// train class.
    ConstantTarget,
    /// No row is positive, so that there is none to find.
    NoPositive,
    /// The labels do not sum to more than 0, so that nothing was observed to compare a prediction to.
    NothingObserved,
    /// A gain is negative.
    NegativeGain,
    /// Rows have no user or request to go by.
    NoGroups,
    /// Each group is of one class, so that none has a pair to rank.
    SingleClassGroups,
    /// There is no validation row to choose a threshold by.
    NoValidationRows,
    /// No validation row is positive, so that every threshold is as good.
    NoPositiveValidationRow,
    /// A prediction is NaN or infinite.
    PredictionNotFinite,
    /// A prediction that has to be a probability lies outside [0, 1], or a row's probabilities do not sum to 1.
    NotProbability,
    /// Predictions are finite, but so far off that their error is not.
    Overflow,
    /// All predictions are the same, so that there is no rank to correlate.
    ConstantPrediction,
    /// No row is predicted positive, so that there is no share of them.
    NothingPredicted,
}

/// Who is to blame for an undefined score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// No model could have a score here: the cell leaves a mean.
    Data,
    /// Another model would have a score here: the mean is undefined.
    Model,
}

impl Reason {
    /// Whether the data or the model is to blame.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::Empty
            | Self::SingleClass
            | Self::ZeroWeight
            | Self::InvalidWeight
            | Self::LabelNotFinite
            | Self::InvalidLabel
            | Self::ConstantTarget
            | Self::NoPositive
            | Self::NothingObserved
            | Self::NegativeGain
            | Self::NoGroups
            | Self::SingleClassGroups
            | Self::NoValidationRows
            | Self::NoPositiveValidationRow => Blame::Data,
            Self::PredictionNotFinite
            | Self::NotProbability
            | Self::Overflow
            | Self::ConstantPrediction
            | Self::NothingPredicted => Blame::Model,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no rows",
            Self::SingleClass => "one class only",
            Self::ZeroWeight => "all weights are 0",
            Self::InvalidWeight => "a weight is negative, not finite or out of range",
            Self::LabelNotFinite => "a label is not finite",
            Self::InvalidLabel => "a label is not a class",
            Self::ConstantTarget => "the baseline leaves nothing to explain",
            Self::PredictionNotFinite => "a prediction is not finite",
            Self::NotProbability => "a prediction is not a probability",
            Self::Overflow => "the error overflows",
            Self::NoPositive => "no positive row",
            Self::NothingObserved => "the labels do not sum to more than 0",
            Self::NegativeGain => "a gain is negative",
            Self::NoGroups => "the data has no group key",
            Self::SingleClassGroups => "no group holds both classes",
            Self::NoValidationRows => "no validation row to choose a threshold by",
            Self::NoPositiveValidationRow => "no positive validation row to choose a threshold by",
            Self::ConstantPrediction => "all predictions are the same",
            Self::NothingPredicted => "no row is predicted positive",
        })
    }
}

/// A finite number, or the reason why there is none. In JSON `0.75` or `{"undefined":"single_class"}`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Score {
    /// The score; finite wherever this crate made it.
    Value(f64),
    /// No score.
    Undefined(Reason),
}

impl Score {
    /// The value, if there is one.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Undefined(_) => None,
        }
    }

    /// Why there is no value, if there is none.
    #[must_use]
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Value(_) => None,
            Self::Undefined(reason) => Some(reason),
        }
    }

    /// Applies `f` to a value; a result that is not finite becomes [`Reason::Overflow`].
    #[must_use]
    pub fn map(self, f: impl FnOnce(f64) -> f64) -> Self {
        match self {
            Self::Value(value) => Self::finite_or(Some(f(value)), Reason::Overflow),
            Self::Undefined(reason) => Self::Undefined(reason),
        }
    }

    /// The value if there is a finite one, else `reason`.
    pub(crate) fn finite_or(value: Option<f64>, reason: Reason) -> Self {
        value.filter(|v| v.is_finite()).map_or(Self::Undefined(reason), Self::Value)
    }
}

impl Serialize for Score {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) if value.is_finite() => serializer.serialize_f64(*value),
            // JSON would silently turn it into null.
            Self::Value(value) => Err(ser::Error::custom(format_args!("score value {value} is not finite"))),
            Self::Undefined(reason) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("undefined", reason)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Score {
    // By hand, because an untagged enum answers every mistake with "data did not match any variant".
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScoreVisitor)
    }
}

struct ScoreVisitor;

impl<'de> Visitor<'de> for ScoreVisitor {
    type Value = Score;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a finite number or {"undefined": reason}"#)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Score, E> {
        if value.is_finite() {
            Ok(Score::Value(value))
        } else {
            Err(E::invalid_value(de::Unexpected::Float(value), &self))
        }
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Score, E> {
        Ok(Score::Value(value as f64))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Score, E> {
        Ok(Score::Value(value as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Score, A::Error> {
        let Some(key) = map.next_key::<String>()? else {
            return Err(de::Error::missing_field("undefined"));
        };
        if key != "undefined" {
            return Err(de::Error::unknown_field(&key, &["undefined"]));
        }
        let reason = map.next_value()?;
        match map.next_key::<String>()? {
            None => Ok(Score::Undefined(reason)),
            Some(extra) => Err(de::Error::unknown_field(&extra, &["undefined"])),
        }
    }
}

/// A score with the counts behind it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    /// The score.
    pub score: Score,
    /// Rows that took part (those of weight 0 do not).
    pub rows: u64,
    /// Σ of their weights; the number of rows where there are none. What a row-weighted mean weighs this cell by.
    pub weight: f64,
    /// n⁺, rows of label 1: for metrics that [count classes](crate::Metric::counts_classes) only.
    pub positives: Option<u64>,
    /// n⁻, rows of label 0: likewise.
    pub negatives: Option<u64>,
    /// The share of rows, by weight, in groups that a mean over groups is about: for metrics within groups only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covered: Option<f64>,
    /// The threshold of the decisions, if one holds for all rows: for precision, recall and F1 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Which data the rows are of, where scores over several stand side by side: a number that whoever gathers them gives to
    /// each. In no file, since a run has but one.
    #[serde(skip)]
    pub data: u32,
}

impl Scored {
    /// A score over rows of weight 1, without further counts.
    #[must_use]
    pub fn over(score: Score, rows: u64) -> Self {
        let (positives, negatives, covered, threshold) = (None, None, None, None);
        Self { score, rows, weight: rows as f64, positives, negatives, covered, threshold, data: 0 }
    }

    /// Whether the metric counts classes, and fewer than [`DIM_BELOW`] rows are of either.
    #[must_use]
    pub fn is_dim(&self) -> bool {
        let few = |count: Option<u64>| count.is_some_and(|n| n < DIM_BELOW);
        few(self.positives) || few(self.negatives)
    }
}
