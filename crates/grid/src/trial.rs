//! From an experiment to its trials.
//!
//! Order: architecture outermost, then protocol, then the other axes in the order of the file, seed innermost; then
//! the ablations in the order of the file, each over its base's trials in that same order. Configurations that are
//! equal after resolution are one trial, at the place of the first, with a row for each way it came about.

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
    /// Why it makes no sense and is not run, if so.
    pub not_applicable: Option<String>,
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

    /// Asks of each trial whether it makes sense, and why not.
    ///
    /// # Errors
    /// When none does: there would be nothing to run.
    pub fn decide(
        &self,
        trials: &mut [Trial],
        mut applies: impl FnMut(&Configuration) -> Result<(), String>,
    ) -> Result<(), Fault> {
        for trial in &mut *trials {
            trial.not_applicable = applies(&trial.configuration).err();
        }
        match trials.iter().map(|trial| trial.not_applicable.as_ref()).collect::<Option<Vec<_>>>() {
            None => Ok(()),
            Some(reasons) => {
                let first = reasons.first().map_or("", |reason| reason.as_str());
                Err(self.fault("architecture", format!("no trial of the grid makes sense, the first because: {first}")))
            }
        }
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
            None => self.trials.push(Trial { configuration, rows: vec![row], not_applicable: None }),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::tests::catalogue;

    fn experiment(text: &str) -> Experiment {
        let text = format!("data.source = \"reviews\"\n{text}");
        Experiment::parse("e.toml", text.as_bytes(), &catalogue()).unwrap_or_else(|faults| panic!("{faults}"))
    }

    fn trials(text: &str) -> Vec<Trial> {
        experiment(text).trials(&catalogue(), &Execution::default())
    }

    /// Label of the first row, and seed.
    fn labels(trials: &[Trial]) -> Vec<String> {
        trials.iter().map(|trial| format!("{} {}", trial.rows[0], trial.configuration.seed)).collect()
    }

    #[test]
    fn the_order_is_the_documented_one() {
        let text = r#"
[grid]
seed = [2, 1]
"train.lr" = [0.5, 0.25]
architecture = ["mmoe", "star"]
protocol = ["per-scene", "joint"]
[grid.mmoe]
experts = [4]
gate = ["softmax", "uniform"]
"#;
        let expected = [
            "mmoe per-scene lr=0.5 gate=softmax 2",
            "mmoe per-scene lr=0.5 gate=softmax 1",
            "mmoe per-scene lr=0.5 gate=uniform 2",
            "mmoe per-scene lr=0.5 gate=uniform 1",
            "mmoe per-scene lr=0.25 gate=softmax 2",
        ];
        let all = labels(&trials(text));
        assert_eq!(all[..5], expected);
        assert_eq!(all[8], "mmoe joint lr=0.5 gate=softmax 2");
        assert_eq!(all[16], "star per-scene lr=0.5 2");
        assert_eq!(all.len(), 24);
    }

    #[test]
    fn an_axis_with_one_value_is_set_but_tells_nothing_apart() {
        let all = trials("[grid]\narchitecture = [\"star\"]\nscene_feature = [true]\nseed = [1, 2]");
        assert_eq!(labels(&all), ["star 1", "star 2"]);
        let settings = all[0].configuration.settings(&catalogue()).unwrap();
        assert!(settings.model.bool("scene_feature"));
    }

    #[test]
    fn knobs_of_others_are_nothing_to_an_architecture() {
        let all = trials("ple.levels = 3\n[grid]\narchitecture = [\"ple\", \"star\"]\n[grid.mmoe]\nexperts = [1, 2]");
        assert_eq!(labels(&all), ["ple 1", "star 1"]);
        let levels = |at: usize| all[at].configuration.settings(&catalogue()).unwrap().own.iter().count();
        assert_eq!((levels(0), levels(1)), (2, 0));
        let key = Key::Knob(crate::key_name::Section::Architecture("ple"), "levels");
        assert_eq!(all[0].configuration.value(&catalogue(), key), Some(Value::Int(3)));
        assert_eq!(all[1].configuration.value(&catalogue(), key), None);
    }

    #[test]
    fn an_ablation_changes_the_trials_of_its_base() {
        let text = r#"
[grid]
architecture = ["mmoe", "star"]
seed = [1, 2]
[grid.mmoe]
experts = [4, 8]
[[ablation]]
name = "uniform gate"
base = { architecture = "mmoe", "mmoe.experts" = 8 }
set = { "mmoe.gate" = "uniform" }
[[ablation]]
name = "no dropout"
set = { "model.dropout" = 0.5 }
base = { seed = 2 }
[[ablation]]
name = "as ple"
base = { architecture = "star" }
set = { architecture = "ple", "ple.levels" = 1 }
"#;
        let all = trials(text);
        assert_eq!(
            labels(&all)[6..],
            [
                "mmoe experts=8 (uniform gate) 1",
                "mmoe experts=8 (uniform gate) 2",
                "mmoe experts=4 (no dropout) 2",
                "mmoe experts=8 (no dropout) 2",
                "star (no dropout) 2",
                "ple (as ple) 1",
                "ple (as ple) 2",
            ]
        );
        let ple = all[11].configuration.settings(&catalogue()).unwrap();
        assert_eq!((all[11].configuration.architecture.as_str(), ple.own.size("levels")), ("ple", 1));
    }

    #[test]
    fn equal_trials_are_one_with_both_rows() {
        let text = r#"
[grid]
architecture = ["mmoe"]
[grid.mmoe]
gate = ["softmax", "uniform"]
[[ablation]]
name = "uniform gate"
base = { "mmoe.gate" = "softmax" }
set = { "mmoe.gate" = "uniform" }
"#;
        let all = trials(text);
        assert_eq!(all.len(), 2);
        let rows: Vec<String> = all[1].rows.iter().map(ToString::to_string).collect();
        assert_eq!(rows, ["mmoe gate=uniform", "mmoe gate=uniform (uniform gate)"]);
        let pinned = "[seeds]\ndata = 1\ninitialisation = 1\norder = 1\ndropout = 1\n";
        assert_eq!(trials(&format!("{pinned}[grid]\narchitecture = [\"star\"]\nseed = [1, 2, 3]")).len(), 1);
    }

    #[test]
    fn the_baseline_is_marked() {
        let text =
            "[grid]\narchitecture = [\"mmoe\", \"star\"]\nprotocol = [\"joint\", \"per-scene\"]\nseed = [1, 2]\n";
        let marked = |baseline: &str| -> Vec<String> {
            let all = trials(&format!("{text}[compare]\nbaseline = {baseline}"));
            let marked = all.iter().filter(|trial| trial.rows[0].baseline);
            marked.map(|trial| format!("{} {}", trial.rows[0], trial.configuration.seed)).collect()
        };
        assert_eq!(marked("{ architecture = \"star\", protocol = \"joint\" }"), ["star joint 1", "star joint 2"]);
        assert_eq!(marked("{ architecture = \"mmoe\", \"mmoe.experts\" = 8, protocol = \"joint\" }").len(), 2);
        assert!(marked("{}").is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_kept_with_its_reason() {
        let experiment =
            experiment("[grid]\narchitecture = [\"mmoe\", \"star\"]\nprotocol = [\"joint\", \"per-scene\"]");
        let mut all = experiment.trials(&catalogue(), &Execution::default());
        let no_star = |configuration: &Configuration| match configuration.architecture.as_str() {
            "star" => Err("star needs scenes".to_owned()),
            _ => Ok(()),
        };
        experiment.decide(&mut all, no_star).unwrap();
        let reasons: Vec<Option<&str>> = all.iter().map(|trial| trial.not_applicable.as_deref()).collect();
        assert_eq!(reasons, [None, None, Some("star needs scenes"), Some("star needs scenes")]);
        let fault = experiment.decide(&mut all, |_| Err("no scenes".to_owned())).unwrap_err().to_string();
        assert_eq!(fault, "e.toml:3: no trial of the grid makes sense, the first because: no scenes");
    }

    #[test]
    fn trials_share_data_where_nothing_of_it_differs() {
        let text =
            "[grid]\narchitecture = [\"star\"]\n\"train.lr\" = [1, 2]\n\"data.tokens\" = [8, 16]\n[seeds]\ndata = 3";
        let identities: Vec<String> = trials(text).iter().map(|trial| trial.configuration.data_identity()).collect();
        assert_eq!(identities[0], identities[2]);
        assert_ne!(identities[0], identities[1]);
        let seeds = trials("[grid]\narchitecture = [\"star\"]\nseed = [1, 2]");
        assert_ne!(seeds[0].configuration.data_identity(), seeds[1].configuration.data_identity());
    }

    #[test]
    fn a_hundred_thousand_trials_take_no_time() {
        let text =
            "[grid]\narchitecture = [\"mmoe\"]\nseed = { from = 0, count = 50000 }\nscene_feature = [true, false]";
        let all = trials(text);
        assert_eq!(all.len(), 100_000);
        assert_eq!(all[99_999].configuration.seed, 49_999);
    }

    proptest! {
        #[test]
        fn expansion_is_the_product(experts in 1..5i64, rates in 1..5usize, seeds in 1..5i64, both in any::<bool>()) {
            let rates: Vec<f64> = (1..=rates).map(|rate| rate as f64 / 8.0).collect();
            let experts: Vec<i64> = (1..=experts).collect();
            let protocols = if both { "[\"joint\", \"per-scene\"]" } else { "[\"joint\"]" };
            let all = trials(&format!(
                "[grid]\narchitecture = [\"star\", \"mmoe\"]\nprotocol = {protocols}\n\"train.lr\" = {rates:?}\nseed = {{ from = 3, count = {seeds} }}\n[grid.mmoe]\nexperts = {experts:?}"
            ));
            let each = rates.len() * seeds as usize * (1 + usize::from(both));
            prop_assert_eq!(all.len(), each * (1 + experts.len()));
            let mut labels = labels(&all);
            labels.sort();
            labels.dedup();
            prop_assert_eq!(labels.len(), all.len());
        }
    }
}
