//! Batches prepared ahead of time by a thread of their own, so that training never waits for a gather.

use std::sync::Arc;
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

/// A bounded queue of batches, filled by a thread. The batches and their order are those of the order alone, however
/// fast either side is. Once each has been filled with as many rows, batches that are given back go round without an allocation. Dropping
/// it stops the thread.
#[derive(Debug)]
pub struct Batches {
    // Options, so that dropping can close both channels before it waits for the thread.
    ready: Option<Receiver<Prepared>>,
    used: Option<SyncSender<Prepared>>,
    thread: Option<JoinHandle<()>>,
}

impl Batches {
    /// Batches for training from batch `index` of `epoch` on, epoch after epoch without end (none, if there are no
    /// rows). At most `ahead` wait in the queue.
    pub fn epochs(dataset: &Dataset, order: &Order, epoch: u64, index: usize, ahead: usize) -> Self {
        let (dataset, order) = (dataset.clone(), order.clone());
        Self::spawn(ahead, move |queue| {
            let (mut epoch, mut skip, mut rows) = (epoch, index, vec![]);
            while order.batches() > 0 {
                order.epoch_into(epoch, &mut rows);
                if !queue.pass(&dataset, &rows, order.batch_rows(), epoch, skip) {
                    return;
                }
                (epoch, skip) = (epoch + 1, 0);
            }
        })
    }

    /// `rows` once, in their order, `batch_rows` (at least 1) at a time. At most `ahead` batches wait in the queue.
    pub fn pass(dataset: &Dataset, rows: &[u32], batch_rows: usize, ahead: usize) -> Self {
        let (dataset, rows) = (dataset.clone(), Arc::<[u32]>::from(rows));
        Self::spawn(ahead, move |queue| {
            queue.pass(&dataset, &rows, batch_rows.max(1), 0, 0);
        })
    }

    fn spawn(ahead: usize, work: impl FnOnce(&Queue) + Send + 'static) -> Self {
        let (to_ready, ready) = sync_channel(ahead);
        // One is filled and one trained on while the others wait. All are there from the start: made when none has come
        // back in time, the last would be made at a step that only the clock decides.
        let (used, from_used) = sync_channel(ahead + 2);
        for _ in 0..ahead + 2 {
            used.try_send(Prepared::default()).expect("the queue has room for them");
        }
        let thread = std::thread::spawn(move || work(&Queue { ready: to_ready, used: from_used }));
        Self { ready: Some(ready), used: Some(used), thread: Some(thread) }
    }

    /// Takes a batch back to be filled again. Without this every batch is allocated anew.
    pub fn give_back(&mut self, used: Prepared) {
        if let Some(queue) = &self.used {
            // The thread is gone after the last batch, and others' batches find no room: then it is simply freed.
            drop(queue.try_send(used));
        }
    }
}

/// The next batch; waits for it. `None` after the last.
impl Iterator for Batches {
    type Item = Prepared;

    fn next(&mut self) -> Option<Prepared> {
        self.ready.as_ref().and_then(|ready| ready.recv().ok())
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.ready = None;
        self.used = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has shown as the end of the batches and printed its message.
            drop(thread.join());
        }
    }
}

/// The thread's ends of the two channels.
struct Queue {
    ready: SyncSender<Prepared>,
    used: Receiver<Prepared>,
}

impl Queue {
    /// Whether all of `rows` from batch `skip` on were taken.
    fn pass(&self, dataset: &Dataset, rows: &[u32], batch_rows: usize, epoch: u64, skip: usize) -> bool {
        rows.chunks(batch_rows).enumerate().skip(skip).all(|(index, rows)| {
            let mut next = self.used.try_recv().unwrap_or_default();
            dataset.fill(rows, &mut next.batch);
            next.rows.clear();
            next.rows.extend_from_slice(rows);
            (next.epoch, next.index) = (epoch, index);
            self.ready.send(next).is_ok()
        })
    }
}
