//! The second round of a grid that tunes: the runs that show what was chosen, and those to come.

use std::collections::HashSet;
use std::rc::Rc;

use crate::catalogue::Catalogue;
use crate::error::GridError;
use crate::experiment::Experiment;
use crate::key::canonical;
use crate::planned::{Grid, Planned, planned, planned_file};
use crate::store::{Store, StoredTrial};
use crate::trial::Trial;
use crate::tuning::{Setting, Tuning, TuningGroup, Values};

impl Grid {
    /// The runs of the tables once tuning has chosen for every row that it is still at. Rows and seeds are theirs; settings,
    /// and so keys, are as if each had chosen the first that it tries.
    ///
    /// # Errors
    /// When the plan in `store` is not the experiment's.
    pub fn foreseen(
        &self,
        store: &Store,
        experiment: &Experiment,
        catalogue: &Catalogue,
    ) -> Result<Vec<Planned>, GridError> {
        self.supposing(|_| {}, store, experiment, catalogue)
    }

    /// As [`Self::foreseen`], with the runs that are never made, since their tuning has no score to choose by.
    ///
    /// # Errors
    /// As [`Self::foreseen`].
    pub fn foreseen_had_all_chosen(
        &self,
        store: &Store,
        experiment: &Experiment,
        catalogue: &Catalogue,
    ) -> Result<Vec<Planned>, GridError> {
        let undecided = |group: &mut TuningGroup| {
            if group.chosen().is_none() {
                group.outcome = None;
            }
        };
        self.supposing(undecided, store, experiment, catalogue)
    }

    fn supposing(
        &self,
        change: impl FnMut(&mut TuningGroup),
        store: &Store,
        experiment: &Experiment,
        catalogue: &Catalogue,
    ) -> Result<Vec<Planned>, GridError> {
        let Some(mut tuning) = self.tuning.clone() else { return Ok(vec![]) };
        tuning.groups.iter_mut().for_each(change);
        let runs = final_runs(store, experiment, catalogue, &tuning.foreseen())?;
        Ok(runs.into_iter().map(|(run, _)| run).collect())
    }
}

impl Experiment {
    /// The settings of a group as they were planned; `None` where they have a knob that is not tuned.
    fn tried(&self, group: &TuningGroup) -> Option<Vec<Values>> {
        let knobs = self.tune.as_ref().map(|tune| tune.knobs.as_slice()).unwrap_or_default();
        let known = |name: &str| knobs.iter().map(|(key, _)| *key).find(|key| key.to_string() == name);
        let values = |setting: &Setting| {
            setting.values.iter().map(|(key, value)| Some((known(key)?, value.clone()))).collect::<Option<Values>>()
        };
        group.settings.iter().map(values).collect()
    }
}

/// The runs that show what was chosen so far, in the order of tables, with what is stored of them.
///
/// # Errors
/// When the plan knows nothing of their data, which means that it is not this experiment's.
pub(crate) fn final_runs(
    store: &Store,
    experiment: &Experiment,
    catalogue: &Catalogue,
    tuning: &Tuning,
) -> Result<Vec<(Planned, StoredTrial)>, GridError> {
    let mut groups = experiment.tuning_groups();
    let damaged = |reason: &str| GridError::damaged(&planned_file(store), reason);
    if groups.list.len() != tuning.groups.len() {
        return Err(damaged("it is not the plan of experiment.toml"));
    }
    for (point, group) in groups.list.iter_mut().zip(&tuning.groups) {
        let settings = experiment.tried(group).ok_or_else(|| damaged("it tunes what experiment.toml does not"))?;
        point.settings = Rc::new(settings);
    }
    let chosen = |group: &TuningGroup| group.outcome.as_ref()?.choice.as_ref().map(|choice| choice.setting);
    let chosen: Vec<Option<usize>> = tuning.groups.iter().map(chosen).collect();
    // What makes no sense is in the tables as that, whatever its setting; what is made of it and does has none.
    let untried = |(group, chosen): (&TuningGroup, &Option<usize>)| if group.is_tried() { *chosen } else { Some(0) };
    let all: Vec<Option<usize>> = tuning.groups.iter().zip(&chosen).map(untried).collect();
    let trials = |chosen: &[Option<usize>]| experiment.final_trials(catalogue, &tuning.execution, &groups, chosen);
    let canonical = |trial: &Trial| canonical(&trial.configuration, catalogue);
    let tried: Option<HashSet<String>> = (chosen != all).then(|| trials(&chosen).iter().map(canonical).collect());
    let mut runs = vec![];
    for trial in trials(&all) {
        let fingerprint = tuning.data.get(&trial.configuration.data_identity());
        let fingerprint = fingerprint.ok_or_else(|| damaged("it lacks data of experiment.toml"))?.clone();
        let (run, stored) = planned(&trial, fingerprint.clone(), None, catalogue);
        let not_applicable = tuning.unfit(&run, &fingerprint).map(str::to_owned);
        if not_applicable.is_some() || tried.as_ref().is_none_or(|tried| tried.contains(&canonical(&trial))) {
            runs.push((Planned { not_applicable, ..run }, stored));
        }
    }
    Ok(runs)
}
