//! What can go wrong around a grid.

use std::io;
use std::path::{Path, PathBuf};

use mmtl_plan::KnobError;
use thiserror::Error;

use crate::experiment::{Fault, Faults};
use crate::key::TrialKey;
use crate::store::PREDICTIONS;

/// Why something around a grid could not be done.
#[derive(Debug, Error)]
pub enum GridError {
    /// The experiment file is wrong.
    #[error("{0}")]
    Experiment(Faults),
    /// A file could not be read.
    #[error("cannot read `{}`: {error}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file could not be written; no space and no permission among the reasons.
    #[error("cannot write `{}`: {error}", .path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file was written by a newer version of the program.
    #[error("`{}` has format {found}, and this program reads up to {known}; use the newer program that wrote it, or another folder", .path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A file does not hold what it should.
    #[error("`{}` is damaged: {reason}; {}", .path.display(), made_again(path))]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder that is not a run store stands where one should be made or opened.
    #[error("`{}` is not a folder of results: {reason}", .path.display())]
    NotAStore {
        /// Which folder.
        path: PathBuf,
        /// What tells.
        reason: String,
    },
    /// A key of a trial is not 16 hexadecimal digits.
    #[error("`{given}` is not the key of a trial, expected 16 digits of 0-9 a-f")]
    Key {
        /// What was given.
        given: String,
    },
    /// A lease was taken over or removed while its owner thought to have it.
    #[error("the lease `{}` is no longer ours: {reason}", .path.display())]
    LeaseLost {
        /// Which lease.
        path: PathBuf,
        /// Who has it now, or that it is gone.
        reason: String,
    },
    /// A run's key was made by a program that computes otherwise.
    #[error(
        "run {key} is another version's of mmtl, this one's would be {ours}; `mmtl run` with its experiment file plans and runs that"
    )]
    OtherProgram {
        /// The run's key.
        key: TrialKey,
        /// This program's for the same trial.
        ours: TrialKey,
    },
    /// No worker can be started.
    #[error("workers cannot be started: {error}; the next `mmtl run` goes on")]
    Start {
        /// Why.
        error: io::Error,
    },
    /// A knob of a stored trial is not one of this program's.
    #[error("`{}`: {error}", .path.display())]
    Knob {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: KnobError,
    },
}

/// How a damaged file comes back. Predictions are written with the record, before it.
fn made_again(path: &Path) -> &'static str {
    if path.file_name().is_some_and(|name| name == PREDICTIONS) {
        "delete it and `record.json` beside it, and `mmtl run` makes both again"
    } else {
        "delete it to have it made again"
    }
}

impl GridError {
    /// Turns an I/O error into [`GridError::Read`] of `path`.
    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Read { path, error }
    }

    /// Turns an I/O error into [`GridError::Write`] of `path`.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Write { path, error }
    }

    /// [`GridError::Write`] of `path` for contents that cannot be put into words.
    pub(crate) fn unwritable(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Write { path: path.to_owned(), error: io::Error::other(error) }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.into().to_string() }
    }
}

impl From<Faults> for GridError {
    fn from(faults: Faults) -> Self {
        Self::Experiment(faults)
    }
}

impl From<Fault> for GridError {
    fn from(fault: Fault) -> Self {
        Self::Experiment(fault.into())
    }
}
