//! What was fitted on a data set's train rows, in a file beside its rows in the cache: JSON, `{"version": …, "digest": …,
//! "fitted": …}`. The digest is the BLAKE3 hash of the bytes of `fitted`, so that every damaged one shows.
//!
//! It is a file of its own because training needs none of it, and a vocabulary may be larger than the rows.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cache::replace;
use crate::error::DataError;
use crate::preprocessing::Preprocessing;

/// Raised whenever the layout of the file changes.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    version: u32,
    digest: String,
    #[serde(borrow)]
    fitted: &'a RawValue,
}

/// The part that no later version changes.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// How its name ends.
pub(crate) const ENDING: &str = "fitted.json";

/// The file beside that of the rows.
pub(crate) fn beside(rows: &Path) -> PathBuf {
    rows.with_extension(ENDING)
}

/// Writes the file: whole, or not at all.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(path: &Path, fitted: &Preprocessing) -> Result<(), DataError> {
    let unwritable = |error: serde_json::Error| DataError::writing(path)(error.into());
    let text = serde_json::value::to_raw_value(fitted).map_err(unwritable)?;
    let digest = blake3::hash(text.get().as_bytes()).to_hex().to_string();
    let envelope = Envelope { version: VERSION, digest, fitted: &text };
    replace(path, |file| serde_json::to_writer(&mut *file, &envelope).map_err(Into::into).and_then(|()| file.flush()))
}

/// Reads the file of the data set with this fingerprint.
///
/// # Errors
/// When it cannot be read, is damaged, or is of another version or fingerprint.
pub(crate) fn read(path: &Path, fingerprint: &str) -> Result<Preprocessing, DataError> {
    let bytes = fs::read(path).map_err(DataError::reading(path))?;
    let damaged = |reason: String| DataError::DamagedCache { path: path.to_owned(), reason };
    let broken = |error: serde_json::Error| damaged(error.to_string());
    let Version { version } = serde_json::from_slice(&bytes).map_err(broken)?;
    if version != VERSION {
        return Err(DataError::CacheVersion { path: path.to_owned(), found: version, expected: VERSION });
    }
    let Envelope { digest, fitted, .. } = serde_json::from_slice(&bytes).map_err(broken)?;
    if blake3::hash(fitted.get().as_bytes()).to_hex().as_str() != digest {
        return Err(damaged("its contents do not match their checksum".to_owned()));
    }
    let fitted: Preprocessing = serde_json::from_str(fitted.get()).map_err(broken)?;
    if fitted.fingerprint() != fingerprint {
        return Err(DataError::CacheFingerprint {
            path: path.to_owned(),
            found: fitted.fingerprint().to_owned(),
            expected: fingerprint.to_owned(),
        });
    }
    Ok(fitted)
}
