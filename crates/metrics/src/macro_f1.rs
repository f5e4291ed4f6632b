//! Macro F1: the plain mean over classes of F1 = 2·both / (predicted + actual), by weight. The predicted class is the
//! most probable one, ties going to the lower, as in accuracy.
//!
//! The mean is over classes that occur among the labels or the predicted classes, as in scikit-learn's `f1_score` with
//! `average="macro"`: a class that does not occur has no F1, and one that only the model names has 0.

use crate::accuracy::argmax;
use crate::sample::Sample;
use crate::sum::{Sum, weighted_mean};

/// The macro F1 of a multiclass sample.
pub(crate) fn macro_f1(sample: &Sample) -> Option<f64> {
    let classes = sample.kind.width();
    let mut both = vec![Sum::default(); classes];
    let mut either = vec![Sum::default(); classes];
    for row in sample.rows() {
        let (label, weight) = (sample.labels.get(row) as usize, sample.weight(row));
        let predicted = argmax(sample, row, classes);
        either[label].add(weight);
        either[predicted].add(weight);
        if label == predicted {
            both[label].add(weight);
        }
    }
    let of_classes = both.iter().zip(&either).map(|(both, either)| (2.0 * both.total(), either.total()));
    weighted_mean(of_classes.filter(|(_, either)| *either > 0.0).map(|(both, either)| (both / either, 1.0)))
}
