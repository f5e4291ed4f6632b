//! Log loss: −Σ w·ln p(label) / Σ w, in nats.
//!
//! Probabilities are clipped to [ε, 1 − ε] as in scikit-learn's `log_loss`, ε being the machine epsilon of the type
//! that they are stored in: 2⁻²³ for f32 (at worst 15.9 nats a row), 2⁻⁵² for f64 (36.0). So the same model scores
//! differently in f32 and f64 if it is sure and wrong. Logarithms are taken in f64 for both; scikit-learn takes those
//! of f32 in f32, and agrees to about 1e-7 a row.

use crate::sample::{Kind, Sample};
use crate::sum::weighted_mean;

/// The log loss; `None` for a sample without classes.
pub(crate) fn log_loss(sample: &Sample) -> Option<f64> {
    let epsilon = sample.predictions.epsilon();
    let clip = move |p: f64| p.clamp(epsilon, 1.0 - epsilon);
    let loss: &dyn Fn(usize) -> f64 = match sample.kind {
        Kind::Binary => &|row| {
            let p = clip(sample.predictions.get(row));
            // ln_1p keeps what 1 − p would round away.
            if sample.labels.get(row) == 1.0 { -p.ln() } else { -(-p).ln_1p() }
        },
        Kind::Multiclass { classes } => &move |row| {
            let label = sample.labels.get(row) as usize;
            -clip(sample.predictions.get(row * classes + label)).ln()
        },
        Kind::Regression => return None,
    };
    weighted_mean(sample.rows().map(|row| (loss(row), sample.weight(row))))
}
