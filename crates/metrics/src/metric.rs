//! The metrics by name, what they apply to, and the one way to a score.

use std::str::FromStr;

use crate::better::Better;
use crate::cutoff::Cutoff;
use crate::error::Error;
use crate::facts::Facts;
use crate::sample::Kind;

/// A way to score rows. Ordered as in tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Area under the ROC curve, ties counting half (binary).
    Auc,
    /// Mean over groups of the AUC within each, weighed by their rows (binary).
    Gauc,
    /// Area under the precision–recall curve: average precision (binary).
    PrAuc,
    /// Mean negative log probability of the label, in nats (binary, multiclass).
    LogLoss,
    /// Normalised entropy: log loss over the entropy of the scored rows' own rate (binary).
    Ne,
    /// Mean squared error (regression).
    Mse,
    /// Root mean squared error (regression).
    Rmse,
    /// Mean absolute error (regression).
    Mae,
    /// Coefficient of determination, against the scored rows' own mean (regression).
    R2,
    /// Spearman's rank correlation, ties sharing a rank (regression).
    Spearman,
    /// Share of rows whose most probable class is the label (binary, multiclass).
    Accuracy,
    /// Share of rows decided positive that are, at a threshold chosen on validation rows (binary).
    Precision,
    /// Share of positive rows decided positive, at the same threshold (binary).
    Recall,
    /// Harmonic mean of precision and recall, at the same threshold (binary).
    F1,
    /// Plain mean over classes of F1 (multiclass).
    MacroF1,
    /// Expected calibration error, over 15 bins of equal width (binary).
    Ece,
    /// Predicted over observed; best at 1 (binary, regression).
    Ratio,
    /// Discounted cumulative gain of each group's first k rows over that of its best order (binary, regression).
    Ndcg(Cutoff),
    /// Share of groups with a positive among their first k rows (binary).
    HitRate(Cutoff),
    /// Mean over groups of 1 / rank of the first positive (binary).
    Mrr,
}

impl Metric {
    /// All metrics, in the order of tables; those with a cutoff stand here with [`Cutoff::DEFAULT`].
    pub const ALL: [Self; 20] = [
        Self::Auc,
        Self::Gauc,
        Self::PrAuc,
        Self::LogLoss,
        Self::Ne,
        Self::Mse,
        Self::Rmse,
        Self::Mae,
        Self::R2,
        Self::Spearman,
        Self::Accuracy,
        Self::Precision,
        Self::Recall,
        Self::F1,
        Self::MacroF1,
        Self::Ece,
        Self::Ratio,
        Self::Ndcg(Cutoff::DEFAULT),
        Self::HitRate(Cutoff::DEFAULT),
        Self::Mrr,
    ];

    /// The name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// Which of two values is better.
    #[must_use]
    pub fn better(self) -> Better {
        self.facts().better
    }

    /// Whether the metric is defined for tasks of this kind.
    #[must_use]
    pub fn applies_to(self, kind: Kind) -> bool {
        let Facts { of: [binary, regression, multiclass], .. } = self.facts();
        match kind {
            Kind::Binary => binary,
            Kind::Regression => regression,
            Kind::Multiclass { .. } => multiclass,
        }
    }

    /// The metrics defined for tasks of this kind, in the order of [`Self::ALL`].
    pub fn of(kind: Kind) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |metric| metric.applies_to(kind))
    }

    /// Those of them that are [usual](Self::is_usual).
    pub fn usual(kind: Kind) -> impl Iterator<Item = Self> {
        Self::of(kind).filter(|metric| metric.is_usual())
    }

    /// Whether it is found at every look at a fit; the others take longer, and are found where they are asked for.
    #[must_use]
    pub fn is_usual(self) -> bool {
        self.facts().usual
    }

    /// Whether it tells positive rows from negative ones, so that a score comes with the number of each, and is dim
    /// with few of either.
    #[must_use]
    pub fn counts_classes(self) -> bool {
        self.facts().counts_classes
    }

    /// Whether its values lie between −1 and 1, so that they are written with the same decimals everywhere.
    #[must_use]
    pub fn is_share(self) -> bool {
        self.facts().share
    }

    /// Whether a model has to know something for the best of it. Calibration is perfect for one that predicts the base
    /// rate of every row, and precision and recall each give way to the other.
    #[must_use]
    pub fn tells_models_apart(self) -> bool {
        !self.facts().easy
    }

    /// Whether it is a mean over groups of rows, so that a sample needs their key.
    #[must_use]
    pub fn is_within_groups(self) -> bool {
        self.facts().within_groups
    }

    /// Whether it scores decisions, so that a sample needs a [`Threshold`](crate::Threshold).
    #[must_use]
    pub fn needs_threshold(self) -> bool {
        self.facts().decisions
    }

    /// Whether predictions have to be probabilities.
    pub(crate) fn needs_probabilities(self, kind: Kind) -> bool {
        self.facts().probabilities && kind != Kind::Regression
    }
}

impl FromStr for Metric {
    type Err = Error;

    /// Parses a [`Metric::name`]; `ndcg` and `hit_rate` alone are those with [`Cutoff::DEFAULT`].
    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|metric| metric.name() == name);
        let with_cutoff = || {
            let (stem, cutoff) = match name.split_once('@') {
                Some((stem, k)) => (stem, Cutoff::parse(k)?),
                None => (name, Cutoff::DEFAULT),
            };
            match stem {
                "ndcg" => Some(Self::Ndcg(cutoff)),
                "hit_rate" => Some(Self::HitRate(cutoff)),
                _ => None,
            }
        };
        known.or_else(with_cutoff).ok_or_else(|| Error::UnknownName {
            what: "metric",
            name: name.to_owned(),
            choices: Self::ALL.map(Self::name).to_vec(),
        })
    }
}

impl serde::Serialize for Metric {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for Metric {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}
