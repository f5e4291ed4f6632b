//! The cells of the heat map, kept up to date: what did not change is not made again.

use std::collections::VecDeque;

use mmtl_grid::events::{RunState, RunStatus};
use mmtl_metrics::{Better, Blame, Reason, Score, Scored, Summary};
use mmtl_report::Split;
use unicode_width::UnicodeWidthStr;

use crate::state::{State, Tables};
use crate::subjects::Subjects;
use crate::views::grid::rows::{TableRow, of_runs};
use crate::views::grid::scores::{Question, Tested, on_validation};

/// Questions whose cells are kept. With 10,000 runs on six scenes each takes 6 MB.
const MOST_KEPT: usize = 12;

/// What the scores of a cell come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Their mean and spread over seeds.
    Mean(Summary),
    /// No number, for this reason.
    Undefined(Reason),
    /// There are no scores.
    Absent,
}

/// One row in one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// What its scores come to.
    pub outcome: Outcome,
    /// Finished seeds with a value; those that still go on are in the mean, but not among these.
    pub done: usize,
    /// Whether an AUC of some seed rests on too few rows of a class: shown, but never best.
    pub dim: bool,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowCells {
    stamps: Vec<Stamp>,
    /// The scores of each run: `[runs, 1 + scenes]`.
    pub scores: Vec<Vec<Option<Scored>>>,
    /// The cells: `[1 + scenes]`.
    pub cells: Vec<Cell>,
}

/// What a column's means come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Range {
    /// The worst and the best mean; none without a mean.
    pub ends: Option<(f64, f64)>,
    /// The row with the best mean, of the rows on each data.
    pub best: Vec<usize>,
}

/// What changes when a run was heard of.
#[derive(Clone, Debug, PartialEq)]
struct Stamp {
    status: RunStatus,
    attempt: u32,
    last_at: u64,
    fit: usize,
    step: Option<u64>,
    evaluated: Option<u64>,
}

impl Stamp {
    fn of(run: &RunState) -> Self {
        let fit = run.fits.get(run.fit);
        Self {
            status: run.status.clone(),
            attempt: run.attempt,
            last_at: run.last_at,
            fit: run.fit,
            step: fit.map(|fit| fit.step),
            evaluated: fit.and_then(|fit| fit.latest()).map(|evaluated| evaluated.step),
        }
    }
}

/// The rows of a column that are scored on the same data.
#[derive(Clone, Copy, Debug, Default)]
struct Contest {
    best: Option<(usize, f64)>,
    rows: usize,
    is_dim: bool,
}

impl Contest {
    /// The best row, as in tables: with a dim cell, the best of the others would depend on which happens to have a row more.
    fn best(&self) -> Option<usize> {
        self.best.filter(|_| self.rows > 1 && !self.is_dim).map(|(row, _)| row)
    }
}

/// All cells for one question.
#[derive(Debug, Default)]
pub struct Cells {
    /// What tells one list of planned runs from another.
    planned: Option<(u64, usize)>,
    subjects: Subjects,
    asked: Option<(Question, Vec<String>)>,
    revision: Option<u64>,
    /// The rows of the tables.
    pub rows: Vec<TableRow>,
    /// The width of the longest label.
    pub longest: usize,
    /// The most runs that a row has.
    pub seeds: usize,
    /// Their cells; empty where nothing can be asked.
    pub filled: Vec<RowCells>,
    /// Those of questions asked before, the latest last: who turns from task to task comes back.
    kept: VecDeque<(Question, Vec<RowCells>)>,
    /// What each column comes to: `[1 + scenes]`.
    pub ranges: Vec<Range>,
}

