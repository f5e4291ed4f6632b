//! The names that an experiment file may use, for one data source.

use mmtl_plan::{Kind, Knob, KnobError, Purpose, Value, listed, nearest, suggestion};

use crate::catalogue::{Catalogue, without_negative_zero};
use crate::key_name::{Key, Section};
use mmtl_zoo::Protocol;

/// The word by which a stream follows the trial's seed.
pub(crate) const FOLLOWS_TRIAL: &str = "trial";

/// The section of streams.
const STREAMS: &str = "seeds";

/// A catalogue as seen by a file that has chosen its data source.
#[derive(Clone, Copy)]
pub(crate) struct Vocabulary<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) source: &'a str,
    /// Whether the file is that of a grid that was accepted before.
    pub(crate) stored: bool,
}

impl<'a> Vocabulary<'a> {
    pub(crate) fn knobs(&self, section: Section) -> &'a [Knob] {
        self.catalogue.knobs(self.source, section)
    }

    /// Why a key has one value for the whole grid and makes no rows, if it has.
    pub(crate) fn one_for_all(&self, key: Key) -> Option<&'static str> {
        if self.stored && key != Key::Knob(Section::Data, "source") {
            return None;
        }
        let name = key.to_string();
        let moves_no_number = self.catalogue.pacing.contains(&name);
        match key {
            Key::Knob(Section::Data, _) if moves_no_number || name == "data.source" => {
                Some("expected one data source for the whole grid, in [data]")
            }
            _ if moves_no_number => Some("since it moves no number, expected it in its section"),
            _ => None,
        }
    }

    /// The key that is written `text` in a grid, baseline or ablation. A knob of `[model]` may leave the section out.
    pub(crate) fn key(&self, text: &str) -> Result<Key, String> {
        let plain = [Key::Architecture, Key::Protocol, Key::Seed];
        if let Some(key) = plain.into_iter().find(|key| key.to_string() == text) {
            return Ok(key);
        }
        let Some((section, name)) = text.split_once('.') else {
            return self.knob(Section::Model, text).ok_or_else(|| self.unknown(text));
        };
        if section == STREAMS {
            let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.name() == name);
            return purpose.map(Key::Stream).ok_or_else(|| self.unknown(text));
        }
        let section = self.catalogue.section(section).ok_or_else(|| self.unknown(text))?;
        self.knob(section, name).ok_or_else(|| self.unknown_in(section, name))
    }

    /// The knob `name` of a section.
    pub(crate) fn knob(&self, section: Section, name: &str) -> Option<Key> {
        self.knobs(section).iter().find(|knob| knob.name == name).map(|knob| Key::Knob(section, knob.name))
    }

    /// Whether a dotted name may begin with `name`.
    pub(super) fn is_section(&self, name: &str) -> bool {
        name == STREAMS || self.catalogue.section(name).is_some()
    }

    fn unknown(&self, text: &str) -> String {
        let sections = || {
            let shared = Section::SHARED.map(Section::name).into_iter();
            shared.chain(self.catalogue.architecture_names()).chain([STREAMS])
        };
        let keys = self.all_keys().into_iter().map(|key| key.to_string());
        let all: Vec<String> = keys.chain(sections().map(str::to_owned)).collect();
        let near = nearest(text, all.iter().map(String::as_str));
        format!(
            "unknown key `{text}`, expected {} or SECTION.KEY, where SECTION is one of {}{}",
            listed(["architecture", "protocol", "seed"]),
            listed(sections()),
            suggestion(near.as_deref())
        )
    }

    /// The sentence for a key that a section lacks.
    pub(super) fn unknown_in(&self, section: Section, name: &str) -> String {
        let names = || self.knobs(section).iter().map(|knob| knob.name);
        let expected = match self.knobs(section) {
            [] => format!("but `{}` has no keys", section.name()),
            _ => format!("expected one of {}", listed(names())),
        };
        let near = nearest(name, names()).map(|near| format!("{}.{near}", section.name()));
        format!("unknown key `{}.{name}`, {expected}{}", section.name(), suggestion(near.as_deref()))
    }

    fn all_keys(&self) -> Vec<Key> {
        let own = self.catalogue.architecture_names().map(Section::Architecture);
        let knobs = Section::SHARED
            .into_iter()
            .chain(own)
            .flat_map(|section| self.knobs(section).iter().map(move |knob| Key::Knob(section, knob.name)));
        let plain = [Key::Architecture, Key::Protocol, Key::Seed];
        plain.into_iter().chain(Purpose::ALL.map(Key::Stream)).chain(knobs).collect()
    }

    /// The description of a key that is a knob.
    pub(crate) fn described(&self, key: Key) -> Option<&'a Knob> {
        match key {
            Key::Knob(section, name) => self.catalogue.knob(self.source, section, name),
            Key::Architecture | Key::Protocol | Key::Seed | Key::Stream(_) => None,
        }
    }

    /// Whether one value of the key is itself a list.
    pub(crate) fn is_list(&self, key: Key) -> bool {
        self.described(key).is_some_and(|knob| knob.kind.is_list())
    }

    /// `value` in the key's own type.
    pub(crate) fn accept(&self, key: Key, value: &Value) -> Result<Value, String> {
        match key {
            Key::Architecture => word("architecture", value, self.catalogue.architecture_names()),
            Key::Protocol => word("protocol", value, Protocol::ALL.map(Protocol::name)),
            Key::Seed => seed("seed", value),
            Key::Stream(_) if matches!(value, Value::Text(word) if word == FOLLOWS_TRIAL) => Ok(value.clone()),
            Key::Stream(_) => seed(&key.to_string(), value)
                .map_err(|message| format!("{message} (or `{FOLLOWS_TRIAL}`, to follow the trial's seed)")),
            Key::Knob(..) => {
                let knob = self.described(key).ok_or_else(|| format!("unknown key `{key}`"))?;
                knob.accept(value).map(without_negative_zero).map_err(|error| renamed(error, key))
            }
        }
    }

    /// What a key accepts, for messages.
    pub(super) fn expected(&self, key: Key) -> String {
        match key {
            Key::Architecture => format!("one of {}", listed(self.catalogue.architecture_names())),
            Key::Protocol => format!("one of {}", listed(Protocol::ALL.map(Protocol::name))),
            Key::Seed => SEEDS.to_string(),
            Key::Stream(_) => format!("{SEEDS}, or `{FOLLOWS_TRIAL}`"),
            Key::Knob(..) => self.described(key).map(|knob| knob.kind.to_string()).unwrap_or_default(),
        }
    }
}

