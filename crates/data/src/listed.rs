//! Values that a card lists, and those of the data that they mean.

use std::fmt;

/// A value of a list in a card. A number means every way to write it, as files may have `1.0` for 1; a text itself alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    text: String,
    number: Option<f64>,
}

impl Listed {
    /// A number, as the card writes it.
    pub(crate) fn number(text: String, number: f64) -> Self {
        Self { text, number: Some(number) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_number(&self) -> bool {
        self.number.is_some()
    }

    /// Whether it means a value of the data.
    pub(crate) fn means(&self, value: &str) -> bool {
        self.text == value || self.number.is_some_and(|number| value.parse() == Ok(number))
    }

    /// Whether both mean a value.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.means(&other.text) || other.means(&self.text)
    }
}

impl From<String> for Listed {
    fn from(text: String) -> Self {
        Self { text, number: None }
    }
}

impl From<&str> for Listed {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_mean_every_way_to_write_them_and_texts_themselves() {
        let one = Listed::number("1".to_owned(), 1.0);
        let words = ["1", "1.0", "01", "1e0", "2", "one", ""];
        assert_eq!(words.map(|word| one.means(word)), [true, true, true, true, false, false, false]);
        let text = Listed::from("1");
        assert_eq!(words.map(|word| text.means(word)), [true, false, false, false, false, false, false]);
        assert!(one.overlaps(&text) && text.overlaps(&one) && one.overlaps(&Listed::from("1.0")));
        assert!(!text.overlaps(&Listed::from("1.0")));
    }
}
