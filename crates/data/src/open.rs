//! Opens a data set: from the cache, or by making it.

use std::path::Path;

use mmtl_plan::{Seeds, Settings};

use crate::dataset::Dataset;
use crate::error::DataError;
use crate::progress::Progress;
use crate::source::source;

/// The data set that `settings` (resolved against [`crate::knobs`]) describe. It is read from a file of the directory
/// `cache` that is named after its fingerprint, or made and written there first. Any number of processes may do so at
/// once.
///
/// # Errors
/// When settings do not fit each other, a source is missing or malformed, the cache is damaged or of another
/// fingerprint or version, or the directory cannot be written.
pub fn open(
    settings: &Settings,
    _seeds: &Seeds,
    _cache: &Path,
    _progress: &mut dyn FnMut(Progress),
) -> Result<Dataset, DataError> {
    let source = source(settings.text("source"))?;
    Err(DataError::UnknownSource { name: source.name().to_owned(), nearest: None, choices: vec![] })
}
