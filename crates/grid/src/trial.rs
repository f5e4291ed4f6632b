//! From an experiment to its trials.
//!
//! Order: architecture outermost, then protocol, then the other axes in the order of the file, seed innermost; then
//! the ablations in the order of the file, each over its base's trials in that same order. Configurations that are
//! equal after resolution are one trial, at the place of the first, with a row for each way it came about.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use mmtl_plan::Value;
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::configuration::{Configuration, Execution};
use crate::experiment::{Ablation, Axis, Experiment, Fault, Faults, MOST_TRIALS};
use crate::key::canonical;
use crate::key_name::Key;
use crate::lattice::Lattice;

/// One trial of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// What it runs.
    pub configuration: Configuration,
    /// The rows of tables that it belongs to; usually one.
    pub rows: Vec<Row>,
}

/// A row of a table: trials that differ by their seeds only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The architecture.
    pub architecture: String,
    /// The values of the axes that tell rows apart (those with one value, and seed, do not), by dotted key.
    pub values: Vec<(String, Value)>,
    /// The ablation that it belongs to, if any.
    pub ablation: Option<String>,
    /// Whether it is the baseline of comparisons.
    pub baseline: bool,
}

/// The label in tables, as in `mmoe per-scene experts=8 (uniform gate)`.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.architecture)?;
        for (key, value) in &self.values {
            let name = key.rsplit('.').next().unwrap_or(key);
            match value {
                Value::Text(word) if key == "protocol" => write!(f, " {word}")?,
                Value::Text(word) => write!(f, " {name}={word}")?,
                Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => write!(f, " {name}={value}")?,
            }
        }
        self.ablation.as_ref().map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

impl Experiment {
    /// All trials, in the order given above, none of them yet known not to make sense.
    pub fn trials(&self, catalogue: &Catalogue, execution: &Execution) -> Vec<Trial> {
        let mut expansion =
            Expansion { experiment: self, catalogue, execution, trials: vec![], places: HashMap::new() };
        for lattice in self.lattices() {
            expansion.add(&lattice, None);
        }
        for ablation in &self.ablations {
            for lattice in self.bases(catalogue, ablation) {
                expansion.add(&lattice, Some(ablation));
            }
        }
        expansion.trials
    }

    /// The points that an ablation starts from.
    fn bases(&self, catalogue: &Catalogue, ablation: &Ablation) -> Vec<Lattice> {
        let moves = ablation.set.iter().any(|(key, _)| *key == Key::Architecture);
        let has_all = |lattice: &Lattice| {
            let is_of = |key: &Key| key.architecture().is_none_or(|owner| owner == lattice.architecture);
            moves || ablation.set.iter().all(|(key, _)| is_of(key))
        };
        let lattices = self.lattices().into_iter().filter(has_all);
        lattices.filter_map(|lattice| self.matching(catalogue, lattice, &ablation.base)).collect()
    }

    /// That there are not too many trials, and that the baseline and each ablation's base are among them.
    pub(crate) fn check_lattices(&self, catalogue: &Catalogue) -> Result<(), Faults> {
        let lattices = self.lattices();
        let matches = |wanted: &[(Key, Value)]| {
            lattices.iter().any(|lattice| self.matching(catalogue, lattice.clone(), wanted).is_some())
        };
        if !matches(&self.compare.baseline) {
            return Err(self
                .fault("compare.baseline", self.absent("the baseline", &self.compare.baseline, catalogue))
                .into());
        }
        let mut count = lattices.iter().fold(0usize, |sum, lattice| sum.saturating_add(lattice.len()));
        for ablation in &self.ablations {
            let bases = self.bases(catalogue, ablation);
            if bases.is_empty() {
                let what = format!("the base of the ablation `{}`", ablation.name);
                let message = if matches(&ablation.base) {
                    let keys: Vec<String> = ablation.set.iter().map(|(key, _)| format!("`{key}`")).collect();
                    format!("{what} has no trial with {}, expected a base of that architecture", keys.join(" and "))
                } else {
                    self.absent(&what, &ablation.base, catalogue)
                };
                return Err(Fault { line: ablation.line, ..self.fault("", message) }.into());
            }
            count = bases.iter().fold(count, |sum, lattice| sum.saturating_add(lattice.len()));
        }
        if count > MOST_TRIALS {
            let message = format!("the grid has {count} trials, expected at most {MOST_TRIALS}; shorten an axis");
            return Err(self.fault("grid", message).into());
        }
        Ok(())
    }

