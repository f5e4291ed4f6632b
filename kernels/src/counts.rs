//! What sessions have asked of a device: how often they launched a kernel, uploaded and waited.

use std::sync::atomic::{AtomicU64, Ordering};

/// So many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Launches of kernels.
    pub launches: u64,
    /// Copies from the host.
    pub uploads: u64,
    /// Times that the host waited for the device, copies to the host included.
    pub waits: u64,
}

/// Counts of all sessions of an engine.
#[derive(Debug, Default)]
pub struct Counts {
    launches: AtomicU64,
    uploads: AtomicU64,
    waits: AtomicU64,
}

impl Counts {
    /// A kernel is launched.
    pub fn launch(&self) {
        self.launches.fetch_add(1, Ordering::Relaxed);
    }

    /// Something is copied from the host.
    pub fn upload(&self) {
        self.uploads.fetch_add(1, Ordering::Relaxed);
    }

    /// The host waits.
    pub fn wait(&self) {
        self.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// So far.
    pub fn counted(&self) -> Counted {
        let [launches, uploads, waits] =
            [&self.launches, &self.uploads, &self.waits].map(|count| count.load(Ordering::Relaxed));
        Counted { launches, uploads, waits }
    }
}
