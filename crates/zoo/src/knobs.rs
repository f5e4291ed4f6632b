//! Knobs as one line each, and the words of a choice as the values they stand for.

use mmtl_plan::{Kind, Knob, Settings, Value};

/// Widest layer and longest embedding that may be asked for.
const WIDEST: i64 = 16_384;

pub(crate) fn flag(name: &'static str, default: bool, doc: &'static str) -> Knob {
    Knob { name, kind: Kind::Bool, default: Value::Bool(default), doc }
}

pub(crate) fn whole(name: &'static str, min: i64, max: i64, default: i64, doc: &'static str) -> Knob {
    Knob { name, kind: Kind::Int { min, max }, default: Value::Int(default), doc }
}

pub(crate) fn real(name: &'static str, min: f64, max: f64, default: f64, doc: &'static str) -> Knob {
    Knob { name, kind: Kind::Float { min, max }, default: Value::Float(default), doc }
}

/// A list of layer widths, first layer first.
pub(crate) fn widths(name: &'static str, default: &[i64], doc: &'static str) -> Knob {
    let default = Value::List(default.iter().map(|w| Value::Int(*w)).collect());
    Knob { name, kind: Kind::Ints { min: 1, max: WIDEST }, default, doc }
}

/// One of `words`, the first by default.
pub(crate) fn choice(name: &'static str, words: &'static [&'static str], doc: &'static str) -> Knob {
    Knob { name, kind: Kind::Choice(words), default: Value::Text(words[0].to_owned()), doc }
}

/// What the chosen word of the choice `name` stands for; `meanings` lists every word of the knob.
pub(crate) fn chosen<T: Copy>(settings: &Settings, name: &str, meanings: &[(&str, T)]) -> T {
    let word = settings.text(name);
    let found = meanings.iter().find(|(known, _)| *known == word);
    found.unwrap_or_else(|| panic!("the knob `{name}` accepted `{word}`, which has no meaning")).1
}
