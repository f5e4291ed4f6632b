//! `trial.toml`: a trial's resolved configuration, every knob written out, so that it can be read, compared and run
//! again without the experiment file.

use std::path::Path;

use mmtl_plan::{Purpose, Seeds, Value, nearest};
use toml::Table;

use crate::catalogue::{Catalogue, without_negative_zero};
use crate::configuration::{Configuration, Execution};
use crate::error::GridError;
use crate::key::TrialKey;
use crate::key_name::{Key, Section};
use crate::round::Round;
use crate::store::format::FormatVersion;
use mmtl_zoo::Protocol;

/// 2: a trial may try a setting.
const VERSION: FormatVersion = FormatVersion(2);
/// Of a trial that does not.
const PLAIN: FormatVersion = FormatVersion(1);

/// A trial as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTrial {
    /// What it runs.
    pub configuration: Configuration,
    /// The fingerprint of the data that its key was made with.
    pub fingerprint: String,
    /// The round that it belongs to.
    pub round: Round,
}

impl StoredTrial {
    /// Whether this program computes what the key stands for: a grid may be left behind by the version that planned it, or
    /// have its program exchanged while it runs.
    ///
    /// # Errors
    /// [`GridError::OtherProgram`] when it does not.
    pub fn check_key(&self, key: &TrialKey, catalogue: &Catalogue) -> Result<(), GridError> {
        let ours = TrialKey::of_trial(self, catalogue);
        if ours == *key { Ok(()) } else { Err(GridError::OtherProgram { key: key.clone(), ours }) }
    }
}

/// The text of `trial.toml`.
///
/// # Errors
/// When the catalogue is not the one that the configuration was resolved with.
pub(crate) fn to_text(trial: &StoredTrial, catalogue: &Catalogue, path: &Path) -> Result<String, GridError> {
    let configuration = &trial.configuration;
    let knob = |error| GridError::Knob { path: path.to_owned(), error };
    let settings = configuration.settings(catalogue).map_err(knob)?;
    let mut top = Table::new();
    let mut text = |key: &str, value: &str| top.insert(key.to_owned(), value.into());
    text("architecture", &configuration.architecture);
    text("protocol", configuration.protocol.name());
    text("engine", &configuration.execution.engine);
    text("precision", &configuration.execution.precision);
    text("fingerprint", &trial.fingerprint);
    let version = match trial.round {
        Round::Tuning => {
            text("round", ROUND);
            VERSION
        }
        Round::Final => PLAIN,
    };
    top.insert("version".to_owned(), i64::from(version.0).into());
    top.insert("seed".to_owned(), configuration.seed.cast_signed().into());
    let seeds = |purpose: Purpose| {
        (purpose.name().to_owned(), toml::Value::from(configuration.seeds.of(purpose).cast_signed()))
    };
    top.insert("seeds".to_owned(), Purpose::ALL.into_iter().map(seeds).collect::<Table>().into());
    for (name, settings) in [
        ("data", &settings.data),
        ("model", &settings.model),
        (configuration.architecture.as_str(), &settings.own),
        ("train", &settings.train),
        ("select", &settings.select),
    ] {
        let table: Table = settings.iter().map(|(name, value)| (name.to_owned(), to_toml(value))).collect();
        top.insert(name.to_owned(), table.into());
    }
    toml::to_string(&top).map_err(|error| GridError::unwritable(path, error))
}

/// The round of a trial that tries a setting; others name none.
const ROUND: &str = "tuning";

fn to_toml(value: &Value) -> toml::Value {
    match value {
        Value::Bool(v) => (*v).into(),
        Value::Int(v) => (*v).into(),
        Value::Float(v) => (*v).into(),
        Value::Text(v) => v.as_str().into(),
        Value::List(values) => toml::Value::Array(values.iter().map(to_toml).collect()),
    }
}

