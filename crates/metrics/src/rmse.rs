//! Root mean squared error: the square root of [`mse`], in the label's units.

use crate::mse::mse;
use crate::sample::Sample;

/// The root mean squared error; `None` if the mean overflows.
pub(crate) fn rmse(sample: &Sample) -> Option<f64> {
    mse(sample).map(f64::sqrt)
}
