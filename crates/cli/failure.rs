//! How a command ends other than well.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// A run failed, or a comparison differs.
pub const FAILED: u8 = 1;
/// Bad input; nothing was written.
pub const INPUT: u8 = 2;
/// Stopped by Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// Why a command did not end well, and the exit code that says so.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// What the user gave cannot be used.
    pub fn input(error: impl fmt::Display) -> Self {
        Self { code: INPUT, message: error.to_string() }
    }

    /// Turns an I/O error into the sentence that `path` cannot be read.
    pub fn reading(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::input(format!("cannot read `{}`: {error}", path.display()))
    }

    /// Turns an I/O error into the sentence that `path` cannot be written.
    pub fn writing(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::input(format!("cannot write `{}`: {error}", path.display()))
    }

    /// The work itself failed.
    pub fn failed(error: impl fmt::Display) -> Self {
        Self { code: FAILED, message: error.to_string() }
    }

    /// Stopped by Ctrl-C; what there is to say has been said.
    pub fn interrupted() -> Self {
        Self { code: INTERRUPTED, message: String::new() }
    }

    /// Ended by a signal, as shells report it.
    pub fn signalled(signal: i32) -> Self {
        Self { code: u8::try_from(128 + signal).unwrap_or(FAILED), message: String::new() }
    }

    /// Says it on standard error and gives the exit code.
    pub fn report(&self) -> ExitCode {
        for line in self.message.lines() {
            // On a terminal that has closed nobody misses it.
            let _ = writeln!(io::stderr(), "mmtl: {line}");
        }
        ExitCode::from(self.code)
    }
}
