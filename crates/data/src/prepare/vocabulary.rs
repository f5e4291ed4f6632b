//! Ids of categories and words, fitted on train rows.

use std::cmp::Ordering;

use rayon::prelude::*;
use serde::{Deserialize, Serialize, Serializer};

use crate::card::VocabularyCard;
use crate::interned::Interned;

/// Id of every value that train rows do not have, or too seldom.
pub(crate) const UNSEEN: u32 = 0;
/// Id of a missing value.
pub(crate) const MISSING_ID: u32 = 1;
/// Number of ids that stand for no value.
pub(crate) const RESERVED: u32 = 2;

/// Counts values of train rows.
#[derive(Debug, Default)]
pub(crate) struct VocabularyFit {
    words: Interned,
    /// By number.
    counts: Vec<u64>,
}

/// The ids of values. It is written as the list of them, by id.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Vocabulary {
    /// All that were counted, as they came.
    words: Interned,
    /// The number in `words` of each id's value, from [`RESERVED`] on.
    numbers: Vec<u32>,
    /// The id of each of `words`.
    ids: Vec<u32>,
}

/// In the place of the number of a value that train rows did not have so far.
const NOT_YET: u32 = u32::MAX;

impl VocabularyFit {
    /// Counts `times` more occurrences in train rows.
    pub(crate) fn add(&mut self, word: &str, times: u64) {
        if times > 0 {
            let number = self.words.number(word.as_bytes());
            self.counts.resize(self.words.len(), 0);
            self.counts[number as usize] += times;
        }
    }

    /// As [`Self::add`] of each value. By the numbers that it gives them, [`Vocabulary::id_of_number`] finds their ids
    /// without looking for them again.
    pub(crate) fn number<'a>(&mut self, words: impl Iterator<Item = &'a str>, times: &[u64]) -> Vec<u32> {
        let counted = words.map(str::as_bytes).zip(times.iter().map(|times| *times > 0));
        let numbers = self.words.number_all(counted).into_iter().map(|number| number.unwrap_or(NOT_YET));
        let numbers: Vec<u32> = numbers.collect();
        self.counts.resize(self.words.len(), 0);
        // Not on the way: many counts come from memory at once where it is known which they are.
        for (number, times) in numbers.iter().zip(times).filter(|(number, _)| **number != NOT_YET) {
            self.counts[*number as usize] += times;
        }
        numbers
    }

    /// Ids by falling count, equal counts by the value itself, so that they do not depend on the order of rows.
    pub(crate) fn finish(self, card: &VocabularyCard) -> Vocabulary {
        let Self { words, counts } = self;
        let least = card.min_count.max(1);
        let counted = (0..).zip(&counts).filter(|(_, count)| **count >= least);
        let mut ranked: Vec<Ranked> = counted.map(|(number, count)| Ranked::of(&words, number, *count)).collect();
        ranked.par_sort_unstable_by(|a, b| a.cmp(b, &words));
        ranked.truncate(card.max_words.min((u32::MAX - RESERVED) as usize));
        Vocabulary::of(words, ranked.into_iter().map(|ranked| ranked.number).collect())
    }
}

/// A value that may get an id.
struct Ranked {
    count: u64,
    /// Its first bytes, so that few are looked up to compare them.
    start: [u8; 8],
    number: u32,
}

impl Ranked {
    fn of(words: &Interned, number: u32, count: u64) -> Self {
        let word = words.get(number as usize);
        let mut start = [0; 8];
        start[..word.len().min(8)].copy_from_slice(&word[..word.len().min(8)]);
        Self { count, start, number }
    }

    fn cmp(&self, other: &Self, words: &Interned) -> Ordering {
        let word = |ranked: &Self| words.get(ranked.number as usize);
        let texts = || self.start.cmp(&other.start).then_with(|| word(self).cmp(word(other)));
        other.count.cmp(&self.count).then_with(texts)
    }
}

impl TryFrom<Vec<String>> for Vocabulary {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, Self::Error> {
        let mut all = Interned::default();
        let numbers: Vec<u32> = words.iter().map(|word| all.number(word.as_bytes())).collect();
        if all.len() == words.len() { Ok(Self::of(all, numbers)) } else { Err("a word stands for two ids") }
    }
}

impl Serialize for Vocabulary {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.words())
    }
}

impl Vocabulary {
    /// Of words that are UTF-8, with the numbers of those that get an id, in the order of ids.
    fn of(words: Interned, numbers: Vec<u32>) -> Self {
        let mut ids = vec![UNSEEN; words.len()];
        numbers.iter().zip(RESERVED..).for_each(|(number, id)| ids[*number as usize] = id);
        Self { words, numbers, ids }
    }

    /// Number of ids, reserved ones included.
    pub(crate) fn size(&self) -> usize {
        self.numbers.len() + RESERVED as usize
    }