/// Seeds are written in TOML, whose whole numbers end at 2^63 - 1.
const SEEDS: Kind = Kind::Int { min: 0, max: i64::MAX };

fn seed(name: &str, value: &Value) -> Result<Value, String> {
    match value {
        Value::Int(0..) => Ok(value.clone()),
        Value::Int(_) => Err(format!("`{name}` is {value}, expected {SEEDS}; did you mean `0`?")),
        Value::Bool(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
            Err(format!("`{name}` is {value}, expected {SEEDS}"))
        }
    }
}

fn word(
    what: &str,
    value: &Value,
    known: impl IntoIterator<Item = &'static str, IntoIter: Clone>,
) -> Result<Value, String> {
    let known = known.into_iter();
    let Value::Text(given) = value else {
        return Err(format!("`{what}` is {value}, expected one of {}", listed(known)));
    };
    if known.clone().any(|word| word == given) {
        return Ok(value.clone());
    }
    let near = nearest(given, known.clone());
    Err(format!("unknown {what} `{given}`, expected one of {}{}", listed(known), suggestion(near.as_deref())))
}

/// A knob's complaint under its dotted name.
fn renamed(error: KnobError, key: Key) -> String {
    match error {
        KnobError::Rejected { expected, got, nearest, .. } => {
            KnobError::Rejected { name: key.to_string(), expected, got, nearest }.to_string()
        }
        KnobError::Unknown { .. } => error.to_string(),
    }
}
