//! Distinct texts, by number.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::ops::Range;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

/// Numbers texts from 0 on, in the order in which they first come.
#[derive(Debug, Default)]
pub(crate) struct Interned {
    /// All texts one behind the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    places: HashTable<Place>,
    hasher: DefaultHashBuilder,
    /// That of the text asked for last: in sorted files that is often the next one, too.
    last: Option<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    key: Key,
    number: u32,
}

/// What tells most texts apart, in a register: all of a text of at most [`SHORT`] bytes, or the hash of a longer one, of
/// which the highest bit is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key(u64);

const LONG: u64 = 1 << 63;

/// Bytes of a short text, as most ids are.
const SHORT: usize = 7;

impl Interned {
    /// Number of texts.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text with this number.
    pub(crate) fn get(&self, number: usize) -> &[u8] {
        &self.bytes[self.place(number)]
    }

    /// All texts, one behind the other.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The place of the text with this number among all of them.
    pub(crate) fn place(&self, number: usize) -> Range<usize> {
        start(&self.ends, number)..self.ends[number]
    }

    /// All bytes from the text with this number on, and where each text ends in them.
    pub(crate) fn from(&self, number: usize) -> (&[u8], impl Iterator<Item = usize>) {
        let start = start(&self.ends, number);
        (&self.bytes[start..], self.ends[number..].iter().map(move |end| end - start))
    }

    /// The number of a text, if it is there.
    pub(crate) fn find(&self, text: &[u8]) -> Option<u32> {
        let key = self.key(text);
        self.find_with(key, self.hasher.hash_one(key.0), text)
    }

    /// The number of a text, which is added if it is not there.
    pub(crate) fn number(&mut self, text: &[u8]) -> u32 {
        self.number_with(self.key(text), text)
    }

    /// As [`Self::number`].
    pub(crate) fn number_of_short(&mut self, text: Short) -> u32 {
        let bytes = text.0.to_le_bytes();
        self.number_with(Key(text.0), &bytes[..usize::from(bytes[SHORT])])
    }

    /// As [`Self::number`] of each text that comes with `true`, and [`Self::find`] of the others. A large table lies in
    /// memory: where several places are looked at before the first is needed, all are waited for at once.
    pub(crate) fn number_all<'a>(&mut self, mut texts: impl Iterator<Item = (&'a [u8], bool)>) -> Vec<Option<u32>> {
        const TOGETHER: usize = 32;
        let (mut some, mut numbers) = (Vec::with_capacity(TOGETHER), Vec::with_capacity(texts.size_hint().0));
        loop {
            some.clear();
            some.extend(texts.by_ref().take(TOGETHER).map(|(text, added)| {
                let key = self.key(text);
                (text, added, key, self.hasher.hash_one(key.0))
            }));
            if some.is_empty() {
                return numbers;
            }
            let first = |hash| self.places.iter_hash(hash).next().map_or(0, |place| place.number);
            black_box(some.iter().fold(0, |all, &(.., hash)| all ^ first(hash)));
            numbers.extend(some.iter().map(|&(text, added, key, hash)| {
                if added { Some(self.place_of(key, hash, text).number) } else { self.find_with(key, hash, text) }
            }));
        }
    }

    #[inline]
    fn number_with(&mut self, key: Key, text: &[u8]) -> u32 {
        if let Some(last) = self.last.filter(|last| self.is(*last, key, text)) {
            return last.number;
        }
        let place = self.place_of(key, self.hasher.hash_one(key.0), text);
        self.last = Some(place);
        place.number
    }

    #[inline]
    fn place_of(&mut self, key: Key, hash: u64, text: &[u8]) -> Place {
        let Self { bytes, ends, places, hasher, .. } = self;
        let same = |place: &Place| holds(bytes, ends, *place, key, text);
        match places.entry(hash, same, |place| hasher.hash_one(place.key.0)) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let place = Place { key, number: u32::try_from(ends.len()).expect("fewer than 2^32 distinct texts") };
                entry.insert(place);
                bytes.extend_from_slice(text);
                ends.push(bytes.len());
                place
            }
        }
    }

    fn find_with(&self, key: Key, hash: u64, text: &[u8]) -> Option<u32> {
        self.places.find(hash, |place| self.is(*place, key, text)).map(|place| place.number)
    }

    /// Forgets all, but keeps the room.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.places.clear();
        self.last = None;
    }

    fn is(&self, place: Place, key: Key, text: &[u8]) -> bool {
        holds(&self.bytes, &self.ends, place, key, text)
    }

    fn key(&self, text: &[u8]) -> Key {
        Key(Short::of(text).map_or_else(|| self.hasher.hash_one(text) | LONG, Short::bits))
    }
}

