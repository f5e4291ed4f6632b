//! How long a device may stand still, and whoever looks that it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use mmtl_plan::EngineError;

use crate::failures;

/// The variable that says how many seconds a device may stand still.
const VARIABLE: &str = "MMTL_DEVICE_PATIENCE";

/// How long without it. The longest honest silence is a software device's with the steps between two readings of losses
/// before it, or a compiler's with the kernels of one queue, seconds each.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// How often somebody who waits looks at the pulse.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Beats whenever something was handed to the device or came back.
#[derive(Default)]
pub struct Pulse(AtomicU64);

impl Pulse {
    /// Something was done.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn beats(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long a device may stand still.
///
/// # Errors
/// When the variable is no number of seconds.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub fn patience() -> Result<Duration, String> {
    match std::env::var(VARIABLE) {
        Err(_) => Ok(PATIENCE),
        Ok(given) => {
            let seconds = given.parse().ok().map(Duration::from_secs);
            seconds.ok_or_else(|| format!("{VARIABLE} is `{given}`, expected a whole number of seconds"))
        }
    }
}

/// What somebody is watched by.
#[derive(Clone)]
pub struct Watch {
    /// Beats while it does something.
    pub pulse: Arc<Pulse>,
    /// How long it may not.
    pub patience: Duration,
}

impl Watch {
    /// Waits for what comes next; `None` from a thread that has ended.
    ///
    /// # Errors
    /// When nothing comes, and nothing else has happened, for longer than the patience.
    pub fn next<T>(&self, from: &Receiver<T>) -> Result<Option<T>, EngineError> {
        let (mut beats, mut since) = (self.pulse.beats(), Instant::now());
        loop {
            let left = self.patience.saturating_sub(since.elapsed());
            match from.recv_timeout(left.min(LOOK_EVERY)) {
                Ok(answer) => return Ok(Some(answer)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.pulse.beats() != beats => {
                    (beats, since) = (self.pulse.beats(), Instant::now());
                }
                Err(RecvTimeoutError::Timeout) if since.elapsed() < self.patience => {}
                Err(RecvTimeoutError::Timeout) => return Err(failures::added(self.given_up())),
            }
        }
    }

    fn given_up(&self) -> String {
        let seconds = self.patience.as_secs_f64();
        format!("it took no work and gave no answer for {seconds} s and was given up; {VARIABLE} sets how many")
    }
}
