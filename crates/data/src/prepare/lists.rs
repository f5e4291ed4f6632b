//! Columns of lists: arrays, or text with separators.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;

use crate::card::Keep;
use crate::error::DataError;
use crate::prepare::words::Words;
use crate::table::Column;

/// The lists of some rows.
pub(crate) enum Lists<'a> {
    /// Arrays.
    Arrays {
        /// One bound more than rows.
        offsets: Vec<i32>,
        /// All values.
        values: ArrayRef,
    },
    /// Text that is split.
    Texts(Words<'a>, &'a str),
}

impl<'a> Lists<'a> {
    /// # Errors
    /// When the column holds neither lists nor text.
    pub(crate) fn of(column: &Column<'a>, separator: &'a str) -> Result<Self, DataError> {
        let DataType::List(_) = column.array.data_type() else {
            return Ok(Self::Texts(Words::of(column)?, separator));
        };
        let lists = column.array.as_list::<i32>();
        let values =
            cast(lists.values(), &DataType::Utf8).map_err(|_| column.type_error("lists of text or numbers"))?;
        Ok(Self::Arrays { offsets: lists.value_offsets().to_vec(), values })
    }

    /// Puts the values of a row into `items`: at most `max`, at the end that is kept. A missing list is empty.
    pub(crate) fn row<'t>(&'t self, at: usize, max: usize, keep: Keep, items: &mut Vec<&'t str>) {
        items.clear();
        match self {
            Self::Arrays { offsets, values } => {
                let values: &StringArray = values.as_string();
                let all = offsets[at] as usize..offsets[at + 1] as usize;
                items.extend(all.filter(|&at| values.is_valid(at)).map(|at| values.value(at)));
            }
            Self::Texts(words, separator) => {
                let text = words.row(at).unwrap_or_default();
                items.extend(text.split(separator).map(str::trim).filter(|item| !item.is_empty()));
            }
        }
        match keep {
            Keep::First => items.truncate(max),
            Keep::Last => drop(items.drain(..items.len().saturating_sub(max))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::prepare::words::Values;

    #[test]
    fn either_end_of_a_list_may_be_kept() {
        let words =
            Words { keys: Cow::Borrowed(&[0, 1, u32::MAX]), values: Values::List(vec!["a| b||c".into(), "".into()]) };
        let lists = Lists::Texts(words, "|");
        let mut items = vec![];
        let mut row = |at, max, keep| {
            lists.row(at, max, keep, &mut items);
            items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(row(0, 9, Keep::First), ["a", "b", "c"]);
        assert_eq!(
            (row(0, 2, Keep::First), row(0, 2, Keep::Last)),
            (vec!["a".into(), "b".into()], vec!["b".into(), "c".into()])
        );
        assert!(row(1, 9, Keep::Last).is_empty() && row(2, 9, Keep::First).is_empty());
    }
}
