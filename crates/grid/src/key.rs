//! A trial's key: a hash of all that its numbers depend on. Same key and same numerics class: the same bits.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use mmtl_plan::{Purpose, Value};
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::configuration::Configuration;
use crate::error::GridError;

/// Raised whenever a change moves results: a key of an older version then never stands for numbers of a newer one.
pub const NUMBERS: u32 = 1;

/// The key of a trial and the name of its folder: the first 16 hexadecimal digits of a BLAKE3 hash. Among 100,000
/// trials two share one with probability 3e-10.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrialKey(String);

impl TrialKey {
    /// The key of a configuration on data with a fingerprint.
    pub fn of(configuration: &Configuration, catalogue: &Catalogue, fingerprint: &str) -> Self {
        let text = format!("numbers {NUMBERS}\nfingerprint {fingerprint}\n{}", canonical(configuration, catalogue));
        let mut hex = blake3::hash(text.as_bytes()).to_hex().to_string();
        hex.truncate(16);
        Self(hex)
    }

    /// The 16 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TrialKey {
    type Err = GridError;

    fn from_str(text: &str) -> Result<Self, GridError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 16 && text.bytes().all(is_digit) {
            return Ok(Self(text.to_owned()));
        }
        Err(GridError::Key { given: text.to_owned() })
    }
}

impl TryFrom<String> for TrialKey {
    type Error = GridError;

    fn try_from(text: String) -> Result<Self, GridError> {
        text.parse()
    }
}

impl From<TrialKey> for String {
    fn from(key: TrialKey) -> Self {
        key.0
    }
}

/// The configuration as text, one line a key, sorted. Knobs at their defaults are left out, so that a new knob
/// keeps old keys, and so are those that move no number. The trial's own seed is left out too: the streams that
/// derive from it are there.
pub(crate) fn canonical(configuration: &Configuration, catalogue: &Catalogue) -> String {
    let mut text = String::new();
    let mut word = |key: &str, value: &str| text.push_str(&line(key, &Value::Text(value.to_owned())));
    word("architecture", &configuration.architecture);
    word("engine", &configuration.execution.engine);
    word("precision", &configuration.execution.precision);
    word("protocol", configuration.protocol.name());
    word("source", &configuration.source);
    for purpose in Purpose::ALL {
        let _ = writeln!(text, "seeds.{} = {}", purpose.name(), configuration.seeds.of(purpose));
    }
    for (key, value) in &configuration.changed {
        if !catalogue.pacing.contains(key) {
            text.push_str(&line(key, value));
        }
    }
    text
}

/// `key = value`, with text as in JSON and floats in their shortest form that reads back to the same bits: neither
/// depends on the compiler's version.
pub(crate) fn line(key: &str, value: &Value) -> String {
    let mut text = format!("{key} = ");
    write_value(&mut text, value);
    text.push('\n');
    text
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Text(words) => text.push_str(&serde_json::Value::from(words.as_str()).to_string()),
        Value::List(values) => {
            text.push('[');
            for value in values {
                write_value(text, value);
                text.push(',');
            }
            text.push(']');
        }
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            let _ = write!(text, "{value}");
        }
    }
}
