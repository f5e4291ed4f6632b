//! The distinct values of a column.

use arrow_array::StringArray;
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};

use crate::interned::{Interned, Short};
use crate::read::texts::offset;

/// Key of a text that means "no value".
pub(super) const NO_VALUE: i32 = -1;

/// Numbers values in the order in which they first come.
pub(super) struct Distinct {
    missing: Vec<Vec<u8>>,
    /// Those of `missing` come first, so that one look-up tells whether there is a value and which.
    texts: Interned,
}

impl Distinct {
    /// `missing` are the texts without a value, each once.
    pub(super) fn new(missing: &[Vec<u8>]) -> Self {
        let mut new = Self { missing: missing.to_vec(), texts: Interned::default() };
        new.reset();
        new
    }

    /// The key of a value, or [`NO_VALUE`].
    pub(super) fn key(&mut self, text: &[u8]) -> i32 {
        let number = self.texts.number(text);
        self.key_of_number(number)
    }

    /// As [`Self::key`].
    pub(super) fn key_of_short(&mut self, text: Short) -> i32 {
        let number = self.texts.number_of_short(text);
        self.key_of_number(number)
    }

    fn key_of_number(&self, number: u32) -> i32 {
        // Pieces have far fewer rows than there are keys.
        (number as usize).checked_sub(self.missing.len()).map_or(NO_VALUE, |key| key.try_into().unwrap_or(i32::MAX))
    }

    fn reset(&mut self) {
        self.texts.clear();
        for text in &self.missing {
            self.texts.number(text);
        }
    }

    /// The values by key, which are then gone.
    ///
    /// # Errors
    /// When one is no UTF-8: its key, and what it looks like.
    pub(super) fn take(&mut self) -> Result<StringArray, (usize, String)> {
        let skipped = self.missing.len();
        let (bytes, ends) = self.texts.from(skipped);
        let ends: Vec<i32> = std::iter::once(0).chain(ends.map(offset)).collect();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        let values = StringArray::try_new(offsets, Buffer::from(bytes), None).map_err(|_| {
            let broken = |key: &usize| std::str::from_utf8(self.texts.get(skipped + key)).is_err();
            let key = (0..self.texts.len() - skipped).find(broken).unwrap_or(0);
            (key, String::from_utf8_lossy(self.texts.get(skipped + key)).into_owned())
        })?;
        self.reset();
        Ok(values)
    }
}
