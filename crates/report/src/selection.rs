//! Which of the scores a report shows.

use std::collections::BTreeSet;

use mmtl_metrics::Metric;

use crate::error::Error;
use crate::scores::{Scores, Split, Task};
use crate::words::listed;

/// The slice that is every row.
pub const ALL_ROWS: &str = "all";

/// Which tables are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Only this task, if named.
    pub task: Option<String>,
    /// By what.
    pub metrics: Metrics,
    /// On which rows.
    pub split: Split,
    /// On which slice of them; [`ALL_ROWS`] is every row.
    pub slice: String,
}

/// Which metrics are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metrics {
    /// What each task is compared by: one table a task.
    Compared,
    /// All that each task was scored by, the one that it is compared by first.
    All,
    /// This one, of all tasks that it is defined for.
    Only(Metric),
}

impl Default for Selection {
    /// Every task on all test rows, by what it is compared by.
    fn default() -> Self {
        Self { task: None, metrics: Metrics::Compared, split: Split::Test, slice: ALL_ROWS.to_owned() }
    }
}

impl Selection {
    /// The wanted (task, metric) pairs, in the order of tables.
    ///
    /// # Errors
    /// For a task or slice that does not exist, and for a metric that is defined for none of the wanted tasks.
    pub(crate) fn resolve(&self, scores: &Scores) -> Result<Vec<(usize, Metric)>, Error> {
        self.check_slice(scores)?;
        let named = |task: &Task| self.task.as_ref().is_none_or(|name| task.name == *name);
        let tasks: Vec<usize> = (0..scores.tasks.len()).filter(|task| named(&scores.tasks[*task])).collect();
        if let (Some(name), []) = (&self.task, tasks.as_slice()) {
            let mut choices: Vec<String> = scores.tasks.iter().map(|task| task.name.clone()).collect();
            let mut seen = BTreeSet::new();
            choices.retain(|name| seen.insert(name.clone()));
            return Err(Error::UnknownName { what: "task", name: name.clone(), choices });
        }
        let pairs: Vec<(usize, Metric)> = tasks
            .iter()
            .flat_map(|task| self.metrics.of(scores, *task).into_iter().map(|metric| (*task, metric)))
            .collect();
        match self.metrics {
            Metrics::Only(metric) if pairs.is_empty() => Err(not_applicable(metric, scores, &tasks)),
            Metrics::Only(metric) if !scores.has(metric) && !scores.entries.is_empty() => {
                Err(Error::NotScored { metric: metric.name() })
            }
            Metrics::Compared | Metrics::All | Metrics::Only(_) => Ok(pairs),
        }
    }

    /// A grid without a finished run has no entries, but every data set has the slice of all rows.
    fn check_slice(&self, scores: &Scores) -> Result<(), Error> {
        let mut choices = vec![ALL_ROWS.to_owned()];
        for entry in &scores.entries {
            if !choices.contains(&entry.slice) {
                choices.push(entry.slice.clone());
            }
        }
        choices[1..].sort_unstable();
        if choices.contains(&self.slice) {
            return Ok(());
        }
        Err(Error::UnknownName { what: "slice", name: self.slice.clone(), choices })
    }
}

impl Metrics {
    fn of(self, scores: &Scores, task: usize) -> Vec<Metric> {
        match self {
            Self::Compared => vec![scores.tasks[task].compared_by],
            Self::All => scores.metrics_of(task),
            Self::Only(metric) => metric.applies_to(scores.tasks[task].kind).then_some(metric).into_iter().collect(),
        }
    }
}

fn not_applicable(metric: Metric, scores: &Scores, tasks: &[usize]) -> Error {
    let named = |task: &usize| scores.tasks[*task].name.as_str();
    let task = match tasks {
        [first, ..] if tasks.iter().all(|task| named(task) == named(first)) => {
            let kinds: Vec<&str> = tasks.iter().map(|task| scores.tasks[*task].kind.name()).collect();
            format!("`{}` ({})", named(first), listed(&kinds))
        }
        _ => "any task".to_owned(),
    };
    let known: BTreeSet<Metric> = tasks.iter().flat_map(|task| scores.metrics_of(*task)).collect();
    let choices = known.into_iter().map(Metric::name).collect();
    Error::NotApplicable { metric: metric.name(), task, choices }
}
