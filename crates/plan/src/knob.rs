//! Knobs: every key that a user may set, described once. Parsing, checks, help texts and documentation derive from
//! the description; a setting that leaves a knob at its default changes no trial's key.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The description of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    /// The key.
    pub name: &'static str,
    /// What it accepts.
    pub kind: Kind,
    /// Its value when it is not given.
    pub default: Value,
    /// One sentence: what it does, and its unit.
    pub doc: &'static str,
}

/// What a knob accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number in `min..=max`.
    Int {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A finite number in `min..=max`.
    Float {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// A list of whole numbers, each in `min..=max`.
    Ints {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A list of finite numbers, each in `min..=max`.
    Floats {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// A list of rows of finite numbers.
    Matrix,
    /// A list of words.
    Texts,
}

/// A value of a knob.
#[derive(Clone, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// Words.
    Text(String),
    /// Several values.
    List(Vec<Value>),
}

/// A value that a knob does not accept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KnobError {
    /// No knob has that name.
    #[error("unknown key `{name}`{}", suggestion(.nearest.as_deref()))]
    Unknown {
        /// The name given.
        name: String,
        /// The closest name there is.
        nearest: Option<String>,
    },
    /// The value has the wrong type or lies outside the range.
    #[error("`{name}` is {got}, expected {expected}{}", suggestion(.nearest.as_deref()))]
    Rejected {
        /// The knob.
        name: String,
        /// What it accepts.
        expected: String,
        /// What it was given.
        got: String,
        /// The nearest value that it would accept.
        nearest: Option<String>,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}

/// The word of `known` closest to `given`, if any is close enough to be a slip of the fingers.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let closeness = |word: &str| strsim::damerau_levenshtein(&given.to_lowercase(), &word.to_lowercase());
    let best = known.into_iter().map(|word| (closeness(word), word)).min_by_key(|(distance, _)| *distance)?;
    (best.0 <= given.chars().count().max(3) / 2).then(|| best.1.to_owned())
}

/// One line a knob.
impl Knob {
    /// `true` or `false`.
    pub fn flag(name: &'static str, default: bool, doc: &'static str) -> Self {
        Self { name, kind: Kind::Bool, default: Value::Bool(default), doc }
    }

    /// A whole number in `min..=max`.
    pub fn whole(name: &'static str, min: i64, max: i64, default: i64, doc: &'static str) -> Self {
        Self { name, kind: Kind::Int { min, max }, default: Value::Int(default), doc }
    }

    /// A number in `min..=max`.
    pub fn real(name: &'static str, min: f64, max: f64, default: f64, doc: &'static str) -> Self {
        Self { name, kind: Kind::Float { min, max }, default: Value::Float(default), doc }
    }

    /// One of `words`, the first by default.
    pub fn choice(name: &'static str, words: &'static [&'static str], doc: &'static str) -> Self {
        Self { name, kind: Kind::Choice(words), default: Value::Text(words[0].to_owned()), doc }
    }

    /// A list of whole numbers in `min..=max`.
    pub fn wholes(name: &'static str, min: i64, max: i64, default: &[i64], doc: &'static str) -> Self {
        let default = Value::List(default.iter().map(|v| Value::Int(*v)).collect());
        Self { name, kind: Kind::Ints { min, max }, default, doc }
    }

    /// A copy of `value` in the knob's own type (a whole number given for a real one becomes real).
    ///
    /// # Errors
    /// When the knob does not accept it.
    pub fn accept(&self, value: &Value) -> Result<Value, KnobError> {
        self.kind.accept(value).ok_or_else(|| KnobError::Rejected {
            name: self.name.to_owned(),
            expected: self.kind.to_string(),
            got: value.to_string(),
            nearest: self.kind.nearest(value),
        })
    }
}

impl Kind {
    fn accept(&self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::Bool, Value::Bool(_)) | (Self::Text, Value::Text(_)) => Some(value.clone()),
            (Self::Int { min, max }, Value::Int(v)) => (min..=max).contains(&v).then(|| value.clone()),
            (Self::Float { min, max }, Value::Float(v)) => (*v >= *min && *v <= *max).then(|| value.clone()),
            (Self::Float { .. }, Value::Int(v)) => self.accept(&Value::Float(*v as f64)),
            (Self::Choice(words), Value::Text(v)) => words.contains(&v.as_str()).then(|| value.clone()),
            (Self::Ints { min, max }, Value::List(_)) => each(&Self::Int { min: *min, max: *max }, value),
            (Self::Floats { min, max }, Value::List(_)) => each(&Self::Float { min: *min, max: *max }, value),
            (Self::Texts, Value::List(_)) => each(&Self::Text, value),
            (Self::Matrix, Value::List(_)) => each(&Self::Floats { min: f64::MIN, max: f64::MAX }, value),
            _ => None,
        }
    }

    /// Whether a single value of this kind is written as a list, so that an axis over it is a list of lists.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::Ints { .. } | Self::Floats { .. } | Self::Matrix | Self::Texts)
    }

    fn nearest(&self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Choice(words), Value::Text(v)) => nearest(v, words.iter().copied()),
            (Self::Int { min, max }, Value::Int(v)) => Some((*v).clamp(*min, *max).to_string()),
            (Self::Float { min, max }, Value::Float(v)) if v.is_finite() => Some(v.clamp(*min, *max).to_string()),
            (Self::Float { min, max }, Value::Int(v)) => Some((*v as f64).clamp(*min, *max).to_string()),
            _ => None,
        }
    }
}

