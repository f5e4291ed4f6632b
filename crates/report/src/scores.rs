//! What tables are made from: the rows of a grid with their runs, and the scores of those that finished.

use std::collections::BTreeSet;

use mmtl_grid::Tuning;
use mmtl_metrics::{Kind, Metric, Scored};
use mmtl_plan::Space;

use crate::error::Error;

/// The scores of a grid, finished or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Name of the experiment.
    pub experiment: String,
    /// Scene names, in the order of the schema.
    pub scenes: Vec<String>,
    /// What is predicted, in the order of the schema; after that, tasks whose kind differs between rows, by other kinds.
    pub tasks: Vec<Task>,
    /// The rows of tables, in their order.
    pub candidates: Vec<Candidate>,
    /// Everything scored so far, in any order.
    pub entries: Vec<Entry>,
    /// Whether somebody looked at test scores before the grid was done.
    pub revealed: bool,
    /// How the grid was tuned, if it was, and what was chosen.
    pub tuning: Option<Tuning>,
}

/// A task, as far as tables care.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// What its labels are.
    pub kind: Kind,
    /// What it is compared by, as declared before training; the other metrics of its kind are shown on demand.
    pub compared_by: Metric,
}

/// A row of the tables: one configuration under several seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What tells it apart: the architecture and the values of the axes that differ, without the seed.
    pub label: String,
    /// Its runs, or why it has none.
    pub runs: Runs,
    /// Index of the candidate that it is compared with, if any; a baseline names itself or none.
    pub baseline: Option<usize>,
}

/// The runs of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub enum Runs {
    /// One for each seed.
    Planned(Vec<Run>),
    /// None, since the combination makes no sense, for this reason.
    NotApplicable(String),
}

/// One run of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its key in the store; rows that turn out to be the same configuration share a run.
    pub key: String,
    /// Its seed.
    pub seed: u64,
    /// How far it has come.
    pub state: RunState,
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It is scored.
    Finished,
    /// It ended without scores, for this reason.
    Failed(String),
    /// Somebody gave it up.
    Cancelled,
    /// Somebody gave it up because its validation scores were hopeless.
    Pruned,
    /// It waits, runs or is paused.
    Unfinished,
}

/// One metric of one task of a run, on all rows of a slice and on those of each scene.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Index of the candidate.
    pub candidate: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Index of the task.
    pub task: usize,
    /// The space that the rows are from; not always the one that the output was trained in.
    pub space: Space,
    /// Name of the slice; `all` is every row.
    pub slice: String,
    /// Which rows were scored.
    pub split: Split,
    /// The metric, one of the task's kind.
    pub metric: Metric,
    /// The score over one list of all rows.
    pub pooled: Scored,
    /// The score of each scene, in the order of [`Scores::scenes`].
    pub scenes: Vec<Scored>,
}

/// Which rows a table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// Validation rows.
    Valid,
    /// Test rows.
    Test,
}

impl Split {
    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }

    /// The word that a headline begins with.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Valid => "Validation",
            Self::Test => "Test",
        }
    }
}

impl Candidate {
    /// Its runs; none where the combination makes no sense.
    #[must_use]
    pub fn planned(&self) -> &[Run] {
        match &self.runs {
            Runs::Planned(runs) => runs,
            Runs::NotApplicable(_) => &[],
        }
    }

    /// Whether a run of it failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.planned().iter().any(|run| matches!(run.state, RunState::Failed(_)))
    }

    /// How many runs of it were pruned.
    #[must_use]
    pub fn pruned(&self) -> usize {
        self.planned().iter().filter(|run| run.state == RunState::Pruned).count()
    }

    /// Whether its means are over survivors: runs failed or were pruned, which the scores of the others do not show.
    #[must_use]
    pub fn is_survivors(&self) -> bool {
        self.has_failed() || self.pruned() > 0
    }

    /// Its finished runs.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.planned().iter().filter(|run| run.state == RunState::Finished).count()
    }
}

impl Scores {
    /// What a task is compared by, then the other usual metrics of its kind and those that runs were scored by.
    #[must_use]
    pub fn metrics_of(&self, task: usize) -> Vec<Metric> {
        let Task { kind, compared_by, .. } = self.tasks[task];
        let scored = self.entries.iter().filter(|entry| entry.task == task).map(|entry| entry.metric);
        let others: BTreeSet<Metric> = scored.chain(Metric::usual(kind)).collect();
        let others = others.into_iter().filter(|metric| *metric != compared_by);
        [compared_by].into_iter().chain(others).collect()
    }

    /// Whether some run was scored by a metric.
    pub(crate) fn has(&self, metric: Metric) -> bool {
        self.entries.iter().any(|entry| entry.metric == metric)
    }

    /// That every index lies within its list and every entry has a score for each scene.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |what, index, count| {
            if index < count { Ok(()) } else { Err(Error::Index { what, index, count }) }
        };
        for candidate in &self.candidates {
            candidate.baseline.map_or(Ok(()), |baseline| within("baseline", baseline, self.candidates.len()))?;
        }
        for entry in &self.entries {
            within("candidate", entry.candidate, self.candidates.len())?;
            within("task", entry.task, self.tasks.len())?;
            if entry.scenes.len() != self.scenes.len() {
                return Err(Error::SceneCount {
                    candidate: self.candidates[entry.candidate].label.clone(),
                    seed: entry.seed,
                    got: entry.scenes.len(),
                    expected: self.scenes.len(),
                });
            }
        }
        Ok(())
    }
}
