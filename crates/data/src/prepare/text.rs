//! Words of a text.

/// Calls `each` with the first `limit` words of `text` in order, lower-cased. A word is a run of letters and digits,
/// with apostrophes inside it ("don't").
pub(crate) fn each_word(text: &str, limit: usize, lower: &mut String, mut each: impl FnMut(&str)) {
    let runs = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    let words = runs.map(|run| run.trim_matches('\'')).filter(|word| !word.is_empty());
    for word in words.take(limit) {
        lower.clear();
        lower.extend(word.chars().flat_map(char::to_lowercase));
        each(lower);
    }
}

/// Number of words of a text.
pub(crate) fn word_count(text: &str) -> usize {
    let (mut words, mut lower) = (0, String::new());
    each_word(text, usize::MAX, &mut lower, |_| words += 1);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, limit: usize) -> Vec<String> {
        let mut words = vec![];
        each_word(text, limit, &mut String::new(), |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn words_are_lower_case_and_keep_inner_apostrophes() {
        let text = "I DON'T like 'it'... size 5'4\"\r\n-- Élan!";
        assert_eq!(words(text, 99), ["i", "don't", "like", "it", "size", "5'4", "élan"]);
        assert_eq!(words(text, 2), ["i", "don't"]);
        assert!(words("' -- ''", 99).is_empty());
        assert_eq!(word_count(text), 7);
    }
}