fn each(kind: &Kind, value: &Value) -> Option<Value> {
    let Value::List(values) = value else { return None };
    values.iter().map(|v| kind.accept(v)).collect::<Option<Vec<_>>>().map(Value::List)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => write!(f, "true or false"),
            Self::Int { min, max: i64::MAX } => write!(f, "a whole number of at least {min}"),
            Self::Int { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Float { min: f64::MIN, max: f64::MAX } => write!(f, "a number"),
            Self::Float { min, max: f64::MAX } => write!(f, "a number of at least {min}"),
            Self::Float { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Choice(words) => write!(f, "one of {}", quoted(words)),
            Self::Text => write!(f, "text"),
            Self::Ints { min, max } => write!(f, "a list, each {}", Self::Int { min: *min, max: *max }),
            Self::Floats { min, max } => write!(f, "a list, each {}", Self::Float { min: *min, max: *max }),
            Self::Matrix => write!(f, "a list of rows of numbers"),
            Self::Texts => write!(f, "a list of words"),
        }
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

/// As in TOML.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{v}"),
            Self::Int(v) => write!(f, "{v}"),
            Self::Float(v) => write!(f, "{v:?}"),
            Self::Text(v) => write!(f, "{v:?}"),
            Self::List(values) => {
                let inner: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", inner.join(", "))
            }
        }
    }
}

/// A value for every knob of a list: what was given, defaults elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings(BTreeMap<&'static str, Value>);

impl Settings {
    /// Checks `given` against `knobs` and fills in the defaults.
    ///
    /// # Errors
    /// On the first key that no knob has or value that its knob does not accept.
    pub fn resolve<'a>(
        knobs: &[Knob],
        given: impl IntoIterator<Item = (&'a str, &'a Value)>,
    ) -> Result<Self, KnobError> {
        let mut values: BTreeMap<_, _> = knobs.iter().map(|k| (k.name, k.default.clone())).collect();
        for (name, value) in given {
            let knob = knobs.iter().find(|k| k.name == name).ok_or_else(|| KnobError::Unknown {
                name: name.to_owned(),
                nearest: nearest(name, knobs.iter().map(|k| k.name)),
            })?;
            values.insert(knob.name, knob.accept(value)?);
        }
        Ok(Self(values))
    }

    /// All values by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// The value of a knob that is in the list.
    pub fn value(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or_else(|| panic!("no knob is called `{name}`"))
    }

    /// The value of a [`Kind::Bool`].
    pub fn bool(&self, name: &str) -> bool {
        matches!(self.value(name), Value::Bool(true))
    }

    /// The value of a [`Kind::Int`] that is not negative.
    pub fn size(&self, name: &str) -> usize {
        match self.value(name) {
            Value::Int(v) => usize::try_from(*v).unwrap_or(0),
            other => panic!("`{name}` is {other}, not a whole number"),
        }
    }

    /// The value of a [`Kind::Float`].
    pub fn float(&self, name: &str) -> f64 {
        match self.value(name) {
            Value::Float(v) => *v,
            Value::Int(v) => *v as f64,
            other => panic!("`{name}` is {other}, not a number"),
        }
    }

    /// The value of a [`Kind::Choice`] or [`Kind::Text`].
    pub fn text(&self, name: &str) -> &str {
        match self.value(name) {
            Value::Text(v) => v,
            other => panic!("`{name}` is {other}, not text"),
        }
    }

    /// What the chosen word of a [`Kind::Choice`] stands for; `meanings` lists every word of the knob.
    pub fn chosen<T: Copy>(&self, name: &str, meanings: &[(&str, T)]) -> T {
        let word = self.text(name);
        let found = meanings.iter().find(|(known, _)| *known == word);
        found.unwrap_or_else(|| panic!("the knob `{name}` accepted `{word}`, which has no meaning")).1
    }

    /// The value of a [`Kind::Ints`] whose elements are not negative.
    pub fn sizes(&self, name: &str) -> Vec<usize> {
        self.list(name)
            .iter()
            .map(|v| if let Value::Int(v) = v { usize::try_from(*v).unwrap_or(0) } else { 0 })
            .collect()
    }

    /// The value of a [`Kind::Floats`].
    pub fn floats(&self, name: &str) -> Vec<f64> {
        numbers(self.list(name))
    }

    /// The value of a [`Kind::Matrix`].
    pub fn matrix(&self, name: &str) -> Vec<Vec<f64>> {
        self.list(name).iter().map(|row| if let Value::List(row) = row { numbers(row) } else { vec![] }).collect()
    }

    /// The value of a [`Kind::Texts`].
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.list(name).iter().map(|v| if let Value::Text(v) = v { v.clone() } else { v.to_string() }).collect()
    }

    fn list(&self, name: &str) -> &[Value] {
        match self.value(name) {
            Value::List(values) => values,
            other => panic!("`{name}` is {other}, not a list"),
        }
    }
}

