//! Knobs that several architectures have, and the words of a choice as the values they stand for.

use mmtl_plan::{Knob, Settings};

/// Widest layer and longest embedding that may be asked for.
const WIDEST: i64 = 16_384;

/// A list of layer widths, first layer first.
pub(crate) fn widths(name: &'static str, default: &[i64], doc: &'static str) -> Knob {
    Knob::wholes(name, 1, WIDEST, default, doc)
}

/// What the chosen word of the choice `name` stands for; `meanings` lists every word of the knob.
pub(crate) fn chosen<T: Copy>(settings: &Settings, name: &str, meanings: &[(&str, T)]) -> T {
    let word = settings.text(name);
    let found = meanings.iter().find(|(known, _)| *known == word);
    found.unwrap_or_else(|| panic!("the knob `{name}` accepted `{word}`, which has no meaning")).1
}
