//! Texts one behind the other.

use arrow_array::StringArray;
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

/// An offset of Arrow's. Pieces end long before they have 2 GiB, and a row has 64 MiB at most.
pub(super) fn offset(at: usize) -> i32 {
    i32::try_from(at).expect("a piece is smaller than 2 GiB")
}

/// Bytes of texts, and where each ends.
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// Starts with 0.
    ends: Vec<i32>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { bytes: vec![], ends: vec![0] }
    }
}

impl Texts {
    pub(super) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    pub(super) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(offset(self.bytes.len()));
    }

    pub(super) fn get(&self, at: usize) -> &[u8] {
        &self.bytes[self.ends[at] as usize..self.ends[at + 1] as usize]
    }

    /// All texts, which are then gone.
    ///
    /// # Errors
    /// When one is no UTF-8: which, and what it looks like.
    pub(super) fn take(&mut self, nulls: Option<NullBuffer>) -> Result<StringArray, (usize, String)> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends.clone()));
        // The bytes are copied into a buffer of their size; the room that has grown serves the next piece.
        StringArray::try_new(offsets, Buffer::from(self.bytes.as_slice()), nulls)
            .map_err(|_| {
                let at = (0..self.len()).find(|&at| std::str::from_utf8(self.get(at)).is_err()).unwrap_or(0);
                (at, String::from_utf8_lossy(self.get(at)).into_owned())
            })
            .inspect(|_| self.clear())
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.truncate(1);
    }
}
