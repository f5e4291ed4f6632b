//! No text makes a card's reader panic: the cards that ship are where it starts from.

use proptest::prelude::*;
use proptest::sample::Index;

use super::CardFile;
use crate::card_source::{card_text, cards};
use crate::fuzz::{changed, changes};

fn shipped() -> Vec<&'static str> {
    cards().map(|(name, _)| card_text(name).expect("it ships")).collect()
}

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

/// `key = value`, comments left out.
fn lines() -> Vec<(&'static str, &'static str)> {
    shipped()
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| line.split('#').next()?.split_once(" = "))
        .collect()
}

#[test]
fn the_cards_that_ship_are_read_again() {
    assert!(shipped().len() > 10 && lines().len() > 100);
    for text in shipped() {
        read(text.as_bytes());
    }
}

proptest! {
    #[test]
    fn no_change_to_a_card_makes_it_panic(card in any::<Index>(), changes in changes()) {
        let cards = shipped();
        read(&changed(cards[card.index(cards.len())].as_bytes(), &changes));
    }

    /// Lines of one card get values, and others, of all.
    #[test]
    fn no_other_lines_make_a_card_panic(
        card in any::<Index>(),
        others in prop::collection::vec((any::<Index>(), any::<Index>(), any::<Index>(), any::<bool>()), 1..6),
    ) {
        let (cards, all) = (shipped(), lines());
        let mut text: Vec<String> = cards[card.index(cards.len())].lines().map(str::to_owned).collect();
        for (at, key, value, keeps_key) in others {
            let at = at.index(text.len());
            let own = text[at].split_once(" = ").map(|(key, _)| key.to_owned()).filter(|_| keeps_key);
            let key = own.unwrap_or_else(|| all[key.index(all.len())].0.to_owned());
            text[at] = format!("{key} = {}", all[value.index(all.len())].1);
        }
        read(text.join("\n").as_bytes());
    }
}