fn numbers(values: &[Value]) -> Vec<f64> {
    values
        .iter()
        .map(|v| match v {
            Value::Float(v) => *v,
            Value::Int(v) => *v as f64,
            _ => f64::NAN,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knobs() -> Vec<Knob> {
        vec![
            Knob { name: "experts", kind: Kind::Int { min: 1, max: 64 }, default: Value::Int(8), doc: "" },
            Knob { name: "dropout", kind: Kind::Float { min: 0.0, max: 0.9 }, default: Value::Float(0.0), doc: "" },
            Knob {
                name: "gate",
                kind: Kind::Choice(&["softmax", "uniform"]),
                default: Value::Text("softmax".into()),
                doc: "",
            },
            Knob { name: "widths", kind: Kind::Ints { min: 1, max: 9 }, default: Value::List(vec![]), doc: "" },
        ]
    }

    fn resolve(name: &str, value: &Value) -> Result<Settings, KnobError> {
        Settings::resolve(&knobs(), [(name, value)])
    }

    #[test]
    fn bounds_are_inclusive_and_said() {
        for (value, accepted) in [(0, false), (1, true), (2, true), (63, true), (64, true), (65, false)] {
            assert_eq!(resolve("experts", &Value::Int(value)).is_ok(), accepted, "{value}");
        }
        let error = resolve("experts", &Value::Int(65)).unwrap_err().to_string();
        assert_eq!(error, "`experts` is 65, expected a whole number from 1 to 64; did you mean `64`?");
        for (value, accepted) in [(-0.1, false), (0.0, true), (0.9, true), (0.91, false), (f64::NAN, false)] {
            assert_eq!(resolve("dropout", &Value::Float(value)).is_ok(), accepted, "{value}");
        }
    }

    #[test]
    fn whole_numbers_stand_for_real_ones_but_not_the_reverse() {
        assert_eq!(resolve("dropout", &Value::Int(0)).unwrap().value("dropout"), &Value::Float(0.0));
        assert!(resolve("experts", &Value::Float(4.0)).is_err());
    }

    #[test]
    fn slips_are_named() {
        let error = resolve("exprets", &Value::Int(4)).unwrap_err().to_string();
        assert_eq!(error, "unknown key `exprets`; did you mean `experts`?");
        let error = resolve("gate", &Value::Text("unifrom".into())).unwrap_err().to_string();
        assert!(error.ends_with("did you mean `uniform`?"), "{error}");
        assert_eq!(nearest("zzzzzzzz", ["experts"]), None);
    }

    #[test]
    fn lists_are_checked_element_by_element() {
        let list = |values: &[i64]| Value::List(values.iter().map(|v| Value::Int(*v)).collect());
        assert_eq!(resolve("widths", &list(&[1, 9])).unwrap().sizes("widths"), [1, 9]);
        assert!(resolve("widths", &list(&[1, 10])).is_err());
        assert!(resolve("widths", &Value::Int(1)).is_err());
    }
}
