//! Batches in order, prepared ahead of time by a thread of their own where there is one to spare, so that training
//! does not wait for a gather.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use mmtl_plan::Batch;

use crate::dataset::Dataset;
use crate::order::Order;

/// A batch and where it stands.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The rows, grouped by scene.
    pub batch: Batch,
    /// The same rows' indices in the data set, in the order in which they were asked for (not the batch's).
    pub rows: Vec<u32>,
    /// The epoch, counted from 0; 0 for a single pass.
    pub epoch: u64,
    /// Position within the epoch, counted from 0.
    pub index: usize,
}

/// Batches in the order that an [`Order`] or a list of rows gives: a bounded queue that a thread fills, or each filled
/// when it is asked for. They are the same either way, however fast either side is. Once each has been filled with as
/// many rows, batches that are given back go round without an allocation. Dropping it stops the thread.
#[derive(Debug)]
pub struct Batches(Filled);

#[derive(Debug)]
enum Filled {
    Ahead {
        // Options, so that dropping can close both channels before it waits for the thread.
        ready: Option<Receiver<Prepared>>,
        used: Option<SyncSender<Prepared>>,
        thread: Option<JoinHandle<()>>,
    },
    WhenAsked {
        filler: Box<Filler>,
        used: Option<Prepared>,
    },
}

impl Batches {
    /// Batches for training from batch `index` of `epoch` on, epoch after epoch without end (none, if there are no
    /// rows). At most `ahead` wait in the queue; with 0 there is no thread.
    pub fn epochs(dataset: &Dataset, order: &Order, epoch: u64, index: usize, ahead: usize) -> Self {
        Self::new(ahead, Filler::epochs(dataset, order, epoch, index))
    }

    /// `rows` once, in their order, `batch_rows` (at least 1) at a time, for predictions: without segments. At most
    /// `ahead` batches wait in the queue; with 0 there is no thread.
    pub fn pass(dataset: &Dataset, rows: &[u32], batch_rows: usize, ahead: usize) -> Self {
        Self::new(ahead, Filler::once(dataset, rows, batch_rows))
    }

    fn new(ahead: usize, mut filler: Filler) -> Self {
        if ahead == 0 {
            return Self(Filled::WhenAsked { filler: Box::new(filler), used: Some(Prepared::default()) });
        }
        let (to_ready, ready) = sync_channel(ahead);
        // One is filled and one trained on while the others wait. All are there from the start: made when none has come
        // back in time, the last would be made at a step that only the clock decides.
        let (used, from_used) = sync_channel(ahead + 2);
        for _ in 0..ahead + 2 {
            used.try_send(Prepared::default()).expect("the queue has room for them");
        }
        let thread = std::thread::spawn(move || {
            let reused = || from_used.try_recv().unwrap_or_default();
            while filler.fill(reused()).is_some_and(|filled| to_ready.send(filled).is_ok()) {}
        });
        Self(Filled::Ahead { ready: Some(ready), used: Some(used), thread: Some(thread) })
    }

    /// Takes a batch back to be filled again. Without this every batch is allocated anew.
    pub fn give_back(&mut self, batch: Prepared) {
        match &mut self.0 {
            Filled::WhenAsked { used, .. } => *used = Some(batch),
            Filled::Ahead { used, .. } => {
                if let Some(queue) = used {
                    // The thread is gone after the last batch, and others' batches find no room: then it is simply freed.
                    drop(queue.try_send(batch));
                }
            }
        }
    }
}

/// The next batch; waits for it. `None` after the last.
impl Iterator for Batches {
    type Item = Prepared;

    fn next(&mut self) -> Option<Prepared> {
        match &mut self.0 {
            Filled::Ahead { ready, .. } => ready.as_ref().and_then(|ready| ready.recv().ok()),
            Filled::WhenAsked { filler, used } => filler.fill(used.take().unwrap_or_default()),
        }
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        if let Filled::Ahead { ready, used, thread } = &mut self.0 {
            *ready = None;
            *used = None;
            if let Some(thread) = thread.take() {
                // A panic of the thread has shown as the end of the batches and printed its message.
                drop(thread.join());
            }
        }
    }
}

/// Fills one batch after the other.
#[derive(Debug)]
struct Filler {
    dataset: Dataset,
    pass: Pass,
    /// Those of `epoch` in their order; none before its first batch is filled.
    rows: Vec<u32>,
    epoch: u64,
    /// The next batch's in its epoch.
    index: usize,
}

#[derive(Debug)]
enum Pass {
    /// For training.
    Epochs(Order),
    /// For predictions.
    Once { batch_rows: usize },
}

impl Filler {
    fn epochs(dataset: &Dataset, order: &Order, epoch: u64, index: usize) -> Self {
        Self { dataset: dataset.clone(), pass: Pass::Epochs(order.clone()), rows: vec![], epoch, index }
    }

    fn once(dataset: &Dataset, rows: &[u32], batch_rows: usize) -> Self {
        let pass = Pass::Once { batch_rows: batch_rows.max(1) };
        Self { dataset: dataset.clone(), pass, rows: rows.to_vec(), epoch: 0, index: 0 }
    }

    /// The next batch, in place of what `next` held; `None` after the last.
    fn fill(&mut self, mut next: Prepared) -> Option<Prepared> {
        let batch_rows = match &self.pass {
            Pass::Once { batch_rows } => *batch_rows,
            Pass::Epochs(order) => {
                if self.index >= order.batches() {
                    (self.epoch, self.index) = (self.epoch + 1, 0);
                    self.rows.clear();
                }
                if self.rows.is_empty() {
                    order.epoch_into(self.epoch, &mut self.rows);
                }
                order.batch_rows()
            }
        };
        let rows = self.rows.chunks(batch_rows).nth(self.index)?;
        match self.pass {
            Pass::Once { .. } => self.dataset.gather(rows, &mut next.batch),
            Pass::Epochs(_) => self.dataset.fill(rows, &mut next.batch),
        }
        next.rows.clear();
        next.rows.extend_from_slice(rows);
        (next.epoch, next.index) = (self.epoch, self.index);
        self.index += 1;
        Some(next)
    }
}