    /// The values, by id from [`RESERVED`] on.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        let all = std::str::from_utf8(self.words.bytes()).expect("words are made of text");
        self.numbers.iter().map(move |number| &all[self.words.place(*number as usize)])
    }

    /// The id of a value.
    pub(crate) fn id(&self, word: &str) -> u32 {
        self.words.find(word.as_bytes()).map_or(UNSEEN, |number| self.ids[number as usize])
    }

    /// The id of a value to which [`VocabularyFit::number`] gave this number.
    pub(crate) fn id_of_number(&self, number: u32, word: &str) -> u32 {
        if number == NOT_YET { self.id(word) } else { self.ids[number as usize] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(words: &[&str], min_count: u64, max_words: usize) -> Vocabulary {
        let mut fit = VocabularyFit::default();
        for word in words {
            fit.add(word, 1);
        }
        fit.finish(&VocabularyCard { name: "words".into(), min_count, max_words })
    }

    #[test]
    fn ids_go_by_count_then_value_whatever_the_order() {
        for words in [["b", "a", "c", "c"], ["c", "a", "c", "b"]] {
            let vocabulary = fitted(&words, 1, 10);
            assert_eq!(["c", "a", "b", "d"].map(|word| vocabulary.id(word)), [2, 3, 4, UNSEEN]);
            assert_eq!(vocabulary.size(), 5);
        }
    }

    #[test]
    fn rare_and_surplus_values_share_the_reserved_id() {
        let words = ["a", "a", "a", "b", "b", "c"];
        for (min_count, ids) in [(1, [2, 3, 4]), (2, [2, 3, UNSEEN]), (3, [2, UNSEEN, UNSEEN])] {
            assert_eq!(["a", "b", "c"].map(|word| fitted(&words, min_count, 10).id(word)), ids, "{min_count}");
        }
        assert_eq!(["a", "b", "c"].map(|word| fitted(&words, 1, 1).id(word)), [2, UNSEEN, UNSEEN]);
    }

    #[test]
    fn it_is_written_as_its_words_of_which_each_is_there_once() {
        let vocabulary = fitted(&["b", "", "b"], 1, 10);
        let text = serde_json::to_string(&vocabulary).unwrap();
        assert_eq!(text, r#"["b",""]"#);
        let again: Vocabulary = serde_json::from_str(&text).unwrap();
        assert_eq!((again.size(), again.id(""), again.id("b")), (4, 3, 2));
        assert!(serde_json::from_str::<Vocabulary>(r#"["a","a","b"]"#).is_err());
    }

    #[test]
    fn a_value_counted_no_times_has_no_id() {
        let mut fit = VocabularyFit::default();
        fit.add("only in test", 0);
        let words = ["also only in test", "in train", "later in train"];
        let numbers = fit.number(words.into_iter(), &[0, 1, 0]);
        assert_eq!(fit.number(words.into_iter(), &[0, 0, 1])[..2], numbers[..2]);
        let card = VocabularyCard { name: "words".into(), min_count: 0, max_words: 10 };
        let vocabulary = fit.finish(&card);
        let of_numbers = [0, 1, 2].map(|at| vocabulary.id_of_number(numbers[at], words[at]));
        assert_eq!((of_numbers, words.map(|word| vocabulary.id(word))), ([UNSEEN, 2, 3], [UNSEEN, 2, 3]));
        assert_eq!(vocabulary.words().collect::<Vec<_>>(), words[1..]);
    }

    #[test]
    fn numbers_and_values_have_the_same_ids_however_many_are_rare() {
        for rare in [0, 3, 90] {
            let mut fit = VocabularyFit::default();
            let words: Vec<String> =
                (0..rare).map(|at| format!("rare {at}")).chain(["b", "a"].map(str::to_owned)).collect();
            let times: Vec<u64> = (0..words.len()).map(|at| if at < rare { 1 } else { 2 }).collect();
            let numbers = fit.number(words.iter().map(String::as_str), &times);
            let vocabulary = fit.finish(&VocabularyCard { name: "words".into(), min_count: 2, max_words: 10 });
            assert_eq!(vocabulary.words().collect::<Vec<_>>(), ["a", "b"]);
            for (word, number) in words.iter().zip(numbers) {
                let id = ["a", "b"].iter().position(|one| one == word).map_or(UNSEEN, |at| at as u32 + RESERVED);
                assert_eq!((vocabulary.id(word), vocabulary.id_of_number(number, word)), (id, id), "{word} of {rare}");
            }
        }
    }

    #[test]
    fn values_of_one_count_go_by_all_their_bytes() {
        let words = ["longer than eight 2", "b", "longer than eight 1", "", "a\0", "a", "longer t"];
        let vocabulary = fitted(&words, 1, 10);
        let sorted = ["", "a", "a\0", "b", "longer t", "longer than eight 1", "longer than eight 2"];
        assert_eq!(vocabulary.words().collect::<Vec<_>>(), sorted);
    }
}
