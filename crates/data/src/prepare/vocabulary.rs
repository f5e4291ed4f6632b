//! Ids of categories and words, fitted on train rows.

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
    counts: Vec<u64>,
}

/// The ids of values. It is written as the list of them, by id.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Vocabulary {
    words: Interned,
}

impl VocabularyFit {
    /// Counts `times` more occurrences in train rows.
    pub(crate) fn add(&mut self, word: &str, times: u64) {
        if times == 0 {
            return;
        }
        let number = self.words.number(word.as_bytes()) as usize;
        self.counts.resize(self.words.len(), 0);
        self.counts[number] += times;
    }

    /// Ids by falling count, equal counts by the value itself, so that they do not depend on the order of rows.
    pub(crate) fn finish(self, card: &VocabularyCard) -> Vocabulary {
        let words = self.counts.iter().enumerate().map(|(number, count)| (*count, self.words.get(number)));
        let mut words: Vec<(u64, &[u8])> = words.filter(|(count, _)| *count >= card.min_count).collect();
        words.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        words.truncate(card.max_words.min((u32::MAX - RESERVED) as usize));
        Vocabulary::of(words.into_iter().map(|(_, word)| word))
    }
}

impl TryFrom<Vec<String>> for Vocabulary {
    type Error = &'static str;

    fn try_from(words: Vec<String>) -> Result<Self, Self::Error> {
        let all = Self::of(words.iter().map(String::as_bytes));
        if all.words.len() == words.len() { Ok(all) } else { Err("a word stands for two ids") }
    }
}

impl Serialize for Vocabulary {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.words())
    }
}

impl Vocabulary {
    /// Of words that are UTF-8.
    fn of<'a>(words: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut all = Interned::default();
        words.for_each(|word| {
            all.number(word);
        });
        Self { words: all }
    }

    /// Number of ids, reserved ones included.
    pub(crate) fn size(&self) -> usize {
        self.words.len() + RESERVED as usize
    }

    /// The values, by id from [`RESERVED`] on.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        let word = |number| std::str::from_utf8(self.words.get(number)).expect("words are made of text");
        (0..self.words.len()).map(word)
    }

    /// The id of a value.
    pub(crate) fn id(&self, word: &str) -> u32 {
        self.words.find(word.as_bytes()).map_or(UNSEEN, |number| number + RESERVED)
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
        let card = VocabularyCard { name: "words".into(), min_count: 0, max_words: 10 };
        assert_eq!(fit.finish(&card).size(), 2);
    }
}
