//! The scores in a run store.

use std::collections::{BTreeMap, BTreeSet};

use mmtl_grid::events::{GridLine, GridState, Happened, RunStatus};
use mmtl_grid::store::{Line, Record, Rows, Store, Versioned};
use mmtl_grid::{Catalogue, Experiment, Grid, GridError, Planned, Row, read_grid};
use mmtl_metrics::{Kind, Metric, Overall, Reason, Score, Scored};
use mmtl_plan::Space;

use crate::same_data::{data, is_varied, numbered};
use crate::scores::{Candidate, Entry, Run, RunState, Runs, Scores, Split, Task};
use crate::unmade::unmade;

/// Everything scored so far in `store`, whose experiment file has been read. A record that cannot be read makes a failed
/// run. Runs that try settings are in no table; rows whose setting is not chosen yet are unfinished.
///
/// # Errors
/// When the store cannot be read, or a newer program wrote to it.
pub fn from_grid(store: &Store, experiment: &Experiment) -> Result<Scores, GridError> {
    let grid = read_grid(store)?;
    let told = told(store)?;
    let mut candidates = Candidates::default();
    let mut entries = vec![];
    for run in grid.runs.iter().filter(|run| !run.is_tuning()) {
        let (state, record) = outcome(store, run, told.run(&run.key).map(|run| &run.status))?;
        let of_run = record.map_or_else(Vec::new, |record| entries_of(&grid, run, &record));
        for row in &run.rows {
            let candidate = candidates.add(row, run, state.clone());
            entries.extend(of_run.iter().map(|entry| Entry { candidate, ..entry.clone() }));
        }
    }
    let unmade = unmade(&grid, store, experiment)?;
    for (run, state) in &unmade {
        candidates.add_unmade(run, state);
    }
    let data = data_of(&candidates, store, experiment);
    for entry in &mut entries {
        let number = data[entry.candidate];
        [&mut entry.pooled].into_iter().chain(&mut entry.scenes).for_each(|scored| scored.data = number);
    }
    Ok(Scores {
        experiment: experiment.name.clone(),
        scenes: grid.scenes.clone(),
        tasks: grid.subjects().map(|task| subject(task, experiment)).collect(),
        candidates: candidates.finish(),
        entries,
        revealed: told.revealed.is_some(),
        tuning: grid.tuning,
    })
}

/// For each candidate the data that it is scored on.
fn data_of(candidates: &Candidates, store: &Store, experiment: &Experiment) -> Vec<u32> {
    let rows = &candidates.rows;
    if !is_varied(rows.iter().map(|of| of.row), experiment) {
        return vec![0; rows.len()];
    }
    let catalogue = Catalogue::standard();
    let by_seed =
        |of: &RowRuns| of.runs.iter().filter_map(|run| Some((run.seed, data(store, &catalogue, &run.key)?))).collect();
    numbered(rows.iter().map(by_seed))
}

fn subject(task: &mmtl_plan::Task, experiment: &Experiment) -> Task {
    let kind = Kind::from(task.kind);
    Task { name: task.name.clone(), kind, compared_by: experiment.compare.metric(kind) }
}

/// What the schedulers have told.
fn told(store: &Store) -> Result<GridState, GridError> {
    let mut state = GridState::default();
    let mut newest = GridLine::KNOWN;
    store.grid_lines().poll_each(|line| match line {
        Line::Value(line) => state.apply(Happened::Grid(line)),
        Line::Newer { found, .. } => newest = newest.max(found),
        // At worst a run that failed is called unfinished; the next scheduler tells its state again.
        Line::Corrupt { .. } => {}
    })?;
    newest.check(GridLine::KNOWN, &store.grid_file())?;
    Ok(state)
}

/// How far a run has come, and its record. A record counts whatever the events say of its run: it may have been made
/// under an earlier version of the experiment.
fn outcome(store: &Store, run: &Planned, status: Option<&RunStatus>) -> Result<(RunState, Option<Record>), GridError> {
    let folder = store.run(&run.key);
    if run.not_applicable.is_none() && folder.is_finished() {
        return match folder.record() {
            Ok(record) => Ok((RunState::Finished, Some(record))),
            Err(error @ GridError::Newer { .. }) => Err(error),
            Err(error) => Ok((RunState::Failed(error.to_string()), None)),
        };
    }
    let state = match status {
        Some(RunStatus::Failed { reason }) => RunState::Failed(reason.clone()),
        Some(RunStatus::Cancelled) => RunState::Cancelled,
        Some(RunStatus::Pruned) => RunState::Pruned,
        Some(
            RunStatus::Queued
            | RunStatus::Running { .. }
            | RunStatus::Paused
            | RunStatus::Finished
            | RunStatus::NotApplicable { .. },
        )
        | None => RunState::Unfinished,
    };
    Ok((state, None))
}

/// The rows of tables, in the order in which runs first name them.
#[derive(Default)]
struct Candidates<'a> {
    rows: Vec<RowRuns<'a>>,
    places: BTreeMap<String, usize>,
}

struct RowRuns<'a> {
    row: &'a Row,
    runs: Vec<Run>,
    not_applicable: Option<&'a String>,
}

impl<'a> Candidates<'a> {
    /// Adds a run to a row; the row's index.
    fn add(&mut self, row: &'a Row, run: &'a Planned, state: RunState) -> usize {
        let place = self.place(row);
        self.add_as(place, run, run.key.to_string(), state);
        place
    }

