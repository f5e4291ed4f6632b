//! Hit rate@k: the share of groups with a positive row among their first k. A group without a positive cannot have one
//! and is skipped. Equal predictions give the probability over all their orders (McSherry and Najork, ECIR 2008).

use crate::cutoff::Cutoff;
use crate::order::{Groups, ties};
use crate::sample::Sample;
use crate::within_groups::{Counting, OverGroups, mean};

/// The hit rate of a sample with a positive row.
pub(crate) fn hit_rate(sample: &Sample, groups: &Groups, cutoff: Cutoff) -> Option<OverGroups> {
    let positives = |rows: &[usize]| rows.iter().filter(|row| sample.labels.get(**row) == 1.0).count();
    mean(sample, groups, Counting::Equally, |rows| {
        if positives(rows) == 0 {
            return None;
        }
        let mut room = cutoff.rows();
        for tied in ties(sample.predictions, rows).rev() {
            let positive = positives(tied);
            if positive > 0 {
                return Some(1.0 - missed(tied.len(), positive, room));
            }
            if tied.len() >= room {
                break;
            }
            room -= tied.len();
        }
        Some(0.0)
    })
}

/// The probability that none of `positive` among `all` rows comes first in `room` places, all orders being alike:
/// Π (all − positive − i) / (all − i).
fn missed(all: usize, positive: usize, room: usize) -> f64 {
    let negative = all - positive;
    if room > negative {
        return 0.0;
    }
    (0..room).map(|i| (negative - i) as f64 / (all - i) as f64).product()
}
