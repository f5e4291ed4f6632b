//! Opens data sets for tests.

use std::fs;
use std::io::Write;
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

#[test]
fn a_file_that_grows_while_it_is_read_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (log, card, cache) =
        (folder.path().join("log.csv"), folder.path().join("card.toml"), folder.path().join("cache"));
    let rows = (0..300).map(|row| [row % 7, row % 2, row].map(|value| value.to_string()).join(","));
    fs::write(&log, ["item,click,price".to_owned()].into_iter().chain(rows).collect::<Vec<_>>().join("\n") + "\n")
        .unwrap();
    let lines = [
        "name = \"log\"",
        "[tasks.click]\nkind = \"binary\"\nlabel = \"click\"",
        "[fields.item]\nkind = \"categorical\"\n[fields.price]\nkind = \"numeric\"",
        "[split]\nby = \"random\"\nvalid = 0.2\ntest = 0.2\n",
    ];
    fs::write(&card, lines.join("\n")).unwrap();
    let given = [("card", text(card.to_str().unwrap())), ("files", texts(&[log.to_str().unwrap()]))];
    let settings = settings("card", &given).unwrap();
    let mut seen = 0;
    let opened = open(&settings, &Seeds::all(1), &cache, &mut |_| {
        seen += 1;
        fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(b"3,1,5\n").unwrap();
    });
    let message = message(opened);
    assert!(seen > 0 && message.contains("was written to while it was read"), "{seen}: {message}");
    assert_eq!(fs::read_dir(&cache).map_or(0, Iterator::count), 0, "rows of another name are left");
    open(&settings, &Seeds::all(1), &cache, &mut |_| {}).unwrap();
}

/// Kept nowhere.
pub fn in_memory(source: &str, given: Given, seed: u64) -> Result<Dataset, DataError> {
    let given: Vec<_> = given.iter().cloned().chain([("cache", Value::Bool(false))]).collect();
    open(&settings(source, &given)?, &Seeds::all(seed), Path::new("nowhere"), &mut |_| {})
}

pub fn message(result: Result<Dataset, DataError>) -> String {
    result.map(|_| ()).expect_err("it should be an error").to_string()
}
