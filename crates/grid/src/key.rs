//! A trial's key: a hash of all that its numbers depend on. Same key and same numerics class: the same bits.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use mmtl_plan::{Purpose, Value};
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::configuration::Configuration;
use crate::error::GridError;
use crate::round::Round;
use crate::store::StoredTrial;

/// Raised whenever a change moves results: a key of an older version then never stands for numbers of a newer one.
pub const NUMBERS: u32 = 7;

/// The key of a trial and the name of its folder: the first 16 hexadecimal digits of a BLAKE3 hash. Among 100,000
/// trials two share one with probability 3e-10.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrialKey(String);

impl TrialKey {
    /// The key of a configuration on data with a fingerprint.
    pub fn of(configuration: &Configuration, catalogue: &Catalogue, fingerprint: &str) -> Self {
        Self::hashed(&text(configuration, catalogue, fingerprint))
    }

    /// The key of a trial. One that tries a setting has a key of its own: its record has no test scores, which the same
    /// configuration in another grid must have.
    pub fn of_trial(trial: &StoredTrial, catalogue: &Catalogue) -> Self {
        let text = text(&trial.configuration, catalogue, &trial.fingerprint);
        match trial.round {
            Round::Final => Self::hashed(&text),
            Round::Tuning => Self::hashed(&(text + "round = \"tuning\"\n")),
        }
    }

    fn hashed(text: &str) -> Self {
        let mut hex = blake3::hash(text.as_bytes()).to_hex().to_string();
        hex.truncate(16);
        Self(hex)
    }

    /// The 16 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn text(configuration: &Configuration, catalogue: &Catalogue, fingerprint: &str) -> String {
    format!("numbers {NUMBERS}\nfingerprint {fingerprint}\n{}", canonical(configuration, catalogue))
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::tests::{catalogue, int};
    use crate::configuration::Execution;
    use crate::experiment::Experiment;

    fn configuration_of(catalogue: &Catalogue, text: &str) -> Configuration {
        let text = format!("{text}\n[grid]\narchitecture = [\"mmoe\"]");
        let experiment = Experiment::parse("e.toml", text.as_bytes(), catalogue).unwrap();
        experiment.trials(catalogue, &Execution::default()).remove(0).configuration
    }

    fn key(text: &str) -> TrialKey {
        let text = format!("data.source = \"reviews\"\n{text}");
        TrialKey::of(&configuration_of(&catalogue(), &text), &catalogue(), "f")
    }

    #[test]
    fn a_default_given_is_a_default() {
        for text in [
            "mmoe.experts = 8",
            "mmoe.gate = \"softmax\"\nmmoe.tower = [64]",
            "model.dropout = 0",
            "model.dropout = -0.0",
            "train.lr = 1e-3",
            "seeds.split = 1",
            "seeds.order = \"trial\"",
            "train.checkpoint_every = 3.0",
            "ple.levels = 3",
            "name = \"other\"",
            "compare.baseline = { architecture = \"mmoe\" }",
            "eval.metrics = [\"gauc\", \"ndcg@5\"]",
            "eval.at_looks = true",
        ] {
            assert_eq!(key(text), key(""), "{text}");
        }
    }

    #[test]
    fn the_order_of_keys_is_nothing() {
        let one = "train.lr = 0.5\nmodel.dropout = 0.25\nmmoe.experts = 4\nmodel.embedding_dim = 16";
        let other = "model.embedding_dim = 16\nmmoe.experts = 4\nmodel.dropout = 0.25\ntrain.lr = 0.5";
        assert_eq!(key(one), key(other));
        assert_ne!(key(one), key(""));
    }

    #[test]
    fn a_new_knob_keeps_the_keys() {
        let text = "data.source = \"reviews\"\ntrain.lr = 0.5";
        let mut newer = catalogue();
        newer.train.insert(0, int("accumulate", 1, 8, 1));
        newer.architectures[2].knobs.push(int("shared", 0, 8, 0));
        let key = |catalogue: &Catalogue| TrialKey::of(&configuration_of(catalogue, text), catalogue, "f");
        assert_eq!(key(&newer), key(&catalogue()));
    }

