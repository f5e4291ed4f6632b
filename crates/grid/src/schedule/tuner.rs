//! The scheduler's part of tuning: it chooses for each group once its runs have ended, and makes the runs that show it.

use std::collections::BTreeMap;

use super::queue::Phase;
use crate::catalogue::Catalogue;
use crate::error::GridError;
use crate::experiment::Experiment;
use crate::key::TrialKey;
use crate::planned::{Grid, Planned};
use crate::second_round::final_runs;
use crate::store::Store;
use crate::tuning::{Choice, Ended, Outcome, Setting, Tuning, TuningGroup, choose, write_tuned};

/// The tuning of a grid whose scheduler lives.
#[derive(Debug)]
pub(super) struct Tuner<'a> {
    store: &'a Store,
    catalogue: &'a Catalogue,
    experiment: Experiment,
    plan: Vec<u8>,
    tuning: Tuning,
    finals: Vec<Planned>,
    ahead: BTreeMap<String, usize>,
}

impl<'a> Tuner<'a> {
    /// Of a grid as it was planned, whose plan has these bytes; `None` where nothing is tuned. What was chosen before is
    /// chosen again: a run that was tried anew since may have its say.
    pub(super) fn new(
        store: &'a Store,
        catalogue: &'a Catalogue,
        grid: &Grid,
        plan: Vec<u8>,
    ) -> Result<Option<Self>, GridError> {
        let Some(tuning) = grid.tuning.clone() else { return Ok(None) };
        let experiment = Experiment::read_stored(store, catalogue)?;
        Ok(Some(Self { store, catalogue, experiment, plan, tuning, finals: vec![], ahead: BTreeMap::new() }))
    }

    /// The runs that show what was chosen so far, in the order of tables.
    pub(super) fn finals(&self) -> &[Planned] {
        &self.finals
    }

    /// How many runs of each architecture follow once the groups that have not chosen yet have.
    pub(super) fn ahead(&self) -> &BTreeMap<String, usize> {
        &self.ahead
    }

    /// The runs whose outcome was counted in a choice.
    pub(super) fn counted(&self) -> impl Iterator<Item = TrialKey> + '_ {
        let groups = self.tuning.groups.iter().filter(|group| group.chosen().is_some());
        groups.flat_map(|group| &group.settings).flat_map(|setting| &setting.runs).map(|(_, key)| key.clone())
    }

    /// Chooses for the groups whose runs all have ended by now, and writes that down. What was decided, a sentence each;
    /// with `first` also where nothing was.
    pub(super) fn decide<'p>(
        &mut self,
        first: bool,
        phase: impl Fn(&TrialKey) -> Option<&'p Phase>,
    ) -> Result<Vec<String>, GridError> {
        let (mut said, mut changed) = (vec![], first);
        for place in 0..self.tuning.groups.len() {
            let group = &self.tuning.groups[place];
            if !group.is_tried() || group.chosen().is_some() {
                continue;
            }
            let outcome = self.outcome(group, &phase)?;
            if outcome != group.outcome {
                said.extend(outcome.as_ref().map(|outcome| self.sentence(group, outcome)));
                self.tuning.groups[place].outcome = outcome;
                changed = true;
            }
        }
        if changed {
            self.make_finals()?;
        }
        Ok(said)
    }

    /// What came of a group; `None` while a run of it goes on.
    fn outcome<'p>(
        &self,
        group: &TuningGroup,
        phase: impl Fn(&TrialKey) -> Option<&'p Phase>,
    ) -> Result<Option<Outcome>, GridError> {
        let goes_on = |key: &TrialKey| {
            matches!(phase(key), None | Some(Phase::Queued | Phase::Running | Phase::Stopping(_) | Phase::Paused))
        };
        if group.settings.iter().flat_map(|setting| &setting.runs).any(|(_, key)| goes_on(key)) {
            return Ok(None);
        }
        let of_setting = |setting: &Setting| setting.runs.iter().map(|(_, key)| self.ended(key, phase(key))).collect();
        let ended = group.settings.iter().map(of_setting).collect::<Result<Vec<Vec<Ended>>, GridError>>()?;
        let kind = |key: &str| {
            let (section, name) = key.split_once('.')?;
            let section = self.catalogue.section(section)?;
            Some(self.catalogue.knob(&self.experiment.source, section, name)?.kind)
        };
        Ok(Some(choose(group, &ended, kind)))
    }

    fn ended(&self, key: &TrialKey, phase: Option<&Phase>) -> Result<Ended, GridError> {
        Ok(Ended::Without(match phase {
            Some(Phase::Cancelled) => "cancelled",
            Some(Phase::Pruned) => "pruned",
            Some(Phase::Finished) => match self.store.run(key).record() {
                Ok(record) => match record.selected {
                    Some(selected) => return Ok(Ended::Scored(selected)),
                    None => "without a score",
                },
                Err(error @ GridError::Newer { .. }) => return Err(error),
                Err(_) => "unreadable",
            },
            Some(Phase::Failed(_) | Phase::Queued | Phase::Running | Phase::Stopping(_) | Phase::Paused) | None => {
                "failed"
            }
        }))
    }

    fn make_finals(&mut self) -> Result<(), GridError> {
        let made = final_runs(self.store, &self.experiment, self.catalogue, &self.tuning)?;
        for (run, trial) in made.iter().filter(|(run, _)| run.not_applicable.is_none()) {
            self.store.run(&run.key).create(trial, self.catalogue)?;
        }
        self.finals = made.into_iter().map(|(run, _)| run).collect();
        self.ahead = self.unchosen()?;
        write_tuned(self.store, &self.plan, &self.tuning, &self.finals)
    }

    fn unchosen(&self) -> Result<BTreeMap<String, usize>, GridError> {
        let all = final_runs(self.store, &self.experiment, self.catalogue, &self.tuning.foreseen())?;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (run, _) in all.into_iter().filter(|(run, _)| run.not_applicable.is_none()) {
            *counts.entry(run.architecture).or_default() += 1;
        }
        for run in self.finals.iter().filter(|run| run.not_applicable.is_none()) {
            counts.entry(run.architecture.clone()).and_modify(|count| *count = count.saturating_sub(1));
        }
        counts.retain(|_, count| *count > 0);
        Ok(counts)
    }

    fn sentence(&self, group: &TuningGroup, outcome: &Outcome) -> String {
        let (settings, all) = (group.settings.len(), self.tuning.seeds.len());
        let of = format!("{settings} setting{}", if settings == 1 { "" } else { "s" });
        match &outcome.choice {
            Some(Choice { setting, by, mean, seeds, .. }) => {
                let chosen = &group.settings[*setting];
                let row = &group.row;
                format!("chose {chosen} for {row}, of {of}, by a mean {by} of {mean:.4} over {seeds} of {all} seeds")
            }
            None => {
                format!("chose nothing for {}: no run of its {of} has a score, so that it is not run", group.row)
            }
        }
    }
}
