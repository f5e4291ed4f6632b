//! What goes wrong on a device. CubeCL runs it on a thread of its own, where a panic is logged and swallowed and wgpu's
//! errors belong to nobody: both are caught here, so that no call answers with numbers that were never computed.

use std::fmt::Debug;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, Once, PoisonError};

use mmtl_plan::EngineError;

/// What went wrong in this process.
static FAILURES: Failures = Failures(Mutex::new(None));

/// Names of CubeCL's threads begin with it.
const DEVICE_THREAD: &str = "DS";

/// Longest part of a failure that is told: messages carry whole kernels.
const LONGEST: usize = 400;

/// The first failure. Nobody can tell which session's launches it concerns, nor what they left undone: from then on no
/// call is answered.
struct Failures(Mutex<Option<String>>);

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
    FAILURES.note(failure);
}

/// The result of a call that waits for the device, unless something has failed.
pub fn checked<T, E: Debug>(call: impl FnOnce() -> Result<T, E>) -> Result<T, EngineError> {
    FAILURES.checked(call)
}

impl Failures {
    fn note(&self, failure: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }

    fn checked<T, E: Debug>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, EngineError> {
        let answer = panic::catch_unwind(AssertUnwindSafe(call));
        let failure = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (answer, failure) {
            (Ok(Ok(value)), None) => Ok(value),
            (_, Some(failure)) => Err(failed(&failure)),
            (Ok(Err(error)), None) => Err(failed(&format!("{error:?}"))),
            (Err(_), None) => Err(failed("its thread has ended")),
        }
    }
}

fn failed(failure: &str) -> EngineError {
    let line: String = failure.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
    EngineError::Device(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_answered_after_a_failure() {
        let failures = Failures(Mutex::new(None));
        let good = || failures.checked(|| Ok::<_, &str>(7));
        assert_eq!(good(), Ok(7));
        assert_eq!(failures.checked(|| Err::<(), _>("refused")), Err(EngineError::Device("\"refused\"".to_owned())));
        assert_eq!(good(), Ok(7));
        failures.note(format!("lost\n   {}", "x".repeat(1000)));
        failures.note("later".to_owned());
        for _ in 0..2 {
            let Err(EngineError::Device(told)) = good() else { panic!("a call was answered") };
            assert!(told.starts_with("lost x") && told.len() == LONGEST, "{told}");
        }
    }

    #[test]
    fn a_thread_that_ends_is_a_failure() {
        let failures = Failures(Mutex::new(None));
        let ended = failures.checked(|| -> Result<(), &str> { panic::resume_unwind(Box::new("gone")) });
        assert_eq!(ended, Err(EngineError::Device("its thread has ended".to_owned())));
    }
}
