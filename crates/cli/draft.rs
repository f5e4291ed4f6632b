//! What is half-written when a signal ends the program goes first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

/// As often is a folder emptied into which files are still being written.
const ATTEMPTS: usize = 10;

/// While this lives, Ctrl-C, SIGTERM and SIGHUP remove a file or folder before they end the program.
pub struct RemovedAtSignals(Handle);

impl RemovedAtSignals {
    pub fn new(path: &Path) -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let (handle, path) = (signals.handle(), PathBuf::from(path));
        thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                remove(&path);
                // Ends the program, as the signal would have.
                let _ = emulate_default_handler(signal);
            }
        });
        Ok(Self(handle))
    }
}

impl Drop for RemovedAtSignals {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn remove(path: &Path) {
    for _ in 0..ATTEMPTS {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        if removed.is_ok() || !path.exists() {
            break;
        }
    }
}
