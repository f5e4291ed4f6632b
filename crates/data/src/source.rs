//! Where data comes from: one file each, listed here.

use std::path::PathBuf;

use mmtl_plan::{Knob, Seeds, Settings, nearest};

use crate::card::Card;
use crate::card_source::Cards;
use crate::census::Census;
use crate::error::DataError;
use crate::reviews::Reviews;
use crate::synthetic::Synthetic;
use crate::table::Table;

/// A kind of data that `source` in `[data]` may name.
pub trait Source: Sync {
    /// Name, as in experiment files.
    fn name(&self) -> &'static str;

    /// What it is and where it comes from.
    fn doc(&self) -> &'static str;

    /// Whether the seed of data decides its rows: others have the same under every seed.
    fn is_drawn(&self) -> bool {
        false
    }

    /// Its own keys of `[data]`.
    fn knobs(&self) -> Vec<Knob>;

    /// Its table, and what the columns mean.
    ///
    /// # Errors
    /// When settings do not fit each other, or a file is not there.
    fn table(&self, settings: &Settings, seeds: &Seeds) -> Result<(Card, Box<dyn Table>), DataError>;

    /// What beside the settings decides how its files are read, if anything does: kept with the prepared data, as the file
    /// that it stands in may change.
    ///
    /// # Errors
    /// When it cannot be read.
    fn wording(&self, _settings: &Settings) -> Result<Option<String>, DataError> {
        Ok(None)
    }

    /// The tables of other files of the same layout, one after the other, with the columns of fields and scenes; and what
    /// the columns mean, by `wording` as it was kept.
    ///
    /// # Errors
    /// When its rows are in no file, settings do not fit each other, or a file is not there or lacks a column.
    fn other(&self, settings: &Settings, wording: Option<&str>, files: &[PathBuf]) -> Result<Tables, DataError>;
}

/// A card, and tables that it describes.
pub type Tables = (Card, Vec<Box<dyn Table>>);

/// Names of the sources, the default first.
pub(crate) const NAMES: &[&str] = &["reviews", "census", "synthetic", "card"];

/// Every source.
pub fn sources() -> &'static [&'static dyn Source] {
    &[&Reviews, &Census, &Synthetic, &Cards]
}

/// The source called `name`.
///
/// # Errors
/// When there is none.
pub fn source(name: &str) -> Result<&'static dyn Source, DataError> {
    sources().iter().find(|source| source.name() == name).copied().ok_or_else(|| DataError::UnknownSource {
        name: name.to_owned(),
        nearest: nearest(name, NAMES.iter().copied()),
        choices: NAMES.to_vec(),
    })
}
