//! Opens data sets for tests.

use std::path::Path;

use mmtl_data::{DataError, Dataset, knobs, open};
use mmtl_plan::{Seeds, Settings, Value};

pub type Given<'a> = &'a [(&'a str, Value)];

pub fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub fn floats(values: &[f64]) -> Value {
    Value::List(values.iter().map(|value| Value::Float(*value)).collect())
}

pub fn texts(values: &[&str]) -> Value {
    Value::List(values.iter().map(|value| text(value)).collect())
}

pub fn settings(source: &str, given: Given) -> Result<Settings, DataError> {
    Ok(Settings::resolve(&knobs(source)?, given.iter().map(|(name, value)| (*name, value)))?)
}

/// Kept in the directory `cache`.
pub fn cached(source: &str, given: Given, seeds: &Seeds, cache: &Path) -> Result<Dataset, DataError> {
    open(&settings(source, given)?, seeds, cache, &mut |_| {})
}

/// Kept nowhere.
pub fn in_memory(source: &str, given: Given, seed: u64) -> Result<Dataset, DataError> {
    let given: Vec<_> = given.iter().cloned().chain([("cache", Value::Bool(false))]).collect();
    open(&settings(source, &given)?, &Seeds::all(seed), Path::new("nowhere"), &mut |_| {})
}

pub fn message(result: Result<Dataset, DataError>) -> String {
    result.map(|_| ()).expect_err("it should be an error").to_string()
}
