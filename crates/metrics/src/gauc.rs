//! Group AUC: the mean over groups (users, requests) of the AUC within each, weighed by their rows. A group of one
//! class has no pair to rank and is skipped.
//!
//! Source: Zhu et al., "Optimized Cost per Click in Taobao Display Advertising", KDD 2017, equation 4; Zhou et al.,
//! "Deep Interest Network for Click-Through Rate Prediction", KDD 2018, equation 9, weigh by impressions as here.

use crate::auc::weighted;
use crate::order::Groups;
use crate::sample::Sample;
use crate::within_groups::{Counting, OverGroups, mean};

/// The group AUC of a sample in which some group holds both classes.
pub(crate) fn gauc(sample: &Sample, groups: &Groups) -> Option<OverGroups> {
    mean(sample, groups, Counting::ByRows, |rows| holds_both(sample, rows).then(|| weighted(sample, rows)))
}

/// Rows of either class, positives first, in groups that hold both.
pub(crate) fn classes(sample: &Sample, groups: &Groups) -> (u64, u64) {
    let both = groups.iter().filter(|rows| holds_both(sample, rows)).flatten();
    both.fold((0, 0), |(positives, negatives), row| {
        let positive = u64::from(sample.labels.get(*row) == 1.0);
        (positives + positive, negatives + 1 - positive)
    })
}

/// Whether there is a pair to rank.
pub(crate) fn holds_both(sample: &Sample, rows: &[usize]) -> bool {
    let has = |class: f64| rows.iter().any(|row| sample.labels.get(*row) == class);
    has(0.0) && has(1.0)
}
