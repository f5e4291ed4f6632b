//! Rows in the order of their values, and rows by group. The row breaks ties, so that sums run in one order whatever
//! the sort does.

use crate::radix::{self, Key, key32, key64};
use crate::sample::{Column, Sample};

/// `rows`, ascending by their values, which are finite.
pub(crate) fn ascending(values: Column<'_>, rows: impl Iterator<Item = usize>) -> Vec<usize> {
    match values {
        // The key and the row share one integer, which the radix sort takes apart.
        Column::F32(values) if u32::try_from(values.len()).is_ok() => {
            let mut keys: Vec<u64> = rows.map(|row| u64::from(key32(values[row])) << u32::BITS | row as u64).collect();
            radix::sort(&mut keys);
            keys.into_iter().map(|key| (key & u64::from(u32::MAX)) as usize).collect()
        }
        Column::F32(_) | Column::F64(_) => {
            let mut order: Vec<(u64, usize)> = rows.map(|row| (key64(values.get(row)), row)).collect();
            order.sort_unstable();
            order.into_iter().map(|(_, row)| row).collect()
        }
    }
}

/// Runs of rows with one value, ascending, of rows that [`ascending`] has put in order.
pub(crate) fn ties<'o>(values: Column<'_>, order: &'o [usize]) -> impl DoubleEndedIterator<Item = &'o [usize]> {
    order.chunk_by(move |a, b| values.get(*a) == values.get(*b))
}

/// The rows of a sample by group: ascending by prediction within each, groups ascending by their ids.
#[derive(Debug)]
pub(crate) struct Groups {
    rows: Vec<usize>,
    /// Where each group ends in `rows`.
    ends: Vec<usize>,
}

/// A row to sort by its group, stably.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Grouped {
    group: u64,
    /// Place in the order of predictions.
    place: usize,
}

impl Key for Grouped {
    const BITS: u32 = u64::BITS;

    fn digit(self, shift: u32) -> usize {
        self.group.digit(shift)
    }
}

impl Groups {
    /// `None` for a sample without a group key. Predictions that are not finite come in some order: they are no score.
    pub(crate) fn of(sample: &Sample) -> Option<Self> {
        let groups = sample.groups?;
        let order = ascending(sample.predictions, sample.rows());
        let mut grouped: Vec<Grouped> =
            order.iter().enumerate().map(|(place, row)| Grouped { group: groups[*row], place }).collect();
        radix::sort(&mut grouped);
        let mut ends: Vec<usize> = (1..grouped.len()).filter(|i| grouped[i - 1].group != grouped[*i].group).collect();
        ends.extend((!grouped.is_empty()).then_some(grouped.len()));
        Some(Self { rows: grouped.into_iter().map(|row| order[row.place]).collect(), ends })
    }

    /// The rows of each group.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[usize]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| &self.rows[std::mem::replace(&mut start, end)..end])
    }
}
