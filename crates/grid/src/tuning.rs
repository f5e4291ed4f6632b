//! Tuning: a grid's first round tries settings on validation rows, and what each row of the tables chose runs on fresh
//! seeds in its second.
//!
//! The choice is a function of the experiment and the records of its first round, so that it comes out the same however
//! often the grid was interrupted. The first round is planned in `planned.json`; the scheduler, which chooses, writes
//! choices and second round to `tuned.json`.

mod choice;
mod file;
mod groups;
mod settings;

use std::collections::BTreeMap;

use mmtl_plan::Value;
use serde::{Deserialize, Serialize};

use crate::configuration::Execution;
use crate::key::TrialKey;
use crate::planned::Planned;
use crate::trial::Row;

pub(crate) use choice::{Ended, choose};
pub(crate) use file::{read_tuned, write_tuned};
pub(crate) use groups::{GroupPoint, Groups, without_seed};
pub(crate) use settings::{Values, most};

/// How a grid is tuned, and what was chosen so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// The seeds of the first round.
    pub seeds: Vec<u64>,
    /// The seeds of the second.
    pub fresh: Vec<u64>,
    /// The settings that each group may try: what was asked for, else as many as the largest has.
    pub budget: usize,
    /// What is tuned apart, in the order of tables.
    pub groups: Vec<TuningGroup>,
    /// What executes the second round.
    pub execution: Execution,
    /// The fingerprints of its data, by what decides the data.
    pub data: BTreeMap<String, String>,
    /// What of it makes no sense.
    pub unfit: Vec<Unfit>,
}

/// What is tuned apart: one row of the tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TuningGroup {
    /// The row.
    pub row: Row,
    /// What its settings are compared by: `skill`, or TASK.METRIC.
    pub score: String,
    /// What it tries, in order.
    pub settings: Vec<Setting>,
    /// What came of it; `None` while some of its runs go on.
    #[serde(skip)]
    pub outcome: Option<Outcome>,
}

impl TuningGroup {
    /// Whether it makes sense, and so has runs.
    #[must_use]
    pub fn is_tried(&self) -> bool {
        self.settings.iter().any(|setting| !setting.runs.is_empty())
    }

    /// The setting that was chosen.
    #[must_use]
    pub fn chosen(&self) -> Option<&Setting> {
        let choice = self.outcome.as_ref()?.choice.as_ref()?;
        self.settings.get(choice.setting)
    }
}

/// One value for each knob that is tuned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The values by dotted key, in the order of the experiment file.
    pub values: Vec<(String, Value)>,
    /// The runs that try it, with their seeds; none where they make no sense.
    pub runs: Vec<(u64, TrialKey)>,
}

/// As in `lr=0.001 experts=8`.
impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.values.is_empty() {
            return f.write_str("nothing to tune");
        }
        for (number, (key, value)) in self.values.iter().enumerate() {
            let name = key.rsplit('.').next().unwrap_or(key);
            let space = if number == 0 { "" } else { " " };
            match value {
                Value::Text(word) => write!(f, "{space}{name}={word}")?,
                Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => {
                    write!(f, "{space}{name}={value}")?;
                }
            }
        }
        Ok(())
    }
}

/// What came of a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// What was chosen; `None` where no setting has a score.
    pub choice: Option<Choice>,
    /// The runs that had no say.
    pub left_out: Vec<LeftOut>,
}

/// A choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Place of the setting in its group.
    pub setting: usize,
    /// What it was chosen by.
    pub by: String,
    /// The mean score on validation rows, over the seeds that have one.
    pub mean: f64,
    /// How many seeds those are.
    pub seeds: usize,
    /// Knobs whose chosen value is the lowest or the highest that was tried, and not the end of what the knob takes.
    pub edges: Vec<Edge>,
}

/// A value at the end of what was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The knob's dotted key.
    pub key: String,
    /// Whether the value is the highest; else the lowest.
    pub highest: bool,
}