fn from_toml(value: &toml::Value) -> Option<Value> {
    match value {
        toml::Value::Boolean(v) => Some(Value::Bool(*v)),
        toml::Value::Integer(v) => Some(Value::Int(*v)),
        toml::Value::Float(v) => Some(Value::Float(*v)),
        toml::Value::String(v) => Some(Value::Text(v.clone())),
        toml::Value::Array(values) => values.iter().map(from_toml).collect::<Option<_>>().map(Value::List),
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// Reads the text of `trial.toml`. A knob that it lacks, because it is newer than the file, stands at its default.
///
/// # Errors
/// When it was written by a newer program, or holds something that this one has not.
pub(crate) fn from_text(text: &str, catalogue: &Catalogue, path: &Path) -> Result<StoredTrial, GridError> {
    let damaged = |reason: String| GridError::damaged(path, reason);
    let top: Table = text.parse().map_err(|error: toml::de::Error| damaged(error.message().to_owned()))?;
    let version = whole(&top, "version").map_err(damaged)?;
    FormatVersion(u32::try_from(version).unwrap_or(u32::MAX)).check(VERSION, path)?;
    read(&top, catalogue).map_err(damaged)
}

fn read(top: &Table, catalogue: &Catalogue) -> Result<StoredTrial, String> {
    let text = |key: &str| match top.get(key).and_then(toml::Value::as_str) {
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("`{key}` is missing, expected text")),
    };
    let architecture = text("architecture")?;
    let protocol = text("protocol")?;
    let protocol = Protocol::ALL.into_iter().find(|known| known.name() == protocol);
    let own = catalogue.section(&architecture).filter(|own| !Section::SHARED.contains(own));
    let own = own.ok_or_else(|| {
        let near = nearest(&architecture, catalogue.architecture_names());
        format!(
            "there is no architecture `{architecture}`{}",
            near.map_or(String::new(), |n| format!("; did you mean `{n}`?"))
        )
    })?;
    let source = table(top, "data")?.get("source").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    let execution = Execution { engine: text("engine")?, precision: text("precision")? };
    let mut given: Vec<(Key, Value)> = vec![];
    for section in Section::SHARED.into_iter().chain([own]) {
        for (name, value) in table(top, section.name())? {
            given.push(knob(catalogue, &source, section, name, value)?);
        }
    }
    let streams = table(top, "seeds")?;
    let stream = |purpose: Purpose| whole(streams, purpose.name());
    let seeds = Seeds {
        data: stream(Purpose::Data)?,
        split: stream(Purpose::Split)?,
        initialisation: stream(Purpose::Initialisation)?,
        order: stream(Purpose::Order)?,
        dropout: stream(Purpose::Dropout)?,
    };
    let given = given.iter().map(|(key, value)| (*key, value));
    let resolved = Configuration::resolve(catalogue, &source, &architecture, &execution, given);
    let protocol = protocol.ok_or("`protocol` is unknown, expected `joint` or `per-scene`")?;
    let configuration = Configuration { protocol, seed: whole(top, "seed")?, seeds, ..resolved };
    let round = match top.get("round").map(|round| round.as_str()) {
        None => Round::Final,
        Some(Some(ROUND)) => Round::Tuning,
        Some(_) => return Err(format!("`round` is unknown, expected `{ROUND}` or none")),
    };
    Ok(StoredTrial { configuration, fingerprint: text("fingerprint")?, round })
}

fn knob(
    catalogue: &Catalogue,
    source: &str,
    section: Section,
    name: &str,
    value: &toml::Value,
) -> Result<(Key, Value), String> {
    let dotted = format!("{}.{name}", section.name());
    let knob = catalogue.knob(source, section, name).ok_or_else(|| format!("there is no key `{dotted}`"))?;
    let value = from_toml(value).ok_or_else(|| format!("`{dotted}` is no value, expected {}", knob.kind))?;
    let value = knob.accept(&value).map_err(|error| format!("in `{dotted}`: {error}"))?;
    Ok((Key::Knob(section, knob.name), without_negative_zero(value)))
}

fn table<'t>(top: &'t Table, name: &str) -> Result<&'t Table, String> {
    top.get(name).and_then(toml::Value::as_table).ok_or_else(|| format!("the section `{name}` is missing"))
}

