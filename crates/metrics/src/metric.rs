//! The metrics by name, what they apply to, and the one way to a score.

use std::str::FromStr;

use crate::accuracy::accuracy;
use crate::auc::auc;
use crate::error::Error;
use crate::log_loss::log_loss;
use crate::mae::mae;
use crate::mse::mse;
use crate::rmse::rmse;
use crate::sample::{Kind, Sample};
use crate::score::{Reason, Score, Scored};

/// A way to score rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Area under the ROC curve, ties counting half (binary).
    Auc,
    /// Mean negative log probability of the label, in nats (binary, multiclass).
    LogLoss,
    /// Mean squared error (regression).
    Mse,
    /// Root mean squared error (regression).
    Rmse,
    /// Mean absolute error (regression).
    Mae,
    /// Share of rows whose most probable class is the label (binary, multiclass).
    Accuracy,
}

impl Metric {
    /// All metrics, in the order of tables.
    pub const ALL: [Self; 6] = [Self::Auc, Self::LogLoss, Self::Mse, Self::Rmse, Self::Mae, Self::Accuracy];

    /// The name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::LogLoss => "logloss",
            Self::Mse => "mse",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::Accuracy => "accuracy",
        }
    }

    /// Whether a higher value is better.
    #[must_use]
    pub fn higher_is_better(self) -> bool {
        match self {
            Self::Auc | Self::Accuracy => true,
            Self::LogLoss | Self::Mse | Self::Rmse | Self::Mae => false,
        }
    }

    /// Whether the metric is defined for tasks of this kind.
    #[must_use]
    pub fn applies_to(self, kind: Kind) -> bool {
        match (self, kind) {
            (Self::Auc, Kind::Binary)
            | (Self::LogLoss | Self::Accuracy, Kind::Binary | Kind::Multiclass { .. })
            | (Self::Mse | Self::Rmse | Self::Mae, Kind::Regression) => true,
            (Self::Auc, Kind::Regression | Kind::Multiclass { .. })
            | (Self::LogLoss | Self::Accuracy, Kind::Regression)
            | (Self::Mse | Self::Rmse | Self::Mae, Kind::Binary | Kind::Multiclass { .. }) => false,
        }
    }

    /// The metrics defined for tasks of this kind, in the order of [`Self::ALL`].
    pub fn of(kind: Kind) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |metric| metric.applies_to(kind))
    }

    /// Scores a sample. Faults of the data are looked for before those of the model, so that the cells which leave a
    /// mean are the same for every model.
    ///
    /// # Errors
    /// [`Error::NotApplicable`] if the metric does not apply to the sample's kind.
    pub fn score(self, sample: &Sample) -> Result<Scored, Error> {
        if !self.applies_to(sample.kind) {
            let choices = Self::of(sample.kind).map(Self::name).collect();
            return Err(Error::NotApplicable { metric: self.name(), kind: sample.kind.name(), choices });
        }
        let (counts, data_fault) = sample.count();
        let is_auc = self == Self::Auc;
        let single_class = is_auc && (counts.positives == 0 || counts.negatives == 0);
        let fault = data_fault
            .or(single_class.then_some(Reason::SingleClass))
            .or_else(|| sample.prediction_fault())
            .or_else(|| if self.needs_probabilities() { sample.probability_fault() } else { None });
        let score = match fault {
            Some(reason) => Score::Undefined(reason),
            None => Score::finite_or(self.value(sample), Reason::Overflow),
        };
        Ok(Scored {
            score,
            rows: counts.rows,
            weight: counts.weight,
            positives: is_auc.then_some(counts.positives),
            negatives: is_auc.then_some(counts.negatives),
        })
    }

    fn needs_probabilities(self) -> bool {
        match self {
            Self::LogLoss | Self::Accuracy => true,
            Self::Auc | Self::Mse | Self::Rmse | Self::Mae => false,
        }
    }

    fn value(self, sample: &Sample) -> Option<f64> {
        match self {
            Self::Auc => Some(auc(sample)),
            Self::LogLoss => log_loss(sample),
            Self::Mse => mse(sample),
            Self::Rmse => rmse(sample),
            Self::Mae => mae(sample),
            Self::Accuracy => accuracy(sample),
        }
    }
}

impl FromStr for Metric {
    type Err = Error;

    /// Parses a [`Metric::name`].
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| Error::UnknownName {
            what: "metric",
            name: name.to_owned(),
            choices: Self::ALL.map(Self::name).to_vec(),
        })
    }
}
