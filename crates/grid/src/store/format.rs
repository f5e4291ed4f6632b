//! Versions of what is on disk. A reader refuses what a newer program wrote, and so does a writer, whose lines a
//! newer program might misread.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::GridError;

/// The version of a file's or folder's format, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FormatVersion(pub u32);

impl FormatVersion {
    /// Refuses a version newer than `known`.
    ///
    /// # Errors
    /// [`GridError::Newer`].
    pub fn check(self, known: Self, path: &Path) -> Result<(), GridError> {
        if self <= known {
            return Ok(());
        }
        Err(GridError::Newer { path: path.to_owned(), found: self.0, known: known.0 })
    }
}

/// All that a reader may ask of a file before it knows its version.
#[derive(Deserialize)]
struct Versioned {
    version: FormatVersion,
}

/// Reads a JSON file that has a `version` at its top.
///
/// # Errors
/// When it cannot be read, is newer than `known` or is not what it should be.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path, known: FormatVersion) -> Result<T, GridError> {
    let bytes = std::fs::read(path).map_err(GridError::reading(path))?;
    parse_json(&bytes, path, known)
}

pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8], path: &Path, known: FormatVersion) -> Result<T, GridError> {
    let damaged = |error| GridError::damaged(path, error);
    // Version first: the rest of a newer file may look damaged.
    let head: Versioned = serde_json::from_slice(bytes).map_err(damaged)?;
    head.version.check(known, path)?;
    serde_json::from_slice(bytes).map_err(damaged)
}

/// JSON with one key a line and a newline at the end, the same bytes for the same value.
pub(crate) fn to_json<T: Serialize>(value: &T, path: &Path) -> Result<Vec<u8>, GridError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| GridError::unwritable(path, error))?;
    bytes.push(b'\n');
    Ok(bytes)
}
