//! The distinct values of a column.

use std::hash::BuildHasher;

use arrow::array::{Array, StringArray};
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::read::texts::Texts;

/// Key of a text that means "no value".
pub(super) const NO_VALUE: i32 = -1;

/// Numbers values in the order in which they first come.
pub(super) struct Distinct {
    missing: Vec<Vec<u8>>,
    hasher: DefaultHashBuilder,
    /// Places in `texts`.
    places: HashTable<u32>,
    /// Those of `missing` come first, so that one look-up tells whether there is a value and which.
    texts: Texts,
    /// Place of the text asked for last: in sorted files that is often the next one, too.
    last: u32,
}

impl Distinct {
    /// `missing` are the texts without a value, each once.
    pub(super) fn new(missing: &[Vec<u8>]) -> Self {
        let (hasher, places) = (DefaultHashBuilder::default(), HashTable::new());
        let mut new = Self { missing: missing.to_vec(), hasher, places, texts: Texts::new(), last: 0 };
        new.reset();
        new
    }

    /// The key of a value, or [`NO_VALUE`].
    pub(super) fn key(&mut self, text: &[u8]) -> i32 {
        let place = match self.last {
            last if (last as usize) < self.texts.len() && self.texts.get(last as usize) == text => last,
            _ => self.place(text),
        };
        self.last = place;
        // Pieces have far fewer rows than there are keys.
        (place as usize).checked_sub(self.missing.len()).map_or(NO_VALUE, |key| key.try_into().unwrap_or(i32::MAX))
    }

    fn place(&mut self, text: &[u8]) -> u32 {
        let Self { hasher, places, texts, .. } = self;
        let same = |place: &u32| texts.get(*place as usize) == text;
        let hash = |place: &u32| hasher.hash_one(texts.get(*place as usize));
        match places.entry(hasher.hash_one(text), same, hash) {
            hashbrown::hash_table::Entry::Occupied(entry) => *entry.get(),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let place = texts.len() as u32;
                entry.insert(place);
                texts.push(text);
                place
            }
        }
    }

    fn reset(&mut self) {
        self.places.clear();
        self.texts.clear();
        self.last = u32::MAX;
        for at in 0..self.missing.len() {
            let text = std::mem::take(&mut self.missing[at]);
            self.place(&text);
            self.missing[at] = text;
        }
    }

    /// The values by key, which are then gone.
    ///
    /// # Errors
    /// When one is no UTF-8: its key, and what it looks like.
    pub(super) fn take(&mut self) -> Result<StringArray, (usize, String)> {
        let skipped = self.missing.len();
        let values = self.texts.take(None).map_err(|(at, value)| (at.saturating_sub(skipped), value))?;
        self.reset();
        Ok(values.slice(skipped, values.len() - skipped))
    }
}
