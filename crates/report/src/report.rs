//! All tables that were asked for, with what they have in common.

use std::collections::{BTreeMap, BTreeSet};

use mmtl_grid::Tuning;
use mmtl_metrics::Metric;
use mmtl_plan::Space;

use crate::error::Error;
use crate::scores::{Candidate, Run, RunState, Scores, Split};
use crate::selection::{ALL_ROWS, Selection};
use crate::table::{Entries, Table};
use crate::words::{count, one_line};

/// The tables of a grid, finished or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Name of the experiment.
    pub experiment: String,
    /// Which rows were scored.
    pub split: Split,
    /// Which slice of them.
    pub slice: String,
    /// Whether somebody looked at test scores before the grid was done.
    pub revealed: bool,
    /// How the grid was tuned, if it was, and what was chosen.
    pub tuning: Option<Tuning>,
    /// The rows of every table.
    pub candidates: Vec<Candidate>,
    /// The tables: tasks in the order of the schema, for each its metrics, for each its spaces.
    pub tables: Vec<Table>,
}

impl Report {
    /// Makes the tables that `selection` asks for. There is none for what nothing has been scored of yet.
    ///
    /// # Errors
    /// For a task, slice or metric that does not exist, and for scores that contradict themselves.
    pub fn new(scores: &Scores, selection: &Selection) -> Result<Self, Error> {
        let wanted = wanted(scores, selection)?.into_iter();
        let tables = wanted.map(|(task, space, metric, entries)| Table::new(scores, task, space, metric, &entries));
        let tables = tables.collect();
        Ok(Self {
            experiment: scores.experiment.clone(),
            split: selection.split,
            slice: selection.slice.clone(),
            revealed: scores.revealed,
            tuning: scores.tuning.clone(),
            candidates: scores.candidates.clone(),
            tables,
        })
    }

    /// Task and space of the tables that [`Report::new`] would make, which takes longer.
    ///
    /// # Errors
    /// As [`Report::new`].
    pub fn contents(scores: &Scores, selection: &Selection) -> Result<Vec<(String, Space)>, Error> {
        let wanted = wanted(scores, selection)?.into_iter();
        Ok(wanted.map(|(task, space, ..)| (scores.tasks[task].name.clone(), space)).collect())
    }

    /// The first line of a report: whose scores these are, and how far the grid has come.
    #[must_use]
    pub fn headline(&self) -> String {
        let (mut failed, mut cancelled, mut pruned, mut unfinished) = (0, 0, 0, 0);
        let runs = self.runs();
        for run in runs.values() {
            match run.state {
                RunState::Finished => {}
                RunState::Failed(_) => failed += 1,
                RunState::Cancelled => cancelled += 1,
                RunState::Pruned => pruned += 1,
                RunState::Unfinished => unfinished += 1,
            }
        }
        let planned = runs.len();
        let finished = planned - failed - cancelled - pruned - unfinished;
        let parts = [(failed, "failed"), (cancelled, "cancelled"), (pruned, "pruned"), (unfinished, "unfinished")];
        let others = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!(", {n} {word}"));
        let (experiment, slice) = (one_line(&self.experiment), self.slice_words());
        let planned = count(planned as u64, "run");
        let title = self.split.title();
        format!("{title} scores of {experiment}{slice}: {finished} of {planned} finished{}", others.collect::<String>())
    }

    /// The slice, where it is not every row.
    pub(crate) fn slice_words(&self) -> String {
        if self.slice == ALL_ROWS { String::new() } else { format!(", slice {}", one_line(&self.slice)) }
    }

    /// All runs by their keys, each once.
    pub(crate) fn runs(&self) -> BTreeMap<&str, &Run> {
        self.candidates.iter().flat_map(Candidate::planned).map(|run| (run.key.as_str(), run)).collect()
    }

    /// Which data its tables' scores are over.
    pub(crate) fn data(&self) -> BTreeSet<u32> {
        self.tables.iter().flat_map(|table| &table.heads).flat_map(|head| head.markings.keys().copied()).collect()
    }

    /// Whether others are compared with this candidate, and it with none.
    pub(crate) fn is_baseline(&self, index: usize) -> bool {
        self.candidates[index].baseline.is_none_or(|own| own == index)
            && self.candidates.iter().any(|candidate| candidate.baseline == Some(index))
    }
}

/// What there is of what is wanted, in the order of tables: task, space, metric, entries.
fn wanted<'a>(scores: &'a Scores, selection: &Selection) -> Result<Vec<(usize, Space, Metric, Entries<'a>)>, Error> {
    scores.check()?;
    let pairs = selection.resolve(scores)?;
    let mut groups = groups(scores, selection)?;
    let mut wanted = vec![];
    for (task, metric) in pairs {
        for ((_, _, given), entries) in groups.extract_if(.., |(t, m, _), _| (*t, *m) == (task, metric)) {
            let space = given.map_or(Space::All, |name| Space::Given(name.to_owned()));
            wanted.push((task, space, metric, entries));
        }
    }
    Ok(wanted)
}

/// Task, metric, and the task that the space is given by; no such task, which is all rows, comes first.
type Group<'a> = (usize, Metric, Option<&'a str>);

fn groups<'a>(scores: &'a Scores, selection: &Selection) -> Result<BTreeMap<Group<'a>, Entries<'a>>, Error> {
    let mut groups: BTreeMap<Group, Entries> = BTreeMap::new();
    for entry in scores.entries.iter().filter(|e| e.split == selection.split && e.slice == selection.slice) {
        let given = match &entry.space {
            Space::All => None,
            Space::Given(task) => Some(task.as_str()),
        };
        let entries = groups.entry((entry.task, entry.metric, given)).or_default();
        if entries.insert((entry.candidate, entry.seed), entry).is_some() {
            return Err(Error::Twice {
                candidate: scores.candidates[entry.candidate].label.clone(),
                seed: entry.seed,
                metric: entry.metric.name(),
                task: scores.tasks[entry.task].name.clone(),
            });
        }
    }
    Ok(groups)
}