    /// The sentence for values that no trial has together.
    fn absent(&self, what: &str, wanted: &[(Key, Value)], catalogue: &Catalogue) -> String {
        for (key, value) in wanted {
            let mut there: Vec<String> = vec![];
            for lattice in self.lattices() {
                let axis = lattice.axes.iter().find(|axis| axis.key == *key).map(|axis| axis.values.clone());
                let standing = || self.standing(catalogue, lattice.architecture, *key).into_iter().collect();
                for value in axis.unwrap_or_else(standing) {
                    if !there.contains(&value.to_string()) {
                        there.push(value.to_string());
                    }
                }
            }
            if !there.contains(&value.to_string()) {
                let expected = match there.as_slice() {
                    [] => "but no architecture of the grid has that key".to_owned(),
                    there => format!("expected one of {}", there.join(", ")),
                };
                return format!("{what} has `{key}` = {value}, {expected}");
            }
        }
        let all: Vec<String> = wanted.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        format!("{what} names no trial: each of {} occurs in the grid, but not together", all.join(", "))
    }

    /// That some trial makes sense, given for each why not.
    ///
    /// # Errors
    /// When none does: there would be nothing to run.
    pub fn some_apply<'a>(&self, reasons: impl Iterator<Item = Option<&'a str>>) -> Result<(), Fault> {
        let Some(reasons) = reasons.collect::<Option<Vec<_>>>() else { return Ok(()) };
        let first = reasons.first().unwrap_or(&"");
        Err(self.fault("architecture", format!("no trial of the grid makes sense, the first because: {first}")))
    }
}

struct Expansion<'a> {
    experiment: &'a Experiment,
    catalogue: &'a Catalogue,
    execution: &'a Execution,
    trials: Vec<Trial>,
    /// Index by a hash of the canonical text; never iterated over.
    places: HashMap<[u8; 32], usize>,
}

impl Expansion<'_> {
    fn add(&mut self, lattice: &Lattice, ablation: Option<&Ablation>) {
        let experiment = self.experiment;
        let set: Vec<(Key, &Value)> =
            ablation.into_iter().flat_map(|ablation| &ablation.set).map(|(key, value)| (*key, value)).collect();
        let moved = set.iter().find_map(|(key, value)| match (key, value) {
            (Key::Architecture, Value::Text(name)) => Some(name.as_str()),
            _ => None,
        });
        let architecture = moved.unwrap_or(lattice.architecture);
        let wanted = &experiment.compare.baseline;
        let baseline = experiment
            .matching(self.catalogue, lattice.clone(), wanted)
            .filter(|_| ablation.is_none() && !wanted.is_empty());
        for number in 0..lattice.len() {
            let point = lattice.point(number);
            let is_baseline = baseline.as_ref().is_some_and(|baseline| baseline.contains(&point));
            let fixed = experiment.fixed.iter().map(|(key, value)| (*key, value));
            let given = fixed.chain(point).chain(set.iter().copied());
            let configuration =
                Configuration::resolve(self.catalogue, &experiment.source, architecture, self.execution, given);
            let row = self.row(&configuration, ablation, is_baseline);
            self.place(configuration, row);
        }
    }

    fn place(&mut self, configuration: Configuration, row: Row) {
        let hash = *blake3::hash(canonical(&configuration, self.catalogue).as_bytes()).as_bytes();
        let next = self.trials.len();
        let at = *self.places.entry(hash).or_insert(next);
        match self.trials.get_mut(at) {
            Some(trial) if trial.rows.contains(&row) => {}
            Some(trial) => trial.rows.push(row),
            None => self.trials.push(Trial { configuration, rows: vec![row] }),
        }
    }

    fn row(&self, configuration: &Configuration, ablation: Option<&Ablation>, baseline: bool) -> Row {
        let value = |key: Key| configuration.value(self.catalogue, key);
        let tells = |axis: &&Axis| axis.values.len() > 1 && axis.key != Key::Seed;
        let mut axes: Vec<Key> = self.experiment.axes.iter().filter(tells).map(|axis| axis.key).collect();
        axes.sort_by_key(|key| *key != Key::Protocol);
        let values = axes.into_iter().filter_map(|key| Some((key.to_string(), value(key)?))).collect();
        Row {
            architecture: configuration.architecture.clone(),
            values,
            ablation: ablation.map(|ablation| ablation.name.clone()),
            baseline,
        }
    }
}
