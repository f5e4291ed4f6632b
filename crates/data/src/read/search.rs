//! Whether the keys of the main table are those of a table that is joined.

use std::path::{Path, PathBuf};

use crate::read::join::Found;

/// How the search for rows of a table that is joined has gone so far.
#[derive(Default)]
pub(super) enum Search {
    /// There was no key.
    #[default]
    Begun,
    /// This key, of this file, was the first, and none is one of that table's.
    InVain(PathBuf, String),
    Met,
}

impl Search {
    /// Adds what rows of a file have found.
    pub(super) fn add(&mut self, path: &Path, found: &Found) {
        if matches!(self, Self::Met) {
            return;
        }
        if found.any() {
            *self = Self::Met;
        } else if let (Self::Begun, Some(key)) = (&*self, found.example()) {
            *self = Self::InVain(path.to_owned(), key);
        }
    }

    /// The first key, and its file, where none is one of the table that is joined.
    pub(super) fn end(self) -> Option<(PathBuf, String)> {
        if let Self::InVain(path, key) = self { Some((path, key)) } else { None }
    }
}
