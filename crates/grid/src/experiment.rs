//! An experiment file: what is fixed, what varies, and what is compared.
//!
//! ```toml
//! name = "architecture-by-protocol"
//! [data]
//! source = "reviews"
//! [grid]                                  # every list is an axis
//! architecture = ["shared-bottom", "mmoe"]
//! protocol = ["joint", "per-scene"]
//! "train.lr" = [1e-3, 1e-2]
//! seed = { from = 1, count = 5 }
//! [grid.mmoe]                             # multiplies only this architecture
//! experts = [4, 8]
//! [tune]                                  # chosen on validation for each row of the tables, then run on fresh seeds
//! "model.dropout" = [0.0, 0.2]
//! seeds = [101, 102]
//! [compare]
//! baseline = { architecture = "shared-bottom", protocol = "joint" }
//! metric = { binary = "auc", regression = "mse" }
//! [eval]
//! metrics = ["gauc", "ndcg@5"]            # scored beside the usual ones
//! [seeds]
//! split = 1                               # pinned; "trial": follows the trial's seed
//! [[ablation]]
//! name = "uniform gate"
//! base = { architecture = "mmoe", "mmoe.experts" = 8 }
//! set = { "mmoe.gate" = "uniform" }
//! ```

mod ablation;
mod axes;
mod compare;
mod eval;
mod reader;
#[cfg(test)]
mod tests;
pub(crate) mod tune;
mod value;
pub(crate) mod vocabulary;

use std::collections::BTreeMap;
use std::iter::once;
use std::path::Path;

use mmtl_plan::{Checker, Value, line_at, listed, nearest, suggestion};
pub use mmtl_plan::{Fault, Faults};
use toml::Spanned;
use toml::de::{DeString, DeTable};

pub use ablation::Ablation;
pub use axes::Axis;
pub use compare::Compare;
pub use eval::Eval;
pub use tune::Tune;

use crate::catalogue::Catalogue;
use crate::error::GridError;
use crate::experiment::reader::{Reader, shown};
use crate::experiment::vocabulary::Vocabulary;
use crate::key_name::{Key, Section};
use crate::store::Store;

/// A file may not describe more trials.
pub const MOST_TRIALS: usize = 100_000;

/// An experiment file, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Name of its folder of results.
    pub name: String,
    /// The data source.
    pub source: String,
    /// What tables compare.
    pub compare: Compare,
    /// What is scored beside the usual metrics.
    pub eval: Eval,
    /// What is tuned before, if anything.
    pub tune: Option<Tune>,
    /// Ablations in the order of the file.
    pub ablations: Vec<Ablation>,
    /// Values that sections fix, and pinned streams.
    pub(crate) fixed: Vec<(Key, Value)>,
    /// Architectures in the order of the file.
    pub(crate) architectures: Vec<&'static str>,
    /// The other axes in the order of the file.
    pub(crate) axes: Vec<Axis>,
    file: String,
    text: String,
    lines: BTreeMap<String, usize>,
}

impl Experiment {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// When the file cannot be read, or [`GridError::Experiment`] with everything that is wrong with it.
    pub fn read(path: &Path, catalogue: &Catalogue) -> Result<Self, GridError> {
        let bytes = std::fs::read(path).map_err(GridError::reading(path))?;
        Ok(Self::parse(&path.display().to_string(), &bytes, catalogue)?)
    }

    /// Reads the file that a grid's folder keeps: it was accepted once, and what has been refused since in new ones does not
    /// keep its results from anybody. Where it gives no name, the folder has that of the file it was copied from.
    ///
    /// # Errors
    /// As [`Experiment::read`].
    pub fn read_stored(store: &Store, catalogue: &Catalogue) -> Result<Self, GridError> {
        let path = store.experiment_file();
        let bytes = std::fs::read(&path).map_err(GridError::reading(&path))?;
        let experiment = Self::checked(&path.display().to_string(), &bytes, catalogue, true)?;
        let is_named = toml::from_str::<toml::Table>(experiment.text()).is_ok_and(|top| top.contains_key("name"));
        let name = match store.root().file_name() {
            Some(folder) if !is_named => folder.to_string_lossy().into_owned(),
            _ => experiment.name.clone(),
        };
        Ok(Self { name, ..experiment })
    }

