//! Tables for other programs: one line a cell, all digits.

use std::fmt::Debug;

use mmtl_metrics::{Interval, Scored, Summary};
use mmtl_plan::Space;

use crate::cell::{Absence, Cell, Outcome};
use crate::column::Column;
use crate::report::Report;
use crate::scores::{Candidate, RunState, Runs};
use crate::table::{Head, Table};

const HEADER: &str = "split,slice,task,kind,space,metric,candidate,scope,column,status,mean,sd,n,seeds,marked,dim,reason,\
                      undefined_seeds,rows_min,rows_max,positives_min,positives_max,negatives_min,negatives_max,baseline,\
                      difference,difference_low,difference_high,difference_n,covered_min,covered_max,threshold_min,\
                      threshold_max,data";

/// Writes a report as comma-separated values (RFC 4180, lines ended by a line feed): every cell of every table, also
/// those that other forms leave out. `n` counts the seeds in the mean, `seeds` those that were planned. Only rows with
/// the same number as `data` were scored on the same data.
#[must_use]
pub fn csv(report: &Report) -> String {
    let mut written = format!("{HEADER}\n");
    for table in &report.tables {
        for (candidate, cells) in report.candidates.iter().zip(&table.cells) {
            for (head, cell) in table.heads.iter().zip(cells) {
                written += &(line(report, table, candidate, head, cell).join(",") + "\n");
            }
        }
    }
    written
}

fn line(report: &Report, table: &Table, candidate: &Candidate, head: &Head, cell: &Cell) -> Vec<String> {
    let scope = match head.column {
        Column::Overall(_) => "overall",
        Column::Scene(_) => "scene",
    };
    let baseline = candidate.baseline.map_or("", |baseline| &report.candidates[baseline].label);
    let (reason, undefined) = reason(candidate, cell);
    let mut fields = vec![
        report.split.name().to_owned(),
        quoted(&report.slice),
        quoted(&table.task),
        table.kind.name().to_owned(),
        quoted(&space_name(&table.space)),
        table.metric.name().to_owned(),
        quoted(&candidate.label),
        scope.to_owned(),
        quoted(&head.name),
        status(cell).to_owned(),
    ];
    let summary = cell.summary();
    fields.extend([written(summary.map(|s| s.mean)), written(summary.and_then(|s| s.sd)), n(summary)]);
    fields.extend([candidate.planned().len().to_string(), cell.marked.to_string(), cell.dim.to_string()]);
    fields.extend([quoted(&reason), undefined]);
    for count in [|seed: &Scored| Some(seed.rows), |seed: &Scored| seed.positives, |seed: &Scored| seed.negatives] {
        let counts = || cell.scored.values().filter_map(count);
        fields.extend([written(counts().min()), written(counts().max())]);
    }
    let difference = cell.difference;
    fields.push(quoted(baseline));
    fields.extend(
        [|i: Interval| i.mean, |i: Interval| i.low, |i: Interval| i.high].map(|of| written(difference.map(of))),
    );
    fields.push(written(difference.map(|interval| interval.n)));
    for value in [|seed: &Scored| seed.covered, |seed: &Scored| seed.threshold] {
        let values = || cell.scored.values().filter_map(value);
        fields.extend([written(values().min_by(f64::total_cmp)), written(values().max_by(f64::total_cmp))]);
    }
    fields.push(written(cell.data()));
    fields
}

/// The word for what a cell holds, for programs.
pub(crate) fn status(cell: &Cell) -> &'static str {
    match cell.outcome {
        Outcome::Mean(_) => "value",
        Outcome::Undefined(_) => "undefined",
        Outcome::Absent(Absence::NotApplicable) => "not_applicable",
        Outcome::Absent(Absence::Unfinished) => "unfinished",
        Outcome::Absent(Absence::Failed) => "failed",
        Outcome::Absent(Absence::Pruned) => "pruned",
        Outcome::Absent(Absence::Cancelled) => "cancelled",
        Outcome::Absent(Absence::NotScored) => "not_scored",
    }
}

/// The space as one name.
pub(crate) fn space_name(space: &Space) -> String {
    match space {
        Space::All => "all".to_owned(),
        Space::Given(task) => format!("given {task}"),
    }
}

fn n(summary: Option<Summary>) -> String {
    summary.map_or(0, |summary| summary.n).to_string()
}

/// Why there is no value, or none for some seeds, and for how many.
fn reason(candidate: &Candidate, cell: &Cell) -> (String, String) {
    if let Some((reason, seeds)) = cell.fault() {
        return (reason.to_string(), seeds.to_string());
    }
    let why = match (cell.outcome, &candidate.runs) {
        (Outcome::Absent(_), Runs::NotApplicable(reason)) => reason.clone(),
        (Outcome::Absent(_), Runs::Planned(runs)) => runs
            .iter()
            .find_map(|run| match &run.state {
                RunState::Failed(reason) => Some(reason.clone()),
                RunState::Finished | RunState::Cancelled | RunState::Pruned | RunState::Unfinished => None,
            })
            .unwrap_or_default(),
        (Outcome::Mean(_) | Outcome::Undefined(_), _) => String::new(),
    };
    (why, "0".to_owned())
}

/// A number with all its digits (the shortest that read back as the same), or nothing.
fn written(value: Option<impl Debug>) -> String {
    // `Display` would write 1e300 with all its zeros.
    value.map_or_else(String::new, |value| format!("{value:?}"))
}

fn quoted(field: &str) -> String {
    if field.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(quoted("mmoe experts=8"), "mmoe experts=8");
        assert_eq!(quoted("widths=[64, 32]"), "\"widths=[64, 32]\"");
        assert_eq!(quoted("say \"a\"\nb"), "\"say \"\"a\"\"\nb\"");
    }
}