impl Cells {
    /// Makes them fit a state.
    pub fn refresh(&mut self, state: &State, question: Option<&Question>) {
        let asked = question.map(|question| (question, &state.subjects().scenes));
        let is_asked = self.asked.as_ref().map(|(question, scenes)| (question, scenes)) == asked;
        if self.revision == Some(state.revision()) && is_asked {
            return;
        }
        let runs: Vec<&RunState> = state.grid().runs().collect();
        let planned = Some((state.grid().opened_at, runs.len()));
        if self.planned != planned || self.subjects != *state.subjects() {
            self.subjects = state.subjects().clone();
            self.rows = of_runs(&runs, &self.subjects);
            self.longest = self.rows.iter().map(|row| row.label.width()).max().unwrap_or(0);
            self.seeds = self.rows.iter().map(|row| row.runs.len()).max().unwrap_or(0);
            self.filled.clear();
            self.kept.clear();
            self.planned = planned;
        }
        if !is_asked {
            self.turn_to(asked.map(|(question, scenes)| (question.clone(), scenes.clone())));
        }
        self.revision = Some(state.revision());
        match question {
            Some(question) => self.answer(state, question, &runs),
            None => self.filled.clear(),
        }
    }

    /// Puts the cells of the question before aside, and takes up those of this one where it was asked already.
    fn turn_to(&mut self, asked: Option<(Question, Vec<String>)>) {
        let filled = std::mem::take(&mut self.filled);
        let before = std::mem::replace(&mut self.asked, asked);
        let Some((question, scenes)) = &self.asked else { return };
        match before {
            Some((before, its_scenes)) if its_scenes == *scenes => self.kept.push_back((before, filled)),
            Some(_) | None => self.kept.clear(),
        }
        if let Some(place) = self.kept.iter().position(|(kept, _)| kept == question) {
            self.filled = self.kept.remove(place).map(|(_, filled)| filled).unwrap_or_default();
        }
        if self.kept.len() > MOST_KEPT {
            self.kept.pop_front();
        }
    }

    fn answer(&mut self, state: &State, question: &Question, runs: &[&RunState]) {
        let tested = match (question.split, state.tables()) {
            (Split::Test, Tables::Read(scores)) => Some(Tested::new(scores, question)),
            (Split::Test, Tables::Unread | Tables::Unreadable(_)) | (Split::Valid, _) => None,
        };
        let columns = 1 + state.subjects().scenes.len();
        let before = std::mem::take(&mut self.filled);
        let mut before = before.into_iter();
        for row in &self.rows {
            let of_row: Vec<&RunState> = row.runs.iter().map(|run| runs[*run]).collect();
            let stamps: Vec<Stamp> = of_row.iter().map(|run| Stamp::of(run)).collect();
            let known = before.next().filter(|known| question.split == Split::Valid && known.stamps == stamps);
            self.filled.push(known.unwrap_or_else(|| {
                let of_run = |run: &&RunState| match (question.split, &tested) {
                    (Split::Valid, _) if counts(&run.status) => on_validation(run, question, state.subjects()),
                    (Split::Test, Some(tested)) => tested.of(&row.label, run.seed, question, columns - 1),
                    (Split::Valid | Split::Test, _) => vec![None; columns],
                };
                let scores: Vec<Vec<Option<Scored>>> = of_row.iter().map(of_run).collect();
                let cells = (0..columns).map(|column| cell(&of_row, &scores, column)).collect();
                RowCells { stamps, scores, cells }
            }));
        }
        let judged: Vec<bool> = self.rows.iter().map(|row| row.runs.iter().all(|run| survives(runs[*run]))).collect();
        self.ranges = (0..columns).map(|column| self.range(column, &judged)).collect();
    }

    fn better(&self) -> Better {
        self.asked.as_ref().map_or(Better::Higher, |(question, _)| question.metric.better())
    }

