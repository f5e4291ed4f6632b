//! From which prediction on a row counts as positive.

use crate::error::Error;
use crate::metric::Metric;
use crate::sample::Sample;
use crate::score::{Reason, Score};
use crate::sweep::sweep;

/// The threshold of a sample's rows. A row counts as positive if its prediction is at it or above.
#[derive(Debug, Clone, Copy)]
pub enum Threshold<'a> {
    /// One for all rows.
    All(f64),
    /// One for each row, where several fits, each with its own, predicted them: \[rows\].
    Each(&'a [f64]),
    /// None could be chosen, because of this.
    Missing(Reason),
}

impl From<Score> for Threshold<'_> {
    fn from(chosen: Score) -> Self {
        match chosen {
            Score::Value(threshold) => Self::All(threshold),
            Score::Undefined(reason) => Self::Missing(reason),
        }
    }
}

/// The threshold that maximises F1 on a binary sample, among its predictions. Of several the lowest: the same F1 with
/// the higher recall, and what the first maximum over scikit-learn's `precision_recall_curve` gives.
///
/// To be chosen on validation rows. On the rows that are then scored it would be fitted to them: Lipton et al.,
/// "Optimal Thresholding of Classifiers to Maximize F1 Measure", ECML PKDD 2014.
///
/// # Errors
/// [`Error::NotApplicable`] if the sample is not binary.
pub fn best_threshold(sample: &Sample) -> Result<Score, Error> {
    let every_row = sample.with_threshold(Threshold::All(f64::NEG_INFINITY))?;
    let f1 = Metric::F1.score(&every_row)?;
    if let Score::Undefined(reason) = f1.score {
        return Ok(Score::Undefined(reason));
    }
    let steps = sweep(sample);
    let actual = steps.last().map_or(0.0, |all| all.positive);
    let f1 = |positive: f64, all: f64| 2.0 * positive / (all + actual);
    let best = steps.iter().map(|above| (f1(above.positive, above.all), above.prediction));
    // Equal fractions of whole numbers round to equal quotients, so that ties are ties.
    let best = best.reduce(|best, next| if next.0 >= best.0 { next } else { best });
    Ok(Score::finite_or(best.map(|(_, prediction)| prediction), Reason::Overflow))
}
