//! Skill: one sign and scale for tasks of all kinds. 1 is perfect, 0 is no better than knowing the train rows' mean or
//! rates, below 0 is worse.
//!
//! | kind | skill | baseline |
//! | --- | --- | --- |
//! | binary | 2·AUC − 1 (the Gini coefficient, Somers' D) | chance |
//! | regression | 1 − MSE / MSE of the train mean | the train mean, on the scored rows |
//! | multiclass | 1 − log loss / H(train rates), H = −Σ r·ln r (likelihood-ratio R²) | entropy of the train rates |
//!
//! The skill of a run is [`Mean::over`](crate::Mean::over) its tasks, with the rule for undefined cells of any mean.

use crate::error::Error;
use crate::metric::Metric;
use crate::mse::mse_of_constant;
use crate::sample::{Kind, Sample};
use crate::score::{Reason, Score, Scored};
use crate::sum::Sum;

/// How far train rates may be from summing to 1: they are counts over a count.
const RATES_TOLERANCE: f64 = 1e-9;

/// What a model without skill would know, from train rows alone.
#[derive(Debug, Clone, PartialEq)]
pub enum Baseline {
    /// Binary: nothing.
    Chance,
    /// Regression: the mean label, in original units.
    TrainMean(f64),
    /// Multiclass: the share of each class, `[classes]`.
    TrainRates(Vec<f64>),
}

impl Baseline {
    fn name(&self) -> &'static str {
        match self {
            Self::Chance => "chance",
            Self::TrainMean(_) => "the train mean",
            Self::TrainRates(_) => "the train rates",
        }
    }
}

/// The skill of one task's predictions, with the counts of the metric under it.
///
/// # Errors
/// [`Error::Baseline`] if the baseline is not the one of the sample's kind, [`Error::Rates`] if train rates are no
/// distribution over its classes.
pub fn skill(sample: &Sample, baseline: &Baseline) -> Result<Scored, Error> {
    match (sample.kind, baseline) {
        (Kind::Binary, Baseline::Chance) => {
            let auc = Metric::Auc.score(sample)?;
            Ok(Scored { score: auc.score.map(|auc| 2.0 * auc - 1.0), ..auc })
        }
        (Kind::Regression, Baseline::TrainMean(mean)) => {
            let mse = Metric::Mse.score(sample)?;
            Ok(Scored { score: share_explained(mse.score, mse_of_constant(sample, *mean)), ..mse })
        }
        (Kind::Multiclass { classes }, Baseline::TrainRates(rates)) => {
            let entropy = entropy(rates, classes)?;
            let loss = Metric::LogLoss.score(sample)?;
            Ok(Scored { score: share_explained(loss.score, Some(entropy)), ..loss })
        }
        (kind @ Kind::Binary, _) => Err(mismatch(kind, "chance", baseline)),
        (kind @ Kind::Regression, _) => Err(mismatch(kind, "the train mean", baseline)),
        (kind @ Kind::Multiclass { .. }, _) => Err(mismatch(kind, "the train rates", baseline)),
    }
}

/// 1 − loss / baseline loss. A baseline that is 0 or has no value is a property of the data, whatever the loss.
fn share_explained(loss: Score, baseline: Option<f64>) -> Score {
    match (loss, baseline) {
        (Score::Undefined(reason), _) if reason.blame() == crate::Blame::Data => loss,
        (_, Some(baseline)) if baseline > 0.0 && baseline.is_finite() => loss.map(|loss| 1.0 - loss / baseline),
        (_, _) => Score::Undefined(Reason::ConstantTarget),
    }
}

fn entropy(rates: &[f64], classes: usize) -> Result<f64, Error> {
    let total = rates.iter().copied().collect::<Sum>().total();
    let all_shares = rates.iter().all(|rate| (0.0..=1.0).contains(rate));
    if rates.len() != classes || !all_shares || (total - 1.0).abs() > RATES_TOLERANCE {
        return Err(Error::Rates { rates: rates.to_vec(), classes });
    }
    // 0·ln 0 = 0
    let terms = rates.iter().filter(|rate| **rate > 0.0).map(|rate| -rate * rate.ln());
    Ok(terms.collect::<Sum>().total())
}

fn mismatch(kind: Kind, expected: &'static str, baseline: &Baseline) -> Error {
    Error::Baseline { kind: kind.name(), expected, got: baseline.name() }
}
