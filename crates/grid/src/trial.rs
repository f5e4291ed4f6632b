//! From an experiment to its trials.
//!
//! Order: architecture outermost, then protocol, then the other axes in the order of the file, seed innermost; then
//! the ablations in the order of the file, each over its base's trials in that same order. Configurations that are
//! equal after resolution are one trial, at the place of the first, with a row for each way it came about.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;

use mmtl_plan::Value;
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::configuration::{Configuration, Execution};
use crate::experiment::{Ablation, Axis, Experiment, Fault, Faults, MOST_TRIALS};
use crate::key::canonical;
use crate::key_name::{Key, Section};
use crate::lattice::Lattice;
use crate::round::Round;
use crate::tuning::{GroupPoint, Groups, Values, most, without_seed};

/// One trial of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// What it runs.
    pub configuration: Configuration,
    /// The rows of tables that it belongs to; usually one.
    pub rows: Vec<Row>,
}

impl Trial {
    /// The round that it belongs to.
    pub fn round(&self) -> Round {
        if self.rows.iter().any(|row| row.tuning) { Round::Tuning } else { Round::Final }
    }
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
    /// Whether its runs try a setting, so that no table has it; `values` then has what is tuned too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tuning: bool,
}

impl Row {
    /// The place of the baseline that shares most values with it: of two protocols with a baseline each, the one of its own,
    /// and so with data that an axis varies. The first of those that share as many; a baseline has none but itself.
    #[must_use]
    pub fn nearest_baseline(&self, baselines: &[(usize, &Self)]) -> Option<usize> {
        let shared = |(place, other): &(usize, &Self)| {
            let values = self.values.iter().filter(|value| other.values.contains(value)).count();
            (*other == self, values, Reverse(*place))
        };
        baselines.iter().copied().max_by_key(shared).map(|(place, _)| place)
    }
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
        self.ablation.as_ref().map_or(Ok(()), |name| write!(f, " ({name})"))?;
        if self.tuning { f.write_str(" (tuning)") } else { Ok(()) }
    }
}

impl Experiment {
    /// The trials that are known before any has run, in the order given above, none of them yet known not to make sense:
    /// all, or where something is tuned those that try settings.
    pub fn trials(&self, catalogue: &Catalogue, execution: &Execution) -> Vec<Trial> {
        if self.tune.is_some() {
            return self.tuning_trials(catalogue, execution).trials;
        }
        self.expand(catalogue, execution, None)
    }

    /// The trials that show what tuning chose, where it did: for each group the number of its setting. They are those of
    /// a grid that has these values in the first place.
    pub(crate) fn final_trials(
        &self,
        catalogue: &Catalogue,
        execution: &Execution,
        groups: &Groups,
        chosen: &[Option<usize>],
    ) -> Vec<Trial> {
        self.expand(catalogue, execution, Some((groups, chosen)))
    }

