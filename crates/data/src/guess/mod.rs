//! A first draft of a card, from a look at a file.

mod detect;
mod draft;
mod label_list;
mod names;
mod profile;
mod purpose;
mod records;
mod split;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::error::DataError;
use crate::guess::detect::detect;
use crate::guess::draft::draft;
use crate::guess::label_list::unpack;
use crate::guess::profile::profiles;
use crate::guess::purpose::Purposes;

/// Rows looked at, at most.
const SAMPLE_ROWS: usize = 50_000;

/// A first draft of a card for a file: format, delimiter and header, a kind for each column, roles, labels and a
/// scene, each with the reason for it in a comment. It is meant to be read and corrected; what a name or a sample
/// cannot tell, it does not say.
///
/// # Errors
/// When the file cannot be read.
pub fn guess(path: &Path) -> Result<String, DataError> {
    let mut detected = detect(path)?;
    let mut sample = profiles(path, &detected.reading)?;
    if unpack(&mut detected, &sample) {
        sample = profiles(path, &detected.reading)?;
    }
    let purposes = Purposes::of(&sample);
    Ok(draft(path, &detected, &sample, &purposes))
}
