//! What goes wrong on a device. CubeCL runs it on a thread of its own, where a panic is logged and swallowed and wgpu's
//! errors belong to nobody: both are caught here, so that no call answers with numbers that were never computed.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, Once, PoisonError};

use mmtl_plan::EngineError;

/// What went wrong and has not been told yet.
static FAILURES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Names of CubeCL's threads begin with it.
const DEVICE_THREAD: &str = "DS";

/// Longest part of a failure that is told: messages carry whole kernels.
const LONGEST: usize = 400;

/// Hears of panics on device threads from now on.
pub fn watch() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name().is_some_and(|name| name.starts_with(DEVICE_THREAD)) {
                note(panic.payload_as_str().map_or_else(|| panic.to_string(), str::to_owned));
            } else {
                before(panic);
            }
        }));
    });
}

/// Remembers a failure.
pub fn note(failure: String) {
    FAILURES.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
}

/// The result of a call that waits for the device, unless something failed meanwhile.
pub fn checked<T, E: std::fmt::Debug>(call: impl FnOnce() -> Result<T, E>) -> Result<T, EngineError> {
    let answer = panic::catch_unwind(AssertUnwindSafe(call));
    let failures = std::mem::take(&mut *FAILURES.lock().unwrap_or_else(PoisonError::into_inner));
    match (answer, failures.first()) {
        (Ok(Ok(value)), None) => Ok(value),
        (_, Some(failure)) => Err(failed(failure)),
        (Ok(Err(error)), None) => Err(failed(&format!("{error:?}"))),
        (Err(_), None) => Err(failed("its thread has ended")),
    }
}

fn failed(failure: &str) -> EngineError {
    let line: String = failure.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
    EngineError::Device(line)
}
