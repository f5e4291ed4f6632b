//! Where data comes from: one file each, listed here.

use mmtl_plan::{Knob, Seeds, Settings, nearest};

use crate::error::DataError;

/// A kind of data that `source` in `[data]` may name.
pub trait Source: Sync {
    /// Name, as in experiment files.
    fn name(&self) -> &'static str;
    /// What it is and where it comes from.
    fn doc(&self) -> &'static str;
    /// Its own keys of `[data]`.
    fn knobs(&self) -> Vec<Knob>;
}

/// Every source.
pub fn sources() -> &'static [&'static dyn Source] {
    &[]
}

/// The source called `name`.
///
/// # Errors
/// When there is none.
pub fn source(name: &str) -> Result<&'static dyn Source, DataError> {
    let choices: Vec<&'static str> = sources().iter().map(|source| source.name()).collect();
    sources().iter().find(|source| source.name() == name).copied().ok_or_else(|| DataError::UnknownSource {
        name: name.to_owned(),
        nearest: nearest(name, choices.iter().copied()),
        choices,
    })
}

/// All keys of `[data]` for the source called `name`, `source` itself included.
///
/// # Errors
/// When there is no such source.
pub fn knobs(name: &str) -> Result<Vec<Knob>, DataError> {
    source(name).map(Source::knobs)
}

#[expect(unused, reason = "filled in with the sources")]
fn seeds(_: &Seeds, _: &Settings) {}