fn whole(table: &Table, name: &str) -> Result<u64, String> {
    let number = table.get(name).and_then(toml::Value::as_integer);
    number.and_then(|v| u64::try_from(v).ok()).ok_or_else(|| format!("`{name}` is missing, expected a whole number"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::tests::{catalogue, int};
    use crate::experiment::Experiment;
    use crate::key::TrialKey;

    fn stored(more: &str) -> StoredTrial {
        let text = format!("data.source = \"reviews\"\n{more}\n[grid]\narchitecture = [\"mmoe\"]\nseed = [7]");
        let experiment = Experiment::parse("e.toml", text.as_bytes(), &catalogue()).unwrap();
        let trials = experiment.trials(&catalogue(), &Execution::default());
        StoredTrial { configuration: trials[0].configuration.clone(), fingerprint: "f0".into(), round: Round::Final }
    }

    fn text(trial: &StoredTrial) -> String {
        to_text(trial, &catalogue(), Path::new("trial.toml")).unwrap()
    }

    fn back(text: &str) -> Result<StoredTrial, GridError> {
        from_text(text, &catalogue(), Path::new("trial.toml"))
    }

    #[test]
    fn every_knob_is_written_out() {
        let text = text(&stored("train.lr = 0.01"));
        for line in
            ["version = 1", "lr = 0.01", "epochs = 20", "experts = 8", "source = \"reviews\"", "split = 1", "order = 7"]
        {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("[ple]"));
    }

    #[test]
    fn a_trial_of_another_programs_key_is_told() {
        let stored = stored("");
        let key = TrialKey::of_trial(&stored, &catalogue());
        assert!(stored.check_key(&key, &catalogue()).is_ok());
        let other: TrialKey = "0123456789abcdef".parse().unwrap();
        let error = stored.check_key(&other, &catalogue()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("run {other} is another version's of mmtl")), "{error}");
        assert!(error.contains(&key.to_string()), "{error}");
    }

    #[test]
    fn a_trial_that_tries_a_setting_says_so_and_has_a_key_of_its_own() {
        let plain = stored("train.lr = 0.01");
        let tried = StoredTrial { round: Round::Tuning, ..plain.clone() };
        let written = text(&tried);
        assert!(written.contains("round = \"tuning\"") && written.contains("version = 2"), "{written}");
        assert_eq!(back(&written).unwrap(), tried);
        assert_ne!(TrialKey::of_trial(&tried, &catalogue()), TrialKey::of_trial(&plain, &catalogue()));
        assert_eq!(TrialKey::of_trial(&plain, &catalogue()), TrialKey::of(&plain.configuration, &catalogue(), "f0"));
    }

    #[test]
    fn a_new_knob_changes_neither_what_an_old_file_means_nor_its_key() {
        let trial = stored("train.lr = 0.01");
        let mut newer = catalogue();
        newer.train.push(int("accumulate", 1, 8, 1));
        let read = from_text(&text(&trial), &newer, Path::new("trial.toml")).unwrap();
        assert_eq!(read, trial);
        assert_eq!(
            TrialKey::of(&read.configuration, &newer, "f0"),
            TrialKey::of(&trial.configuration, &catalogue(), "f0")
        );
    }

    #[test]
    fn what_this_program_has_not_is_named() {
        let text = text(&stored(""));
        for (from, to, expected) in [
            ("version = 1", "version = 3", "has format 3, and this program reads up to 2"),
            ("version = 1", "version = 2\nround = \"tunning\"", "`round` is unknown, expected `tuning` or none"),
            ("experts = 8", "exprets = 8", "there is no key `mmoe.exprets`"),
            ("experts = 8", "experts = 65", "expected a whole number from 1 to 64"),
            ("experts = 8", "experts = 1979-05-27", "`mmoe.experts` is no value"),
            ("architecture = \"mmoe\"", "architecture = \"mmeo\"", "did you mean `mmoe`?"),
            ("protocol = \"joint\"", "protocol = \"both\"", "`protocol` is unknown"),
            ("[train]", "[trian]", "the section `train` is missing"),
            ("seed = 7", "", "`seed` is missing"),
            ("seed = 7", "seed = ", "is damaged: "),
        ] {
            assert!(text.contains(from), "{from}\n{text}");
            let error = back(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(expected), "{to}: {error}");
        }
    }

    proptest! {
        #[test]
        fn trials_come_back(
            lr in 0.0..10.0f64, experts in 1..=64i64, widths in proptest::collection::vec(1..4096i64, 0..4),
            score in any::<String>(), scenes in proptest::collection::vec(any::<String>(), 0..3), order in 0..i64::MAX,
        ) {
            let quoted = toml::Value::from(score.as_str());
            let scenes = toml::Value::from(scenes);
            let trial = stored(&format!(
                "train.lr = {lr:?}\nmmoe.experts = {experts}\nmmoe.tower = {widths:?}\nselect.score = {quoted}\ndata.scenes = {scenes}\nseeds.order = {order}"
            ));
            let read = back(&text(&trial)).unwrap();
            prop_assert_eq!(&read, &trial);
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            prop_assert!(back(&text).is_err());
        }
    }
}