/// A text of at most [`SHORT`] bytes, in a register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Short(u64);

impl Short {
    /// A text, if it is short.
    #[inline]
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        (text.len() <= SHORT).then(|| Self(packed(text)))
    }

    /// The text with these [`Self::bits`].
    pub(crate) fn of_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// What tells short texts apart. The highest bit is 0.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

impl Key {
    /// Whether texts with this key are one.
    fn is_all(self) -> bool {
        self.0 & LONG == 0
    }
}

/// Whether the text at a place is `text`, whose key is `key`.
fn holds(bytes: &[u8], ends: &[usize], place: Place, key: Key, text: &[u8]) -> bool {
    let number = place.number as usize;
    place.key == key && (key.is_all() || &bytes[start(ends, number)..ends[number]] == text)
}

/// Where the text with this number begins.
fn start(ends: &[usize], number: usize) -> usize {
    number.checked_sub(1).map_or(0, |before| ends[before])
}

/// The bytes of a short text, the first lowest, and their number on top. Reads that overlap agree where they do, so that
/// no byte needs a turn of its own.
fn packed(text: &[u8]) -> u64 {
    let len = text.len();
    let low = if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4))
    } else if let (Some(first), Some(last)) = (text.first(), text.last()) {
        u64::from(*first) | u64::from(text[len / 2]) << (8 * (len / 2)) | u64::from(*last) << (8 * (len - 1))
    } else {
        0
    };
    low | (len as u64) << 56
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_texts_are_packed_without_loss() {
        for text in ["", "a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "aaaa", "aaaaa", "\0", "\0\0"] {
            let mut expected = [0; 8];
            expected[..text.len()].copy_from_slice(text.as_bytes());
            expected[7] = text.len() as u8;
            assert_eq!(packed(text.as_bytes()), u64::from_le_bytes(expected), "{text:?}");
        }
    }

    /// Nothing but the bytes tells texts of one hash apart.
    #[test]
    fn longer_texts_are_compared() {
        let (bytes, ends, key) = (b"a long texta lone text", [11, 22], Key(LONG | 5));
        let holds = |number, text: &str| holds(bytes, &ends, Place { key, number }, key, text.as_bytes());
        assert!(holds(0, "a long text") && holds(1, "a lone text"));
        assert!(!holds(0, "a lone text") && !holds(1, "a long text"));
    }

    proptest! {
        #[test]
        fn texts_are_numbered_in_the_order_in_which_they_first_come(
            texts in prop::collection::vec(prop::collection::vec(0..3u8, 0..12), 0..200),
        ) {
            let (mut interned, mut expected) = (Interned::default(), HashMap::new());
            interned.number(b"forgotten");
            interned.clear();
            for text in &texts {
                let next = expected.len() as u32;
                prop_assert_eq!(interned.find(text), expected.get(text).copied());
                let number = *expected.entry(text.clone()).or_insert(next);
                match Short::of(text) {
                    Some(short) if number % 2 == 0 => prop_assert_eq!(interned.number_of_short(short), number),
                    _ => prop_assert_eq!(interned.number(text), number),
                }
            }
            prop_assert_eq!(interned.len(), expected.len());
            prop_assert!(expected.iter().all(|(text, number)| interned.get(*number as usize) == text.as_slice()));
            let from = interned.len().min(2);
            let (bytes, mut ends) = interned.from(from);
            prop_assert!(ends.by_ref().zip(from..).all(|(end, number)| bytes[..end].ends_with(interned.get(number))));
        }

        #[test]
        fn texts_asked_for_together_get_the_numbers_of_those_asked_for_one_by_one(
            texts in prop::collection::vec((prop::collection::vec(0..3u8, 0..12), any::<bool>()), 0..200),
        ) {
            let (mut together, mut one_by_one) = (Interned::default(), Interned::default());
            for texts in [&texts[..texts.len() / 3], &texts[texts.len() / 3..]] {
                let numbers = together.number_all(texts.iter().map(|(text, added)| (text.as_slice(), *added)));
                let each = |(text, added): &(Vec<u8>, bool)| {
                    if *added { Some(one_by_one.number(text)) } else { one_by_one.find(text) }
                };
                prop_assert_eq!(numbers, texts.iter().map(each).collect::<Vec<_>>());
            }
            prop_assert_eq!(together.len(), one_by_one.len());
        }
    }
}