    #[test]
    fn whatever_moves_a_number_moves_the_key() {
        let mut keys = BTreeSet::from([key("")]);
        for text in [
            "mmoe.experts = 9",
            "mmoe.gate = \"uniform\"",
            "mmoe.tower = []",
            "mmoe.tower = [6, 4]",
            "mmoe.tower = [4, 6]",
            "model.scene_feature = true",
            "model.dropout = 0.1",
            "train.lr = 0.0010000000000000002",
            "train.task_weights = [1]",
            "select.score = \"a.auc\"",
            "select.score = \"a\\\"\\nb = 1\"",
            "data.tokens = 31",
            "data.scenes = [\"a\", \"b\"]",
            "data.scenes = [\"a,b\"]",
            "seeds.split = 2",
            "seeds.dropout = 2",
        ] {
            assert!(keys.insert(key(text)), "{text}");
        }
        let configuration = configuration_of(&catalogue(), "data.source = \"reviews\"");
        let of = |configuration: &Configuration, fingerprint| TrialKey::of(configuration, &catalogue(), fingerprint);
        assert!(keys.insert(of(&configuration, "g")));
        let protocol = mmtl_zoo::Protocol::PerScene;
        assert!(keys.insert(of(&Configuration { protocol, ..configuration.clone() }, "f")));
        for (engine, precision) in [("gpu", "f32"), ("cpu", "bf16")] {
            let execution = Execution { engine: engine.into(), precision: precision.into() };
            assert!(keys.insert(of(&Configuration { execution, ..configuration.clone() }, "f")));
        }
    }

    /// These keys name folders on other people's disks: a change that moves one must be meant, and raise [`NUMBERS`].
    #[test]
    fn keys_stay_what_they_are() {
        let text = "train.lr = 1e-5\nmodel.dropout = 0.1\nmmoe.tower = [64, 32]\nselect.score = \"é\"";
        let configuration = configuration_of(&catalogue(), &format!("data.source = \"reviews\"\n{text}"));
        let canonical = canonical(&configuration, &catalogue());
        assert_eq!(
            canonical,
            "architecture = \"mmoe\"\nengine = \"cpu\"\nprecision = \"f32\"\nprotocol = \"joint\"\nsource = \"reviews\"\n\
             seeds.data = 1\nseeds.split = 1\nseeds.initialisation = 1\nseeds.order = 1\nseeds.dropout = 1\n\
             mmoe.tower = [64,32,]\nmodel.dropout = 0.1\nselect.score = \"é\"\ntrain.lr = 1e-5\n"
        );
        assert_eq!((NUMBERS, key("").as_str(), key(text).as_str()), (7, "03117a0094de7228", "2c863cf1bfc74883"));
    }

    #[test]
    fn keys_are_16_digits() {
        for text in
            ["0123456789abcde", "0123456789abcdef0", "0123456789abcdeF", "0123456789abcdeg", "../456789abcdef01"]
        {
            let error = text.parse::<TrialKey>().unwrap_err().to_string();
            assert!(error.contains(text) && error.ends_with("expected 16 digits of 0-9 a-f"), "{error}");
        }
        let key: TrialKey = "0123456789abcdef".parse().unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), "\"0123456789abcdef\"");
        assert_eq!(serde_json::from_str::<TrialKey>("\"0123456789abcdef\"").unwrap(), key);
        assert!(serde_json::from_str::<TrialKey>("\"x\"").is_err());
    }

    proptest! {
        #[test]
        fn two_rates_have_two_keys(one in 0.0..10.0f64, other in 0.0..10.0f64) {
            let key = |lr: f64| key(&format!("train.lr = {lr:?}"));
            prop_assert_eq!(one.to_bits() == other.to_bits(), key(one) == key(other));
        }
    }
}
