//! What one run scored, by column: all scenes as one number, then each scene.

use std::collections::BTreeMap;

use mmtl_grid::events::{RunState, RunStatus};
use mmtl_metrics::{Blame, Metric, Overall, Reason, Score, Scored};
use mmtl_report::{ALL_ROWS, Entry, Scores, Split};

use crate::subjects::Subjects;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Place of the task among the subjects.
    pub task: usize,
    /// Its name.
    pub name: String,
    /// By what.
    pub metric: Metric,
    /// On which rows.
    pub split: Split,
}

/// The scores of a run on validation rows, as the best evaluation of each of its fits has them: `[1 + scenes]`. The
/// first is the mean over the scenes, weighted by their rows, for every protocol: an AUC over one list of all rows, which
/// only fits on all scenes have, also rewards ranking scenes by their base rates and is no match for it. A run that still
/// goes on has one once every scene has a score.
pub fn on_validation(run: &RunState, question: &Question, subjects: &Subjects) -> Vec<Option<Scored>> {
    let mut pooled = None;
    let mut scenes: Vec<Option<Scored>> = vec![None; subjects.scenes.len()];
    for fit in &run.fits {
        // A fit whose score never was defined has no best one, but reasons.
        let Some(evaluated) = fit.best().or(fit.latest()) else { continue };
        let asked =
            |score: &&mmtl_grid::events::ValidScore| score.task == question.name && score.metric == question.metric;
        for score in evaluated.scores.iter().filter(asked) {
            let place = match &score.scene {
                None => Some(&mut pooled),
                Some(name) => subjects.scenes.iter().position(|scene| scene == name).map(|scene| &mut scenes[scene]),
            };
            if let Some(place) = place {
                place.get_or_insert(score.scored);
            }
        }
    }
    let is_whole = run.status == RunStatus::Finished || scenes.iter().all(Option::is_some);
    let known: Vec<Scored> = scenes.iter().flatten().copied().collect();
    let overall = if known.is_empty() { pooled } else { is_whole.then(|| by_rows(&known, question.metric)) };
    [overall].into_iter().chain(scenes).collect()
}

/// The scores on test rows, as records have them.
#[derive(Debug)]
pub struct Tested<'a> {
    candidates: BTreeMap<&'a str, usize>,
    entries: BTreeMap<(usize, u64), &'a Entry>,
}

impl<'a> Tested<'a> {
    /// The answers to a question.
    pub fn new(scores: &'a Scores, question: &Question) -> Self {
        let task = scores.tasks.iter().position(|task| task.name == question.name);
        let asked = |entry: &&Entry| {
            Some(entry.task) == task
                && entry.metric == question.metric
                && entry.split == question.split
                && entry.slice == ALL_ROWS
        };
        let entries = scores.entries.iter().filter(asked).map(|entry| ((entry.candidate, entry.seed), entry));
        let candidates =
            scores.candidates.iter().enumerate().map(|(place, candidate)| (candidate.label.as_str(), place));
        Self { candidates: candidates.collect(), entries: entries.collect() }
    }

    /// The scores of a row's seed: `[1 + scenes]`, as [`on_validation`].
    pub fn of(&self, label: &str, seed: u64, question: &Question, scenes: usize) -> Vec<Option<Scored>> {
        let entry = self.candidates.get(label).and_then(|place| self.entries.get(&(*place, seed)));
        let Some(entry) = entry else { return vec![None; 1 + scenes] };
        let overall = by_rows(&entry.scenes, question.metric);
        let mut columns: Vec<Option<Scored>> =
            [overall].into_iter().chain(entry.scenes.iter().copied()).map(Some).collect();
        columns.resize(1 + scenes, None);
        columns
    }
}

/// The mean over scenes, weighted by their rows, with the counts of those that take part.
fn by_rows(scenes: &[Scored], metric: Metric) -> Scored {
    let takes_part = |scene: &&Scored| scene.score.reason().is_none_or(|reason| reason.blame() == Blame::Model);
    let parts: Vec<&Scored> = scenes.iter().filter(takes_part).collect();
    let count = |of: fn(&Scored) -> Option<u64>| {
        metric.counts_classes().then(|| parts.iter().filter_map(|scene| of(scene)).sum())
    };
    let nothing = Scored::over(Score::Undefined(Reason::Empty), 0);
    Scored {
        score: Overall::Rows.of(&nothing, scenes).score,
        rows: parts.iter().map(|scene| scene.rows).sum(),
        weight: parts.iter().map(|scene| scene.weight).sum(),
        positives: count(|scene| scene.positives),
        negatives: count(|scene| scene.negatives),
        ..nothing
    }
}
