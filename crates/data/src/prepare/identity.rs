//! What a row is known by: a number that does not depend on other rows.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use hashbrown::HashMap;
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
        Identity::Position => Ok(places(piece)),
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

/// The numbers of a piece's rows in the table.
pub(crate) fn places(piece: &Piece) -> Vec<u64> {
    (0..piece.rows() as u64).map(|at| piece.first_row + at).collect()
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
        for (id, key) in ids.iter_mut().zip(words.keys.iter()) {
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
    /// Ids that several rows have, and how many of these were met so far.
    met: HashMap<u64, u64>,
}

/// Bits of the tables of [`Repeats::of`] for each row. Of rows that repeat nothing at most 1 in 32 finds its bit set by
/// another.
const BITS_A_ROW: usize = 16;
/// Ids are looked at by so many of their first bits at once, so that tables stay in a cache and all cores take a part.
const SHARE_BITS: u32 = 3;

impl Repeats {
    /// Of the ids of all rows, piece by piece.
    pub(crate) fn of(pieces: &[&[u64]]) -> Self {
        let rows: usize = pieces.iter().map(|ids| ids.len()).sum();
        let bits = (rows * BITS_A_ROW).next_power_of_two().ilog2().max(SHARE_BITS + 6) - SHARE_BITS;
        let of_share = |share| {
            let ids = of_share(pieces, share);
            // Those that came again, and those whose bit another had set: they are counted.
            let mut seen = BitTable::new(bits);
            let mut met: HashMap<u64, u64> = ids.iter().filter(|id| seen.set(**id)).map(|id| (*id, 0)).collect();
            let mut candidates = seen.cleared();
            for id in met.keys() {
                candidates.set(*id);
            }
            for id in ids.iter().filter(|id| candidates.is_set(**id)) {
                if let Some(met) = met.get_mut(id) {
                    *met += 1;
                }
            }
            met.retain(|_, met| *met > 1);
            met.into_keys().map(|id| (id, 0)).collect::<Vec<_>>()
        };
        let shares: Vec<_> = (0..1 << SHARE_BITS).into_par_iter().map(of_share).collect();
        Self { met: shares.into_iter().flatten().collect() }
    }

    /// A unique id for the next row known as `id`, and whether another had it before.
    pub(crate) fn next(&mut self, id: u64) -> (u64, bool) {
        let Some(met) = self.met.get_mut(&id) else { return (id, false) };
        let before = *met;
        *met += 1;
        if before == 0 { (id, false) } else { (mixed(id, before), true) }
    }
}

/// The ids of one share. Each is written, and over it the next where it does not stay: no processor could foresee a jump.
fn of_share(pieces: &[&[u64]], share: u64) -> Vec<u64> {
    let (mut some, mut end) = (vec![], 0);
    for ids in pieces {
        some.resize(some.len().max(end + ids.len()), 0);
        for id in *ids {
            some[end] = *id;
            end += usize::from(spread(*id) >> (64 - SHARE_BITS) == share);
        }
    }
    some.truncate(end);
    some
}

/// Ids of users may be consecutive numbers (Knuth, The Art of Computer Programming 3, section 6.4).
fn spread(id: u64) -> u64 {
    id.wrapping_mul(NOTHING)
}

/// A bit for each number of so many bits.
struct BitTable {
    words: Vec<u64>,
    bits: u32,
}

impl BitTable {
    fn new(bits: u32) -> Self {
        Self { words: vec![0; 1 << (bits - 6)], bits }
    }

    fn cleared(mut self) -> Self {
        self.words.fill(0);
        self
    }

    /// The word and the bit of an id, by what comes after the first bits, which are those of its share.
    fn place(&self, id: u64) -> (usize, u64) {
        let number = spread(id) << SHARE_BITS >> (64 - self.bits);
        ((number >> 6) as usize, 1 << (number % 64))
    }

    fn is_set(&self, id: u64) -> bool {
        let (word, bit) = self.place(id);
        self.words[word] & bit != 0
    }

    /// Whether the bit of an id was set; it is then.
    fn set(&mut self, id: u64) -> bool {
        let (word, bit) = self.place(id);
        let was_set = self.words[word] & bit != 0;
        self.words[word] |= bit;
        was_set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_rows_get_ids_of_their_own_in_order() {
        let mut repeats = Repeats::of(&[&[5, 7], &[5, 5]]);
        let (first, second, third) = (repeats.next(5), repeats.next(5), repeats.next(5));
        assert_eq!((first, repeats.next(7)), ((5, false), (7, false)));
        assert!(second.1 && third.1 && second.0 != third.0 && second.0 != 5);
    }

    #[test]
    fn ids_that_repeat_are_found_among_any_others() {
        let kinds: [fn(u64) -> u64; 4] = [|at| mixed(at, 1), |at| at, |at| at << 44, |at| at % 7];
        for (number, of) in kinds.into_iter().enumerate() {
            for rows in [0, 1, 2, 3, 100, 20_000] {
                let mut ids: Vec<u64> = (0..rows).map(of).collect();
                ids.extend((0..rows).step_by(1000).map(of));
                let mut counts = HashMap::new();
                for id in &ids {
                    *counts.entry(*id).or_insert(0) += 1;
                }
                counts.retain(|_, rows: &mut u64| *rows > 1);
                let found = Repeats::of(&ids.chunks(64).collect::<Vec<_>>()).met;
                assert!(
                    found.keys().all(|id| counts.contains_key(id)) && found.len() == counts.len(),
                    "{number} {rows}"
                );
            }
        }
    }

    #[test]
    fn the_order_of_columns_counts() {
        assert_ne!(mixed(mixed(0, 1), 2), mixed(mixed(0, 2), 1));
        assert_ne!(mixed(0, 0), 0);
    }
}
