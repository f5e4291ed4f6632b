//! How many rows of a Parquet file are read at once.

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use crate::read::piece_end::PIECE_BYTES;

/// Never fewer are read at once.
pub(super) const LEAST: usize = 64;
/// A batch is at most so many times the one before it.
const GROWTH: usize = 8;
/// Texts that rows share may take so many times the bytes of others: they are written out for each row only where a batch
/// has rows of two row groups.
const SHARED: usize = 16;

/// The rows of the next batch, by the bytes of the last. A file's footer does not tell them: it counts a text once that
/// many rows have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchRows {
    pub rows: usize,
    most: usize,
}

impl BatchRows {
    /// Begins with few rows where texts may be longer than `most` rows at once are meant for.
    pub(super) fn new(most: usize, few: bool) -> Self {
        let most = most.max(LEAST);
        Self { rows: if few { LEAST } else { most }, most }
    }

    /// After a batch was read: whether the next is to be of another size.
    /// What was read counts, and what it became: either may have texts once that the other has in each row.
    pub(super) fn after(&mut self, rows: usize, read: &[ArrayRef], became: &[ArrayRef]) -> bool {
        let bytes = |columns: &[ArrayRef]| columns.iter().map(bytes_of_texts).sum::<usize>();
        let bytes = bytes(read).max(bytes(became));
        let fit = (PIECE_BYTES / (bytes / rows.max(1)).max(1)).clamp(LEAST, self.most);
        let before = self.rows;
        // Every change reads the page at hand once more.
        if fit < before / 2 {
            self.rows = fit;
        } else if fit > before * 2 || fit == self.most {
            self.rows = fit.min(before * GROWTH);
        }
        self.rows != before
    }

    /// After a batch that could not be read: whether a smaller one is worth a try, from then on.
    pub(super) fn after_failure(&mut self) -> bool {
        if self.rows == LEAST {
            return false;
        }
        self.rows = (self.rows / GROWTH).max(LEAST);
        self.most = self.rows;
        true
    }
}

/// Bytes of a column's texts. Those that rows share count for each row by their mean.
fn bytes_of_texts(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value_offsets().last().map_or(0, |end| *end as usize),
        DataType::LargeUtf8 => array.as_string::<i64>().value_offsets().last().map_or(0, |end| *end as usize),
        DataType::Binary => array.as_binary::<i32>().value_offsets().last().map_or(0, |end| *end as usize),
        DataType::List(_) => bytes_of_texts(array.as_list::<i32>().values()),
        DataType::Dictionary(..) => array.as_dictionary_opt::<Int32Type>().map_or(0, |dictionary| {
            let values = dictionary.values();
            bytes_of_texts(values) * array.len() / values.len().max(1) / SHARED
        }),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{DictionaryArray, Int32Array, StringArray};

    use super::*;

    fn texts(rows: usize, bytes: usize) -> Vec<ArrayRef> {
        vec![Arc::new(StringArray::from(vec!["x".repeat(bytes); rows]))]
    }

    #[test]
    fn batches_grow_while_texts_are_short_and_shrink_where_they_are_long() {
        let mut rows = BatchRows::new(32_768, true);
        let mut sizes = vec![rows.rows];
        for bytes in [10, 10, 10, 10, 4096, 4096, 65_536, 10] {
            rows.after(64, &texts(64, bytes), &[]);
            sizes.push(rows.rows);
        }
        assert_eq!(sizes, [64, 512, 4096, 32_768, 32_768, 4096, 4096, 256, 2048]);
        // Those that rows share are counted with a part of their bytes.
        let shared = DictionaryArray::new(Int32Array::from(vec![0; 64]), texts(1, 65_536).remove(0));
        let mut rows = BatchRows::new(32_768, false);
        assert!(rows.after(64, &[Arc::new(shared)], &[]));
        assert_eq!(rows.rows, 4096);
        assert!(rows.after(64, &[], &texts(64, 65_536)));
        assert_eq!(rows.rows, 256);
    }

    #[test]
    fn what_cannot_be_read_at_once_is_tried_in_smaller_batches_and_never_grows_again() {
        let mut rows = BatchRows::new(32_768, false);
        let mut sizes = vec![];
        while rows.after_failure() {
            sizes.push(rows.rows);
        }
        assert_eq!(sizes, [4096, 512, 64]);
        assert!(!rows.after(64, &texts(64, 1), &[]));
        assert_eq!(rows, BatchRows::new(64, false));
    }
}