    fn range(&self, column: usize, judged: &[bool]) -> Range {
        let cells = || self.filled.iter().map(|row| &row.cells[column]).enumerate();
        let mean = |cell: &Cell| match cell.outcome {
            Outcome::Mean(summary) if !cell.dim => Some(summary.mean),
            Outcome::Mean(_) | Outcome::Undefined(_) | Outcome::Absent => None,
        };
        let means = || cells().filter_map(|(_, cell)| mean(cell));
        let merit = |mean: f64| self.better().merit(mean);
        let by_merit = |a: &f64, b: &f64| merit(*a).total_cmp(&merit(*b));
        let worst = means().min_by(by_merit);
        let best_mean = means().max_by(by_merit);
        let mut contests = vec![Contest::default(); self.rows.iter().map(|row| row.data + 1).max().unwrap_or(0)];
        for (row, cell) in cells() {
            let contest = &mut contests[self.rows[row].data];
            contest.is_dim |= cell.dim;
            if let Some(mean) = mean(cell).filter(|_| judged[row]) {
                contest.rows += 1;
                // The first of equals.
                if contest.best.is_none_or(|(_, best)| merit(mean) > merit(best)) {
                    contest.best = Some((row, mean));
                }
            }
        }
        Range { ends: worst.zip(best_mean), best: contests.iter().filter_map(Contest::best).collect() }
    }

    /// The differences of a row to its baseline, seed by seed, and what they come to; `None` without a baseline on the same
    /// data.
    pub fn difference(&self, row: usize, column: usize, runs: &[&RunState]) -> Option<Difference> {
        let baseline =
            self.rows.get(row)?.baseline.filter(|baseline| self.rows[*baseline].data == self.rows[row].data)?;
        let value = |row: usize, seed: u64| {
            let place = self.rows[row].runs.iter().position(|run| runs[*run].seed == seed)?;
            self.filled[row].scores[place][column]?.score.value().map(|value| self.better().compared(value))
        };
        let seeds = self.rows[row].runs.iter().map(|run| runs[*run].seed);
        let by_seed: Vec<f64> = seeds.filter_map(|seed| Some(value(row, seed)? - value(baseline, seed)?)).collect();
        Some(Difference { baseline, summary: Summary::of(&by_seed) })
    }
}

/// How a row differs from its baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The row of the baseline.
    pub baseline: usize,
    /// Mean and spread over the seeds that both have; `None` without such a seed.
    pub summary: Option<Summary>,
}

/// Whether what a run scored counts: of one that was given up or failed tables have nothing either.
fn counts(status: &RunStatus) -> bool {
    match status {
        RunStatus::Queued | RunStatus::Running { .. } | RunStatus::Paused | RunStatus::Finished => true,
        RunStatus::Failed { .. } | RunStatus::Cancelled | RunStatus::Pruned | RunStatus::NotApplicable { .. } => false,
    }
}

/// Whether a row with such a run can be the best: not by the seeds that survived.
fn survives(run: &RunState) -> bool {
    !matches!(run.status, RunStatus::Failed { .. } | RunStatus::Pruned)
}

fn cell(runs: &[&RunState], scores: &[Vec<Option<Scored>>], column: usize) -> Cell {
    let scored = || scores.iter().filter_map(|run| run[column]);
    let outcome = match Summary::of_scores(scored().map(|scored| scored.score)) {
        Ok(summary) => Outcome::Mean(summary),
        Err(reason) => scored().next().map_or(Outcome::Absent, |_| Outcome::Undefined(first_reason(scored(), reason))),
    };
    let is_done = |(run, scores): &(&&RunState, &Vec<Option<Scored>>)| {
        let value = scores[column].and_then(|scored| scored.score.value());
        run.status == RunStatus::Finished && value.is_some()
    };
    Cell {
        outcome,
        done: runs.iter().zip(scores).filter(is_done).count(),
        dim: scored().any(|scored| matches!(scored.score, Score::Value(_)) && scored.is_dim()),
    }
}

/// With no value left, a mean is called empty; that its seeds have one class only says more.
fn first_reason(mut scored: impl Iterator<Item = Scored>, of_mean: Reason) -> Reason {
    match of_mean.blame() {
        Blame::Model => of_mean,
        Blame::Data => scored.find_map(|seed| seed.score.reason()).unwrap_or(of_mean),
    }
}