    /// Checks the contents of a file. `file` is its name in messages; its stem is the experiment's name if the file
    /// gives none.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(file: &str, bytes: &[u8], catalogue: &Catalogue) -> Result<Self, Faults> {
        Self::checked(file, bytes, catalogue, false)
    }

    fn checked(file: &str, bytes: &[u8], catalogue: &Catalogue, stored: bool) -> Result<Self, Faults> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = line_at(bytes, error.valid_up_to());
            Fault { file: file.to_owned(), line, message: "this is not UTF-8, expected a TOML file".to_owned() }
        })?;
        let mut checker = Checker::new(file, text);
        let top = DeTable::parse(text).map_err(|error| {
            let line = checker.line(&error.span().unwrap_or(0..0));
            let message = format!("this is not TOML: {}", error.message().replace('\n', " "));
            Fault { file: file.to_owned(), line, message }
        })?;
        let top = top.get_ref();
        let Some(source) = source(top, catalogue, &mut checker) else {
            checker.finish()?;
            return Err(Fault { file: file.to_owned(), line: 1, message: "`data.source` is missing".to_owned() }.into());
        };
        let words = Vocabulary { catalogue, source: &source, stored };
        let mut reader = Reader { words, checker, lines: BTreeMap::new() };
        reader.check_top(top);
        let name = name(&mut reader, top, file);
        let fixed = reader.fixed(top);
        let axes = reader.axes(top, &fixed);
        let architectures = architectures(&mut reader, &axes);
        let tune = reader.tune(top, &fixed, &axes);
        let compare = reader.compare(top);
        let eval = reader.eval(top, &compare);
        let ablations = reader.ablations(top);
        let Reader { checker, lines, .. } = reader;
        checker.finish()?;
        let axes = axes.into_iter().filter(|axis| axis.key != Key::Architecture).collect();
        let (file, text) = (file.to_owned(), text.to_owned());
        let experiment =
            Self { name, source, compare, eval, tune, ablations, fixed, architectures, axes, file, text, lines };
        experiment.check_tune(stored)?;
        experiment.check_lattices(catalogue)?;
        Ok(experiment)
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What an ablation sets, by dotted key, but for what every row has anyway: as its section fixes it, or by default.
    pub fn changed_by(&self, ablation: &Ablation, catalogue: &Catalogue) -> impl Iterator<Item = (String, Value)> {
        let of_all = |key: Key| {
            let is_axis = self.axes.iter().any(|axis| axis.key == key);
            let owner = key.architecture().or(self.architectures.first().copied()).unwrap_or_default();
            if is_axis || key == Key::Architecture { None } else { self.standing(catalogue, owner, key) }
        };
        let changed = move |(key, value): &&(Key, Value)| of_all(*key).as_ref() != Some(value);
        ablation.set.iter().filter(changed).map(|(key, value)| (key.to_string(), value.clone()))
    }

    /// A fault that is found only once the data is known, at the line where `key` (dotted) is given; a key that is
    /// not given stands where its section begins, or in the first line.
    pub fn fault(&self, key: &str, message: impl Into<String>) -> Fault {
        let section = || key.split('.').next().and_then(|section| self.lines.get(section));
        let line = self.lines.get(key).or_else(section).copied().unwrap_or(1);
        Fault { file: self.file.clone(), line, message: message.into() }
    }
}

/// The data source, which decides what keys `[data]` has.
fn source(top: &DeTable<'_>, catalogue: &Catalogue, checker: &mut Checker<'_>) -> Option<String> {
    let expected = || listed(catalogue.source_names());
    let data = top.get_key_value("data");
    let table = data.and_then(|(_, item)| item.get_ref().as_table());
    let Some(item) = table.and_then(|table| table.get("source")) else {
        let slip = match table {
            Some(table) => misspelt(table, "source", data_knobs(catalogue)),
            None => misspelt(top, "data", reader::sections(catalogue)),
        };
        let at = slip.or(data.map(|(key, _)| key)).map_or(0..0, Spanned::span);
        let near = slip.map_or_else(String::new, |key| format!("; is `{}` misspelt?", key.get_ref()));
        checker.report(&at, format!("`data.source` is missing, expected one of {}{near}", expected()));
        return None;
    };
    match item.get_ref().as_str() {
        Some(name) if catalogue.source_names().any(|known| known == name) => Some(name.to_owned()),
        Some(name) => {
            let near = nearest(name, catalogue.source_names());
            let near = suggestion(near.as_deref());
            checker
                .report(&item.span(), format!("unknown `data.source` `{name}`, expected one of {}{near}", expected()));
            None
        }
        None => {
            let message = format!("`data.source` is {}, expected one of {}", shown(item.get_ref()), expected());
            checker.report(&item.span(), message);
            None
        }
    }
}

/// The keys of `[data]` for any source.
fn data_knobs(catalogue: &Catalogue) -> impl Iterator<Item = &'static str> {
    catalogue.source_names().flat_map(|source| catalogue.knobs(source, Section::Data)).map(|knob| knob.name)
}

/// The key of a table that is nearer to `missing`, which the table lacks, than to any that it may have.
fn misspelt<'t, 'i>(
    table: &'t DeTable<'i>,
    missing: &'static str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'t Spanned<DeString<'i>>> {
    let words: Vec<&str> = once(missing).chain(known).collect();
    let is_slip = |given: &str| nearest(given, words.iter().copied()).is_some_and(|near| near == missing);
    table.keys().find(|key| is_slip(key.get_ref()))
}

fn name(reader: &mut Reader<'_>, top: &DeTable<'_>, file: &str) -> String {
    let (name, at) = match top.get("name") {
        Some(item) => match reader.text("name", item) {
            Some(name) => (name.to_owned(), item.span()),
            None => return String::new(),
        },
        None => (Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned(), 0..0),
    };
    let folder = folder_name(&name);
    if folder != name {
        let message = format!(
            "the name `{}` cannot be a folder's, expected at most 100 of A-Z a-z 0-9 - _ . and none of - . at the start; did you mean `{folder}`?",
            name.escape_debug()
        );
        reader.checker.report(&at, message);
    }
    name
}

/// The closest name that any file system takes and no shell mistakes.
fn folder_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let folder: String = name.chars().map(plain).collect();
    let folder: String = folder.trim_start_matches(['-', '.']).chars().take(100).collect();
    if folder.is_empty() { "experiment".to_owned() } else { folder }
}

fn architectures(reader: &mut Reader<'_>, axes: &[Axis]) -> Vec<&'static str> {
    let Some(axis) = axes.iter().find(|axis| axis.key == Key::Architecture) else {
        if !reader.lines.contains_key("architecture") {
            let expected = listed(reader.words.catalogue.architecture_names());
            let message =
                format!("`grid.architecture` is missing, so there is no trial; expected a list of {expected}");
            reader.checker.report(&(0..0), message);
        }
        return vec![];
    };
    let find = |value: &Value| match value {
        Value::Text(name) => reader.words.catalogue.section(name).and_then(|section| match section {
            Section::Architecture(name) => Some(name),
            Section::Data | Section::Model | Section::Train | Section::Select => None,
        }),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => None,
    };
    axis.values.iter().filter_map(find).collect()
}