/// A run that had no say in a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The run.
    pub key: TrialKey,
    /// Place of its setting.
    pub setting: usize,
    /// Its seed.
    pub seed: u64,
    /// Why: `failed`, `cancelled`, `pruned`, or `undefined` with a reason.
    pub why: String,
}

/// A combination that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unfit {
    /// The architecture.
    pub architecture: String,
    /// The protocol.
    pub protocol: String,
    /// The data's fingerprint.
    pub fingerprint: String,
    /// Why it makes no sense.
    pub reason: String,
    /// The key of the one run that is meant; that of all settings in grids of before there was this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<TrialKey>,
}

impl Tuning {
    /// Why a final trial makes no sense, if so.
    pub(crate) fn unfit(&self, run: &Planned, fingerprint: &str) -> Option<&str> {
        let is_it = |unfit: &&Unfit| match &unfit.key {
            Some(key) => *key == run.key,
            None => {
                unfit.architecture == run.architecture
                    && unfit.protocol == run.protocol
                    && unfit.fingerprint == fingerprint
            }
        };
        self.unfit.iter().find(is_it).map(|unfit| unfit.reason.as_str())
    }

    /// What it would be, had every group that has not chosen yet chosen its first setting that makes sense.
    pub(crate) fn foreseen(&self) -> Self {
        let mut foreseen = self.clone();
        for group in foreseen.groups.iter_mut().filter(|group| group.is_tried() && group.outcome.is_none()) {
            let setting = group.settings.iter().position(|setting| !setting.runs.is_empty()).unwrap_or_default();
            group.outcome = Some(Outcome { choice: Some(Choice { setting, ..Choice::default() }), left_out: vec![] });
        }
        foreseen
    }

    /// The groups that try fewer settings than their budget, since they have no more.
    pub fn fewer(&self) -> impl Iterator<Item = &TuningGroup> {
        self.groups.iter().filter(|group| group.is_tried() && group.settings.len() < self.budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_makes_no_sense_is_not_foreseen() {
        let run = vec![(1, "0123456789abcdef".parse().unwrap())];
        let setting = |runs: &[(u64, TrialKey)]| Setting { values: vec![], runs: runs.to_vec() };
        let row = Row { architecture: "star".into(), values: vec![], tuning: false, ablation: None, baseline: false };
        let settings = vec![setting(&[]), setting(&run), setting(&run)];
        let group = TuningGroup { row, score: "skill".into(), settings, outcome: None };
        let foreseen = Tuning { groups: vec![group], ..Tuning::default() }.foreseen();
        assert_eq!(foreseen.groups[0].chosen(), Some(&setting(&run)));
        assert_eq!(foreseen.groups[0].outcome.as_ref().unwrap().choice.as_ref().unwrap().setting, 1);
    }

    #[test]
    fn what_makes_no_sense_is_known_by_its_key() {
        let run = |key: &str| Planned {
            key: key.parse().unwrap(),
            architecture: "shared-bottom".into(),
            protocol: "joint".into(),
            seed: 1,
            rows: vec![],
            not_applicable: None,
        };
        let (towers, shared) = (run("0123456789abcdef"), run("fedcba9876543210"));
        let unfit = |key: Option<TrialKey>| Unfit {
            architecture: "shared-bottom".into(),
            protocol: "joint".into(),
            fingerprint: "data".into(),
            reason: "no rows".into(),
            key,
        };
        let why = |key, run| {
            let tuning = Tuning { unfit: vec![unfit(key)], ..Tuning::default() };
            tuning.unfit(run, "data").map(str::to_owned)
        };
        let own = || Some(towers.key.clone());
        assert_eq!([why(own(), &towers), why(own(), &shared)], [Some("no rows".to_owned()), None]);
        // In grids of before, of every setting.
        assert_eq!([why(None, &towers), why(None, &shared)], [Some("no rows".to_owned()), Some("no rows".to_owned())]);
    }
}
