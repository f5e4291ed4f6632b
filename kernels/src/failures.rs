//! What goes wrong on a device. CubeCL runs it on a thread of its own, where a panic is logged and swallowed and wgpu's
//! errors belong to nobody: both are caught here, so that no call answers with numbers that were never computed.

use std::any::Any;
use std::fmt::Debug;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

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

/// Remembers that the device is lost, which is why whatever failed a moment before did.
#[cfg(feature = "wgpu")]
pub fn note_lost(how: &str) {
    *FAILURES.first() = Some(format!("lost ({how})"));
}

/// Opens something of CubeCL's, which panics where it cannot.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub fn opened<T>(open: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(open)).map_err(|panic| {
        let told = panicked(&*panic).map(str::to_owned).or_else(|| FAILURES.first().clone());
        format!("it cannot be opened: {}", told.as_deref().map_or("no reason is known".to_owned(), one_line))
    })
}

/// Whether nothing has failed so far.
pub fn none() -> Result<(), EngineError> {
    FAILURES.none()
}

/// Remembers a failure; the error is the first one's.
pub fn added(failure: String) -> EngineError {
    FAILURES.added(failure)
}

/// The result of a call that waits for the device, unless something has failed.
pub fn checked<T, E: Debug>(call: impl FnOnce() -> Result<T, E>) -> Result<T, EngineError> {
    FAILURES.checked(call)
}

impl Failures {
    fn note(&self, failure: String) {
        self.first().get_or_insert(failure);
    }

    fn checked<T, E: Debug>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, EngineError> {
        match panic::catch_unwind(AssertUnwindSafe(call)) {
            Ok(Ok(value)) => match &*self.first() {
                None => Ok(value),
                Some(failure) => Err(failed(failure)),
            },
            Ok(Err(error)) => Err(self.added(format!("{error:?}"))),
            Err(panic) => Err(self.added(panicked(&*panic).unwrap_or("its thread has ended").to_owned())),
        }
    }

    /// Whether nothing has failed.
    fn none(&self) -> Result<(), EngineError> {
        self.first().as_deref().map_or(Ok(()), |failure| Err(failed(failure)))
    }

    /// The first failure, which may be this one: CubeCL tells of each but once, and maybe to another session.
    fn added(&self, failure: String) -> EngineError {
        self.note(failure);
        failed(self.first().as_deref().unwrap_or_default())
    }

    fn first(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a panic said.
fn panicked(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied())
}

fn failed(failure: &str) -> EngineError {
    EngineError::Device(one_line(failure))
}

fn one_line(failure: &str) -> String {
    failure.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_answered_after_a_failure() {
        let failures = Failures(Mutex::new(None));
        let good = || failures.checked(|| Ok::<_, &str>(7));
        assert_eq!(good(), Ok(7));
        failures.note(format!("lost\n   {}", "x".repeat(1000)));
        failures.note("later".to_owned());
        for _ in 0..2 {
            let Err(EngineError::Device(told)) = good() else { panic!("a call was answered") };
            assert!(told.starts_with("lost x") && told.len() == LONGEST, "{told}");
        }
    }

    #[test]
    fn a_call_that_fails_or_ends_its_thread_is_a_failure() {
        let error = |what: &str| Err(EngineError::Device(what.to_owned()));
        let failures = Failures(Mutex::new(None));
        assert_eq!(failures.checked(|| Err::<(), _>("refused")), error("\"refused\""));
        assert_eq!(failures.checked(|| Ok::<_, &str>(())), error("\"refused\""));
        let failures = Failures(Mutex::new(None));
        let ended = failures.checked(|| -> Result<(), &str> { panic::resume_unwind(Box::new("gone")) });
        assert_eq!(ended, error("gone"));
        assert_eq!(failures.checked(|| Ok::<_, &str>(())), error("gone"));
    }
}
