//! Accuracy: the weighted share of rows whose most probable class is the label.
//!
//! Ties go to the lower class, as in numpy's `argmax`: a binary row is predicted 1 if its probability exceeds 0.5, and
//! 0 at exactly 0.5.

use crate::sample::{Kind, Sample};
use crate::sum::weighted_mean;

/// The accuracy; `None` for a sample without classes.
pub(crate) fn accuracy(sample: &Sample) -> Option<f64> {
    let predicted: &dyn Fn(usize) -> f64 = match sample.kind {
        Kind::Binary => &|row| f64::from(u8::from(sample.predictions.get(row) > 0.5)),
        Kind::Multiclass { classes } => &move |row| argmax(sample, row, classes) as f64,
        Kind::Regression => return None,
    };
    weighted_mean(sample.rows().map(|row| {
        let hit = predicted(row) == sample.labels.get(row);
        (f64::from(u8::from(hit)), sample.weight(row))
    }))
}

/// The first class of the highest probability.
pub(crate) fn argmax(sample: &Sample, row: usize, classes: usize) -> usize {
    let probability = |class: usize| sample.predictions.get(row * classes + class);
    (1..classes).fold(0, |best, class| if probability(class) > probability(best) { class } else { best })
}
