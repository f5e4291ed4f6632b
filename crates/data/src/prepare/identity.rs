//! What a row is known by: a number that does not depend on other rows.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::card::{Card, Identity, Use};
use crate::error::DataError;
use crate::prepare::numbers::numbers;
use crate::prepare::words::Words;
use crate::table::{Column, Piece};

/// What a missing value is known by.
const NOTHING: u64 = 0x9E37_79B9_7F4A_7C15;

/// What each row of a piece is known by. Rows of equal contents share it.
///
/// # Errors
/// When a row has no value in a column of ids.
pub(crate) fn row_ids(card: &Card, piece: &Piece) -> Result<Vec<u64>, DataError> {
    match &card.identity {
        Identity::Position => Ok((0..piece.rows() as u64).map(|at| piece.first_row + at).collect()),
        Identity::Column(column) => {
            let column = piece.column(column)?;
            let words = Words::of(&column)?;
            // Numbers are their own ids, so that a reader of predictions finds them; `007` is another id than `7`.
            let number = |word: &str| word.parse::<u64>().ok().filter(|number| number.to_string() == word);
            let of_word: Vec<u64> =
                words.values.iter().map(|word| number(word).unwrap_or_else(|| xxh3_64(word.as_bytes()))).collect();
            let id = |(at, key): (usize, &u32)| {
                let known = of_word.get(*key as usize).copied();
                known.ok_or_else(|| column.value_error(at, "missing".into(), "an id of the row"))
            };
            words.keys.iter().enumerate().map(id).collect()
        }
        Identity::Contents(known_by) => {
            let mut ids = vec![0; piece.rows()];
            for (column, used) in card.columns().into_iter().filter(|(column, _)| known_by.iter().any(|k| k == column))
            {
                add_column(&piece.column(column)?, used, &mut ids)?;
            }
            Ok(ids)
        }
    }
}

/// A number for each value of a column, the same in any piece.
fn hash_of_words(words: &Words) -> Vec<u64> {
    words.values.iter().map(|word| xxh3_64(word.as_bytes())).collect()
}

/// What the rows of one user or request share; `None` where neither is known.
///
/// # Errors
/// When the column does not hold ids.
pub(crate) fn groups(column: &Column) -> Result<Vec<Option<u64>>, DataError> {
    let words = Words::of(column)?;
    let of_word = hash_of_words(&words);
    Ok(words.keys.iter().map(|&key| of_word.get(key as usize).copied()).collect())
}

fn add_column(column: &Column, used: Use, ids: &mut [u64]) -> Result<(), DataError> {
    let kind = column.array.data_type();
    if matches!(kind, DataType::List(_)) {
        for (id, hash) in ids.iter_mut().zip(of_lists(column)) {
            *id = mixed(*id, hash);
        }
    } else if kind.is_floating() {
        for (id, value) in ids.iter_mut().zip(numbers(column)?) {
            // A missing number may be any NaN.
            *id = mixed(*id, if value.is_nan() { NOTHING } else { value.to_bits() });
        }
    } else if used == Use::Text && *kind == DataType::Utf8 {
        for (id, text) in ids.iter_mut().zip(column.array.as_string::<i32>()) {
            *id = mixed(*id, text.map_or(NOTHING, |text| xxh3_64(text.as_bytes())));
        }
    } else {
        let words = Words::of(column)?;
        let of_word = hash_of_words(&words);
        for (id, key) in ids.iter_mut().zip(&words.keys) {
            *id = mixed(*id, of_word.get(*key as usize).copied().unwrap_or(NOTHING));
        }
    }
    Ok(())
}

fn of_lists(column: &Column) -> Vec<u64> {
    let lists = column.array.as_list::<i32>();
    let values = lists.values().as_string_opt::<i32>();
    let of_row = |at: usize| {
        let offsets = lists.value_offsets();
        let range = offsets[at] as usize..offsets[at + 1] as usize;
        let texts = values.iter().flat_map(|values| range.clone().map(|at| xxh3_64(values.value(at).as_bytes())));
        texts.fold(NOTHING, mixed)
    };
    (0..lists.len()).map(of_row).collect()
}

/// Both, in an order that counts (the finaliser of SplitMix64; Steele et al., OOPSLA 2014).
pub(crate) fn mixed(a: u64, b: u64) -> u64 {
    let mut z = a.rotate_left(25).wrapping_add(b).wrapping_add(NOTHING);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Tells rows of equal contents apart by counting them, so that every row has an id of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repeats {
    /// Ids that several rows have, and how many of them were met so far.
    met: HashMap<u64, u64>,
}

impl Repeats {
    /// Of the ids of all rows.
    pub(crate) fn of(mut ids: Vec<u64>) -> Self {
        ids.par_sort_unstable();
        let repeated: HashSet<u64> = ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        Self { met: repeated.into_iter().map(|id| (id, 0)).collect() }
    }

    /// A unique id for the next row known as `id`, and whether another had it before.
    pub(crate) fn next(&mut self, id: u64) -> (u64, bool) {
        let Some(met) = self.met.get_mut(&id) else { return (id, false) };
        let before = *met;
        *met += 1;
        if before == 0 { (id, false) } else { (mixed(id, before), true) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_rows_get_ids_of_their_own_in_order() {
        let mut repeats = Repeats::of(vec![5, 7, 5, 5]);
        let (first, second, third) = (repeats.next(5), repeats.next(5), repeats.next(5));
        assert_eq!((first, repeats.next(7)), ((5, false), (7, false)));
        assert!(second.1 && third.1 && second.0 != third.0 && second.0 != 5);
    }

    #[test]
    fn the_order_of_columns_counts() {
        assert_ne!(mixed(mixed(0, 1), 2), mixed(mixed(0, 2), 1));
        assert_ne!(mixed(0, 0), 0);
    }
}