    fn expand(&self, catalogue: &Catalogue, execution: &Execution, tuned: Tuned<'_>) -> Vec<Trial> {
        let mut expansion = Expansion::new(self, catalogue, execution, tuned);
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

    /// The trials that try settings, and what they are of.
    pub(crate) fn tuning_trials(&self, catalogue: &Catalogue, execution: &Execution) -> TuningTrials {
        let groups = self.tuning_groups();
        let mut expansion = Expansion::new(self, catalogue, execution, None);
        let seeds = self.tune.iter().flat_map(|tune| &tune.seeds).copied();
        let seeds: Vec<(u64, Value)> = seeds.map(|seed| (seed, Value::Int(seed.cast_signed()))).collect();
        let list = groups.list.iter().map(|group| expansion.try_settings(group, &seeds)).collect();
        TuningTrials { trials: expansion.trials, groups: list }
    }

    /// Whether a point that is tuned is the baseline's.
    fn is_baseline(&self, catalogue: &Catalogue, group: &GroupPoint) -> bool {
        let wanted: Vec<(Key, Value)> =
            self.compare.baseline.iter().filter(|(key, _)| *key != Key::Seed).cloned().collect();
        let point: Vec<(Key, &Value)> = group.point.iter().map(|(key, value)| (*key, value)).collect();
        let lattice = without_seed(self.lattice(group.architecture));
        !self.compare.baseline.is_empty()
            && self.matching(catalogue, lattice, &wanted).is_some_and(|baseline| baseline.contains(&point))
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
        for (tune, lattice) in self.tune.iter().flat_map(|tune| lattices.iter().map(move |lattice| (tune, lattice))) {
            let settings = without_seed(lattice.clone()).len().saturating_mul(most(tune, lattice.architecture));
            count = count.saturating_add(settings.saturating_mul(tune.seeds.len()));
        }
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

/// The groups that are tuned apart, and the number of the setting that each has got.
type Tuned<'a> = Option<(&'a Groups, &'a [Option<usize>])>;

/// The trials that try settings.
pub(crate) struct TuningTrials {
    pub(crate) trials: Vec<Trial>,
    pub(crate) groups: Vec<TriedGroup>,
}

/// What is tried for one row of the tables.
pub(crate) struct TriedGroup {
    /// The row.
    pub(crate) row: Row,
    /// What settings are compared by.
    pub(crate) score: String,
    /// Each setting with the places of its trials, by seed.
    pub(crate) settings: Vec<(Values, Vec<(u64, usize)>)>,
}

struct Expansion<'a> {
    experiment: &'a Experiment,
    catalogue: &'a Catalogue,
    execution: &'a Execution,
    tuned: Tuned<'a>,
    trials: Vec<Trial>,
    /// Index by a hash of the canonical text; never iterated over.
    places: HashMap<[u8; 32], usize>,
}

impl<'a> Expansion<'a> {
    fn new(experiment: &'a Experiment, catalogue: &'a Catalogue, execution: &'a Execution, tuned: Tuned<'a>) -> Self {
        Self { experiment, catalogue, execution, tuned, trials: vec![], places: HashMap::new() }
    }

    /// The values that tuning chose for a point; `None` where it has not chosen yet.
    fn chosen(&self, architecture: &str, point: &[(Key, &Value)]) -> Option<Values> {
        let Some((groups, chosen)) = self.tuned else { return Some(vec![]) };
        let group = groups.of(architecture, point)?;
        groups.list[group].settings.get((*chosen.get(group)?)?).cloned()
    }

    fn try_settings(&mut self, group: &GroupPoint, seeds: &[(u64, Value)]) -> TriedGroup {
        let experiment = self.experiment;
        let plain = self.configured(group, &[], None);
        let row = self.row(&plain, None, experiment.is_baseline(self.catalogue, group));
        let score = match plain.value(self.catalogue, Key::Knob(Section::Select, "score")) {
            Some(Value::Text(score)) => score,
            Some(Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_)) | None => String::new(),
        };
        let mut settings = vec![];
        for values in group.settings.iter() {
            let tuned = values.iter().map(|(key, value)| (key.to_string(), value.clone()));
            let of_row = row.values.iter().cloned().chain(tuned).collect();
            let tried = Row { values: of_row, baseline: false, tuning: true, ..row.clone() };
            let mut places = vec![];
            for (seed, value) in seeds {
                let configuration = self.configured(group, values, Some(value));
                places.push((*seed, self.place(configuration, tried.clone())));
            }
            settings.push((values.clone(), places));
        }
        TriedGroup { row, score, settings }
    }

    /// What a group has with the values of a setting.
    fn configured(&self, group: &GroupPoint, values: &[(Key, Value)], seed: Option<&Value>) -> Configuration {
        let fixed = self.experiment.fixed.iter().chain(&group.point).chain(values);
        let given = fixed.map(|(key, value)| (*key, value)).chain(seed.map(|seed| (Key::Seed, seed)));
        let (source, architecture) = (&self.experiment.source, group.architecture);
        Configuration::resolve(self.catalogue, source, architecture, self.execution, given)
    }

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
            let Some(chosen) = self.chosen(lattice.architecture, &point) else { continue };
            let chosen = chosen.iter().map(|(key, value)| (*key, value));
            let fixed = experiment.fixed.iter().map(|(key, value)| (*key, value));
            let given = fixed.chain(point).chain(chosen).chain(set.iter().copied());
            let configuration =
                Configuration::resolve(self.catalogue, &experiment.source, architecture, self.execution, given);
            let row = self.row(&configuration, ablation, is_baseline);
            self.place(configuration, row);
        }
    }

    fn place(&mut self, configuration: Configuration, row: Row) -> usize {
        let hash = *blake3::hash(canonical(&configuration, self.catalogue).as_bytes()).as_bytes();
        let next = self.trials.len();
        let at = *self.places.entry(hash).or_insert(next);
        match self.trials.get_mut(at) {
            Some(trial) if trial.rows.contains(&row) => {}
            Some(trial) => trial.rows.push(row),
            None => self.trials.push(Trial { configuration, rows: vec![row] }),
        }
        at
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
            tuning: false,
        }
    }
}
