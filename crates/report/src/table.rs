//! One metric of one task in one space: candidates × columns.

use std::collections::{BTreeMap, BTreeSet};

use mmtl_metrics::{Better, Kind, Metric, SeedScores, marks, paired_interval};
use mmtl_plan::Space;

use crate::cell::{Cell, Outcome};
use crate::column::Column;
use crate::scores::{Candidate, Entry, Scores};

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name of the task.
    pub task: String,
    /// What the task's labels are.
    pub kind: Kind,
    /// The space that the rows are from.
    pub space: Space,
    /// The metric.
    pub metric: Metric,
    /// What the columns are, overall scores first.
    pub heads: Vec<Head>,
    /// `[candidates, columns]`.
    pub cells: Vec<Vec<Cell>>,
}

/// What a column is.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Scene or kind of overall score.
    pub column: Column,
    /// Its name.
    pub name: String,
    /// Fewest and most rows that a run was scored on here; they differ where seeds have splits of their own.
    pub rows: Option<(u64, u64)>,
    /// Whether a best is marked.
    pub marking: Marking,
    /// Whether the best of the rows over each data is marked.
    pub markings: BTreeMap<u32, Marking>,
}

/// Whether a column's best is marked, or why not. Of several reasons the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marking {
    /// It is.
    Marked,
    /// The best mean rests on too few seeds.
    FewSeeds,
    /// Some cell is dim.
    Dim,
    /// One row alone has a mean on its data, and others are on other data: there is nothing for it to be better than.
    Alone,
    /// No candidate without a failed or pruned run has a mean.
    NoMean,
}

/// The entries of one table, by candidate and seed.
pub(crate) type Entries<'a> = BTreeMap<(usize, u64), &'a Entry>;

impl Table {
    pub(crate) fn new(scores: &Scores, task: usize, space: Space, metric: Metric, entries: &Entries) -> Self {
        let columns = Column::all(scores.scenes.len());
        let mut cells: Vec<Vec<Cell>> = (0..scores.candidates.len())
            .map(|candidate| {
                let of = |column: &Column| cell(scores, candidate, *column, entries);
                columns.iter().map(of).collect()
            })
            .collect();
        let mut heads = Vec::with_capacity(columns.len());
        for (place, column) in columns.into_iter().enumerate() {
            compare(&mut cells, place, &scores.candidates, metric.better());
            let markings = mark(&mut cells, place, &scores.candidates, metric.better());
            let marking = markings.values().copied().min().unwrap_or(Marking::NoMean);
            let name = column.name(&scores.scenes).to_owned();
            heads.push(Head { column, name, rows: rows(&cells, place), marking, markings });
        }
        let task = &scores.tasks[task];
        Self { task: task.name.clone(), kind: task.kind, space, metric, heads, cells }
    }

    /// The columns worth showing, by place: with a single scene all kinds of overall score are that scene's.
    #[must_use]
    pub fn shown(&self) -> Vec<usize> {
        let scene = |place: &usize| matches!(self.heads[*place].column, Column::Scene(_));
        let scenes: Vec<usize> = (0..self.heads.len()).filter(scene).collect();
        if scenes.len() == 1 { scenes } else { (0..self.heads.len()).collect() }
    }

    /// Whether the first column that is shown can be compared with a baseline.
    #[must_use]
    pub fn has_differences(&self) -> bool {
        let first = self.shown()[0];
        self.cells.iter().any(|row| row[first].difference.is_some())
    }
}

fn cell(scores: &Scores, candidate: usize, column: Column, entries: &Entries) -> Cell {
    let of_candidate = entries.range((candidate, 0)..=(candidate, u64::MAX));
    let scored = of_candidate.map(|((_, seed), entry)| (*seed, column.score(entry))).collect();
    Cell::new(&scores.candidates[candidate], scored)
}

/// Fills in the differences to the baselines, of what is [compared](Better::compared) of a score. What was scored on other
/// data than its baseline has none: the seeds would not pair.
fn compare(cells: &mut [Vec<Cell>], place: usize, candidates: &[Candidate], better: Better) {
    let compared = |cell: &Cell| -> SeedScores {
        cell.seed_scores().into_iter().map(|(seed, score)| (seed, score.map(|value| better.compared(value)))).collect()
    };
    for (index, candidate) in candidates.iter().enumerate() {
        let Some(baseline) = candidate.baseline.filter(|baseline| *baseline != index) else { continue };
        let (own, other) = (&cells[index][place], &cells[baseline][place]);
        let both = own.summary().is_some() && other.summary().is_some() && own.data() == other.data();
        let difference = both.then(|| paired_interval(&compared(own), &compared(other))).flatten();
        cells[index][place].difference = difference;
    }
}

/// Marks the best of a column among the rows over each data: which data is the easier says nothing about a row.
fn mark(cells: &mut [Vec<Cell>], place: usize, candidates: &[Candidate], better: Better) -> BTreeMap<u32, Marking> {
    let all: BTreeSet<u32> = cells.iter().filter_map(|row| row[place].data()).collect();
    let has_mean = |row: &&Vec<Cell>, data| row[place].data() == Some(data) && row[place].summary().is_some();
    let mark = |data: &u32| {
        let is_alone = all.len() > 1 && cells.iter().filter(|row| has_mean(row, *data)).count() == 1;
        (*data, if is_alone { Marking::Alone } else { mark_among(*data, cells, place, candidates, better) })
    };
    all.iter().map(mark).collect()
}

/// Marks the best of the rows over one data and all that cannot be told from it. With a dim cell among them they are left
/// alone: a best among the others would depend on which cell happens to have a row more. A candidate with a failed or
/// pruned run is not judged by the seeds that survived.
fn mark_among(data: u32, cells: &mut [Vec<Cell>], place: usize, candidates: &[Candidate], better: Better) -> Marking {
    let column = || cells.iter().map(|row| Some(&row[place]).filter(|cell| cell.data() == Some(data)));
    if column().flatten().any(|cell| cell.dim) {
        return Marking::Dim;
    }
    let judged = || column().zip(candidates).map(|(cell, candidate)| cell.filter(|_| !candidate.is_survivors()));
    if !judged().flatten().any(|cell| matches!(cell.outcome, Outcome::Mean(_))) {
        return Marking::NoMean;
    }
    let scores: Vec<_> = judged().map(|cell| cell.map_or_else(SeedScores::new, Cell::seed_scores)).collect();
    let marks = marks(&scores, better);
    for (row, marked) in cells.iter_mut().zip(&marks) {
        row[place].marked |= *marked;
    }
    if marks.contains(&true) { Marking::Marked } else { Marking::FewSeeds }
}

fn rows(cells: &[Vec<Cell>], place: usize) -> Option<(u64, u64)> {
    let counts = || cells.iter().flat_map(|row| row[place].scored.values()).map(|scored| scored.rows);
    Some((counts().min()?, counts().max()?))
}
