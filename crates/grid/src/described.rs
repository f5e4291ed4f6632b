//! A trial in JSON, for other programs.

use mmtl_plan::Value;
use serde_json::{Map, json};

use crate::configuration::{Configuration, TrialSettings};
use crate::key::TrialKey;

/// A trial with all its settings, defaults included.
pub fn described(key: &TrialKey, configuration: &Configuration, settings: &TrialSettings) -> serde_json::Value {
    let sections = [
        ("data", &settings.data),
        ("model", &settings.model),
        (configuration.architecture.as_str(), &settings.own),
        ("train", &settings.train),
        ("select", &settings.select),
    ];
    let values = sections.iter().flat_map(|(section, settings)| {
        settings.iter().map(move |(name, value)| (format!("{section}.{name}"), plain(value)))
    });
    json!({
        "key": key,
        "architecture": configuration.architecture,
        "protocol": configuration.protocol.name(),
        "seed": configuration.seed,
        "seeds": configuration.seeds,
        "settings": values.collect::<Map<_, _>>(),
    })
}

/// A value of a knob.
pub fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(v) => json!(v),
        Value::Int(v) => json!(v),
        Value::Float(v) => json!(v),
        Value::Text(v) => json!(v),
        Value::List(values) => values.iter().map(plain).collect(),
    }
}
