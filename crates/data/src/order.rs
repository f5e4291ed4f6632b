//! The order of train rows: which rows make each batch of each epoch.

use std::sync::Arc;

use mmtl_plan::{Purpose, Seeds, Stream};

/// Shuffles train rows anew each epoch. An epoch's order is a pure function of (order seed, epoch), so a resumed fit
/// goes on with the very batches it would have seen.
#[derive(Clone, Debug)]
pub struct Order {
    stream: Stream,
    rows: Arc<[u32]>,
    batch_rows: usize,
}

impl Order {
    /// Batches of `batch_rows` (at least 1) of `rows`; the last batch of an epoch holds what is left. Architectures
    /// with the same seeds and rows see the same batches.
    pub fn new(seeds: &Seeds, rows: &[u32], batch_rows: usize) -> Self {
        let stream = Stream::new(seeds.order, Purpose::Order, "rows");
        Self { stream, rows: rows.into(), batch_rows: batch_rows.max(1) }
    }

    /// Number of batches of an epoch.
    pub fn batches(&self) -> usize {
        self.rows.len().div_ceil(self.batch_rows)
    }

    /// Rows of a full batch.
    pub fn batch_rows(&self) -> usize {
        self.batch_rows
    }

    /// All rows in the order of `epoch`, counted from 0.
    pub fn epoch(&self, epoch: u64) -> Vec<u32> {
        let mut rows = vec![];
        self.epoch_into(epoch, &mut rows);
        rows
    }

    /// The same in place of whatever `rows` held.
    pub(crate) fn epoch_into(&self, epoch: u64, rows: &mut Vec<u32>) {
        rows.clear();
        rows.extend_from_slice(&self.rows);
        self.stream.shuffle(epoch, rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_holds_every_row_once_in_another_order() {
        let rows: Vec<u32> = (0..100).map(|i| 3 * i).collect();
        let order = Order::new(&Seeds::all(1), &rows, 32);
        assert_eq!(order.batches(), 4);
        let (first, second) = (order.epoch(0), order.epoch(1));
        assert_ne!(first, second);
        assert_eq!(first, Order::new(&Seeds::all(1), &rows, 7).epoch(0));
        assert_ne!(first, Order::new(&Seeds::all(2), &rows, 32).epoch(0));
        let mut sorted = second;
        sorted.sort_unstable();
        assert_eq!(sorted, rows);
    }

    #[test]
    fn only_the_order_seed_counts() {
        let rows: Vec<u32> = (0..50).collect();
        let others = Seeds { order: 1, ..Seeds::all(9) };
        assert_eq!(Order::new(&Seeds::all(1), &rows, 8).epoch(3), Order::new(&others, &rows, 8).epoch(3));
    }
}
