//! No text makes a card's reader panic: the cards that ship are where it starts from.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::CardFile;
use crate::card_source::{card_text, cards};
use crate::fuzz::{changed, changes};

static SHIPPED: LazyLock<Vec<&str>> =
    LazyLock::new(|| cards().map(|(name, _)| card_text(name).expect("it ships")).collect());

/// Their lines, `key = value`, comments left out.
static LINES: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let lines = SHIPPED.iter().flat_map(|text| text.lines());
    lines.filter_map(|line| line.split('#').next()?.split_once(" = ")).collect()
});

/// Reads a card: what is wrong with it is said, and what is right with it is read again from its wording.
fn read(text: &[u8]) {
    match CardFile::parse("card.toml", text) {
        Ok(card) => {
            let again = CardFile::parse("card.toml", card.canonical.as_bytes());
            assert_eq!(again.expect("it was right").canonical, card.canonical);
        }
        Err(faults) => assert!(!faults.to_string().is_empty()),
    }
}

#[test]
fn the_cards_that_ship_are_read_again() {
    assert!(SHIPPED.len() > 10 && LINES.len() > 100);
    for text in SHIPPED.iter() {
        read(text.as_bytes());
    }
}

proptest! {
    #[test]
    fn no_change_to_a_card_makes_it_panic(card in any::<Index>(), changes in changes()) {
        read(&changed(SHIPPED[card.index(SHIPPED.len())].as_bytes(), &changes));
    }

    /// Lines of one card get values, and others, of all.
    #[test]
    fn no_other_lines_make_a_card_panic(
        card in any::<Index>(),
        others in prop::collection::vec((any::<Index>(), any::<Index>(), any::<Index>(), any::<bool>()), 1..6),
    ) {
        let mut text: Vec<String> = SHIPPED[card.index(SHIPPED.len())].lines().map(str::to_owned).collect();
        for (at, key, value, keeps_key) in others {
            let at = at.index(text.len());
            let own = text[at].split_once(" = ").map(|(key, _)| key.to_owned()).filter(|_| keeps_key);
            let key = own.unwrap_or_else(|| LINES[key.index(LINES.len())].0.to_owned());
            text[at] = format!("{key} = {}", LINES[value.index(LINES.len())].1);
        }
        read(text.join("\n").as_bytes());
    }
}
