//! Expected calibration error of the probability of 1: Σ over bins of their share of rows times |mean label − mean
//! prediction|.
//!
//! 15 bins of equal width, as in Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2; a bin
//! holds its upper edge, and the first also 0. Bins of equal mass would resolve rare events better, but give numbers
//! that no published table has; where the base rate is small, most rows share a few bins, and the error comes close to
//! |mean label − mean prediction|, which the ratio of the two tells with its sign.

use crate::sample::Sample;
use crate::sum::Sum;

const BINS: usize = 15;

/// The expected calibration error of a sample of probabilities.
pub(crate) fn ece(sample: &Sample) -> f64 {
    let edges: [f64; BINS - 1] = std::array::from_fn(|i| (i + 1) as f64 / BINS as f64);
    let (mut gaps, mut all) = ([Sum::default(); BINS], Sum::default());
    for (prediction, label, weight) in sample.triples() {
        let gap = &mut gaps[edges.partition_point(|edge| *edge < prediction)];
        gap.add(weight * label);
        gap.add(-weight * prediction);
        all.add(weight);
    }
    gaps.iter().map(|gap| gap.total().abs()).collect::<Sum>().total() / all.total()
}
