//! How a worker learns that it is to checkpoint and stop.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that is set, and stays until somebody takes it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Sets it.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }

    /// Whether it was set; it no longer is.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it when `input` ends, from a thread of its own. A worker reads its standard input: its scheduler drops the
    /// other end to stop it, and the kernel does when the scheduler dies.
    pub fn at_end_of(&self, mut input: impl Read + Send + 'static) {
        let stop = self.clone();
        std::thread::spawn(move || {
            let mut sink = [0; 64];
            while matches!(input.read(&mut sink), Ok(1..)) {}
            stop.set();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_pipe_sets_it_and_nothing_before() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let stop = Stop::default();
        stop.at_end_of(reader);
        std::io::Write::write_all(&mut writer, b"still here").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!stop.is_set());
        drop(writer);
        for _ in 0..1000 {
            if stop.is_set() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("the flag was not set");
    }
}
