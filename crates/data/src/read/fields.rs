//! Fields of a column until their values are told apart.

use crate::interned::Short;
use crate::read::texts::Texts;

/// Fields, in the order of rows.
#[derive(Default)]
pub(super) struct Fields {
    /// A word for each: bits of a [`Short`], or [`LONG`] and the number of a long one, or [`NOTHING`].
    all: Vec<u64>,
    long: Texts,
}

/// The highest bit, which no [`Short`] has.
const LONG: u64 = 1 << 63;
const NOTHING: u64 = u64::MAX;

/// What a row has.
pub(super) enum Field<'a> {
    Short(Short),
    Long(&'a [u8]),
    Nothing,
}

impl Fields {
    #[inline]
    pub(super) fn push(&mut self, text: &[u8]) {
        let word = Short::of(text).map_or_else(|| self.push_long(text), Short::bits);
        self.all.push(word);
    }

    fn push_long(&mut self, text: &[u8]) -> u64 {
        self.long.push(text);
        LONG | (self.long.len() - 1) as u64
    }

    /// A row without a field.
    pub(super) fn push_nothing(&mut self) {
        self.all.push(NOTHING);
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.all.iter().map(|&word| match word {
            NOTHING => Field::Nothing,
            word if word & LONG != 0 => Field::Long(self.long.get((word & !LONG) as usize)),
            word => Field::Short(Short::of_bits(word)),
        })
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.long.clear();
    }
}