    /// Adds a run that tuning has not made to its rows, but to those that have one of this seed.
    fn add_unmade(&mut self, run: &'a Planned, state: &RunState) {
        // Its key is not known yet; rows that come out the same share it all the same.
        let Some(first) = run.rows.first() else { return };
        for row in &run.rows {
            let place = self.place(row);
            let RowRuns { runs, not_applicable, .. } = &self.rows[place];
            if not_applicable.is_none() && runs.iter().all(|known| known.seed != run.seed) {
                self.add_as(place, run, format!("{first} seed {}", run.seed), state.clone());
            }
        }
    }

    /// The index of a row, which is added if it is new.
    fn place(&mut self, row: &'a Row) -> usize {
        let next = self.rows.len();
        // A row holds values of knobs, which have no order; their text has.
        let place = *self.places.entry(format!("{row:?}")).or_insert(next);
        if place == next {
            self.rows.push(RowRuns { row, runs: vec![], not_applicable: None });
        }
        place
    }

    fn add_as(&mut self, place: usize, run: &'a Planned, key: String, state: RunState) {
        match &run.not_applicable {
            Some(reason) => self.rows[place].not_applicable = Some(reason),
            None => self.rows[place].runs.push(Run { key, seed: run.seed, state }),
        }
    }

    fn finish(self) -> Vec<Candidate> {
        let baselines: Vec<(usize, &Row)> =
            self.rows.iter().map(|of| of.row).enumerate().filter(|(_, row)| row.baseline).collect();
        let candidate = |RowRuns { row, runs, not_applicable }| Candidate {
            label: Row::to_string(row),
            baseline: row.nearest_baseline(&baselines),
            runs: match not_applicable {
                Some(reason) if runs.is_empty() => Runs::NotApplicable(String::clone(reason)),
                Some(_) | None => Runs::Planned(runs),
            },
        };
        self.rows.into_iter().map(candidate).collect()
    }
}

/// What one run's cells of one task, metric, space, slice and split have in common.
type Group<'a> = (usize, Metric, Option<&'a str>, &'a str, Split);

/// The scores of a [`Group`].
#[derive(Default)]
struct Columns<'a> {
    pooled: Option<Scored>,
    scenes: BTreeMap<&'a str, Scored>,
}

/// For each task of a record its index among the grid's subjects: of the kind whose usual metrics the record has, else
/// the first of its name.
fn tasks_of<'a>(grid: &Grid, record: &'a Record) -> BTreeMap<&'a str, usize> {
    let mut scored: BTreeMap<&str, BTreeSet<Metric>> = BTreeMap::new();
    for cell in &record.cells {
        scored.entry(&cell.task).or_default().insert(cell.metric);
    }
    let index = |(name, metrics): (&'a str, BTreeSet<Metric>)| {
        let named = || grid.subjects().enumerate().filter(|(_, task)| task.name == name);
        let is_kind = |kind: Kind| {
            Metric::usual(kind).all(|metric| metrics.contains(&metric))
                && metrics.iter().all(|metric| metric.applies_to(kind))
        };
        let (index, _) = named().find(|(_, task)| is_kind(task.kind.into())).or_else(|| named().next())?;
        Some((name, index))
    };
    scored.into_iter().filter_map(index).collect()
}

/// The entries of a run's record, of no candidate yet.
fn entries_of(grid: &Grid, run: &Planned, record: &Record) -> Vec<Entry> {
    let mut groups: BTreeMap<Group, Columns> = BTreeMap::new();
    let tasks = tasks_of(grid, record);
    for cell in &record.cells {
        let task = tasks.get(cell.task.as_str()).copied();
        let split = [Split::Valid, Split::Test].into_iter().find(|split| split.name() == cell.part);
        let (Some(task), Some(split)) = (task, split) else { continue };
        let given = match &cell.space {
            Space::All => None,
            Space::Given(task) => Some(task.as_str()),
        };
        let columns = groups.entry((task, cell.metric, given, &cell.slice, split)).or_default();
        match &cell.rows {
            Rows::Overall(Overall::Pooled) => columns.pooled = Some(cell.scored),
            // Made again from the scenes, with the counts of those that take part.
            Rows::Overall(Overall::Rows | Overall::Macro) => {}
            Rows::Scene(name) => drop(columns.scenes.insert(name, cell.scored)),
        }
    }
    let entry = |((task, metric, given, slice, split), columns): (Group, Columns)| {
        let scene = |name: &String| columns.scenes.get(name.as_str()).copied().unwrap_or_else(|| without_rows(metric));
        Entry {
            candidate: 0,
            seed: run.seed,
            task,
            space: given.map_or(Space::All, |task| Space::Given(task.to_owned())),
            slice: slice.to_owned(),
            split,
            metric,
            pooled: columns.pooled.unwrap_or_else(|| without_rows(metric)),
            scenes: grid.scenes.iter().map(scene).collect(),
        }
    };
    groups.into_iter().map(entry).collect()
}

/// The score of a scene that the run's data does not have, where an axis of the grid varies the data.
fn without_rows(metric: Metric) -> Scored {
    let count = metric.counts_classes().then_some(0);
    Scored { positives: count, negatives: count, ..Scored::over(Score::Undefined(Reason::Empty), 0) }
}
