//! Everything that a report knows, for other programs.

use mmtl_metrics::{Better, Interval, Reason, Scored};
use serde::Serialize;

use crate::cell::Cell;
use crate::column::Column;
use crate::csv::{space_name, status};
use crate::report::Report;
use crate::scores::{Candidate, Run, RunState, Runs};
use crate::table::{Head, Marking, Table};
use crate::tuned::TuningView;

/// Raised when a field changes its meaning or goes; a new field leaves it.
const VERSION: u32 = 1;

/// Writes a report as JSON, scores of single seeds with their counts included. `candidates` are in the order of the rows
/// of each table, `columns` in that of their cells.
#[must_use]
pub fn json(report: &Report) -> String {
    let document = Document {
        version: VERSION,
        experiment: &report.experiment,
        split: report.split.name(),
        slice: &report.slice,
        revealed: report.revealed,
        tuning: report.tuning.as_ref().map(TuningView::of),
        candidates: report.candidates.iter().map(CandidateView::of).collect(),
        tables: report.tables.iter().map(TableView::of).collect(),
    };
    serde_json::to_string_pretty(&document).expect("strings, numbers and lists of them can be written") + "\n"
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    experiment: &'a str,
    split: &'static str,
    slice: &'a str,
    revealed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tuning: Option<TuningView<'a>>,
    candidates: Vec<CandidateView<'a>>,
    tables: Vec<TableView<'a>>,
}

#[derive(Serialize)]
struct CandidateView<'a> {
    label: &'a str,
    baseline: Option<usize>,
    not_applicable: Option<&'a str>,
    runs: Vec<RunView<'a>>,
}

#[derive(Serialize)]
struct RunView<'a> {
    key: &'a str,
    seed: u64,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct TableView<'a> {
    task: &'a str,
    kind: &'static str,
    space: String,
    metric: &'static str,
    /// `None` where the best is 1.
    higher_is_better: Option<bool>,
    columns: Vec<HeadView<'a>>,
    rows: Vec<Vec<CellView>>,
}

#[derive(Serialize)]
struct HeadView<'a> {
    scope: &'static str,
    name: &'a str,
    rows_min: Option<u64>,
    rows_max: Option<u64>,
    marking: &'static str,
}

#[derive(Serialize)]
struct CellView {
    status: &'static str,
    mean: Option<f64>,
    sd: Option<f64>,
    n: u64,
    marked: bool,
    dim: bool,
    reason: Option<Reason>,
    difference: Option<Interval>,
    /// Cells of different numbers were scored on different data.
    data: Option<u32>,
    seeds: Vec<SeedView>,
}

#[derive(Serialize)]
struct SeedView {
    seed: u64,
    score: Option<f64>,
    undefined: Option<Reason>,
    rows: u64,
    positives: Option<u64>,
    negatives: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    covered: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
}

impl SeedView {
    fn of((seed, scored): (&u64, &Scored)) -> Self {
        Self {
            seed: *seed,
            score: scored.score.value(),
            undefined: scored.score.reason(),
            rows: scored.rows,
            positives: scored.positives,
            negatives: scored.negatives,
            covered: scored.covered,
            threshold: scored.threshold,
        }
    }
}

impl<'a> CandidateView<'a> {
    fn of(candidate: &'a Candidate) -> Self {
        let not_applicable = match &candidate.runs {
            Runs::NotApplicable(reason) => Some(reason.as_str()),
            Runs::Planned(_) => None,
        };
        let runs = candidate.planned().iter().map(RunView::of).collect();
        Self { label: &candidate.label, baseline: candidate.baseline, not_applicable, runs }
    }
}

impl<'a> RunView<'a> {
    fn of(run: &'a Run) -> Self {
        let (state, reason) = match &run.state {
            RunState::Finished => ("finished", None),
            RunState::Failed(reason) => ("failed", Some(reason.as_str())),
            RunState::Cancelled => ("cancelled", None),
            RunState::Pruned => ("pruned", None),
            RunState::Unfinished => ("unfinished", None),
        };
        Self { key: &run.key, seed: run.seed, state, reason }
    }
}

impl<'a> TableView<'a> {
    fn of(table: &'a Table) -> Self {
        Self {
            task: &table.task,
            kind: table.kind.name(),
            space: space_name(&table.space),
            metric: table.metric.name(),
            higher_is_better: match table.metric.better() {
                Better::Higher => Some(true),
                Better::Lower => Some(false),
                Better::NearOne => None,
            },
            columns: table.heads.iter().map(HeadView::of).collect(),
            rows: table.cells.iter().map(|row| row.iter().map(CellView::of).collect()).collect(),
        }
    }
}

impl<'a> HeadView<'a> {
    fn of(head: &'a Head) -> Self {
        Self {
            scope: match head.column {
                Column::Overall(_) => "overall",
                Column::Scene(_) => "scene",
            },
            name: &head.name,
            rows_min: head.rows.map(|(fewest, _)| fewest),
            rows_max: head.rows.map(|(_, most)| most),
            marking: match head.marking {
                Marking::Marked => "marked",
                Marking::FewSeeds => "few_seeds",
                Marking::Dim => "dim",
                Marking::Alone => "alone",
                Marking::NoMean => "no_mean",
            },
        }
    }
}

impl CellView {
    fn of(cell: &Cell) -> Self {
        let summary = cell.summary();
        Self {
            status: status(cell),
            mean: summary.map(|summary| summary.mean),
            sd: summary.and_then(|summary| summary.sd),
            n: summary.map_or(0, |summary| summary.n),
            marked: cell.marked,
            dim: cell.dim,
            reason: cell.fault().map(|(reason, _)| reason),
            difference: cell.difference,
            data: cell.data(),
            seeds: cell.scored.iter().map(SeedView::of).collect(),
        }
    }
}
