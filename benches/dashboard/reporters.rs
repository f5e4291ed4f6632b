//! Workers that report: threads that append to the files of runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mmtl_grid::events::{Evaluated, EventWriter, RunEvent, catch_up};
use mmtl_grid::store::Store;
use mmtl_grid::{GridError, TrialKey};

use crate::Done;

/// A worker reports about once a second; these do so ten times as often.
const EVERY: Duration = Duration::from_millis(100);
/// Reports between evaluations.
const REPORTS: u64 = 10;

pub struct Reporters {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<u64, GridError>>>,
}

impl Reporters {
    pub fn start(store: &Store, keys: &[TrialKey]) -> Done<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = vec![];
        for key in keys {
            let (folder, stop) = (store.run(key), stop.clone());
            let told = catch_up(&folder)?.told;
            let last = told.run().fits.first().and_then(|fit| fit.latest()).ok_or("it was evaluated")?.clone();
            let writer = EventWriter::open(&folder.events_file())?;
            threads.push(thread::spawn(move || report(writer, &last, &stop)));
        }
        Ok(Self { stop, threads })
    }

    /// Lines that were reported.
    pub fn stop(self) -> Done<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let mut lines = 0;
        for thread in self.threads {
            lines += thread.join().map_err(|_| "a reporter panicked")??;
        }
        Ok(lines)
    }
}

fn report(mut to: EventWriter<RunEvent>, last: &Evaluated, stop: &AtomicBool) -> Result<u64, GridError> {
    let fits = vec!["all".to_owned()];
    to.tell(RunEvent::Started { host: "made-up".into(), pid: 1, threads: 2, fits })?;
    to.tell(RunEvent::Resumed { fit: 0, step: last.step })?;
    let (mut lines, mut step) = (2, last.step);
    while !stop.load(Ordering::Relaxed) {
        step += 100;
        lines += 1;
        let (epochs, rows_per_second) = (step as f64 / 1024.0, 90_000.0 + (step % 7_919) as f64);
        let losses = last.losses.clone();
        to.tell(RunEvent::Progress { fit: 0, step, steps: 1_000_000, epochs, rows_per_second, losses })?;
        if step / 100 % REPORTS == 0 {
            lines += 2;
            to.tell(RunEvent::Evaluated(Evaluated { step, epochs, best: true, ..last.clone() }))?;
            to.tell(RunEvent::Checkpointed { fit: 0, step })?;
        }
        thread::sleep(EVERY);
    }
    Ok(lines)
}
