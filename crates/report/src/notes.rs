//! What stands below tables: how to read them, and what is not in them.

use std::collections::{BTreeMap, BTreeSet};

use mmtl_metrics::{Better, DIM_BELOW, LEVEL, MIN_SEEDS, Metric};

use crate::cell::Cell;
use crate::column::Column;
use crate::layout::Layout;
use crate::report::Report;
use crate::scores::{Candidate, Run, RunState, Runs};
use crate::table::{Marking, Table};
use crate::tuned;
use crate::words::{count, listed, one_line, seeds};

/// The notes of one table: its footnotes, and where nothing is marked.
#[must_use]
pub fn of_table(table: &Table, layout: &Layout) -> Vec<String> {
    let numbered = layout.footnotes.iter().zip(1..).map(|(text, number)| format!("[{number}] {text}."));
    numbered
        .chain(unmarked(table))
        .chain(alone(table))
        .chain(covered(table))
        .chain(threshold(table))
        .chain(near_one(table))
        .collect()
}

/// How many of the rows a mean over groups is about.
fn covered(table: &Table) -> Option<String> {
    let of_column = |place: usize| {
        let shares = || table.cells.iter().flat_map(move |row| row[place].scored.values()).filter_map(|s| s.covered);
        let (low, high) = (shares().min_by(f64::total_cmp)?, shares().max_by(f64::total_cmp)?);
        let [low, high] = [low, high].map(|share| format!("{:.1}", 100.0 * share));
        let share = if low == high { low } else { format!("{low}-{high}") };
        Some(format!("{} {share} %", table.heads[place].name))
    };
    let shares: Vec<String> = table.shown().into_iter().filter_map(of_column).collect();
    let which = match table.metric {
        Metric::Gauc => "with both classes",
        Metric::Ndcg(_) => "with a gain",
        _ => "with a positive",
    };
    (!shares.is_empty()).then(|| {
        let shares = one_line(&listed(&shares.iter().map(String::as_str).collect::<Vec<_>>()));
        format!("Over groups {which}, which hold these shares of the rows: {shares}.")
    })
}

/// From which probability on rows were decided positive.
fn threshold(table: &Table) -> Option<String> {
    if !table.metric.needs_threshold() {
        return None;
    }
    let shown = table.shown();
    let scored = || table.cells.iter().flat_map(|row| shown.iter().flat_map(|place| row[*place].scored.values()));
    let thresholds = || scored().filter_map(|scored| scored.threshold);
    let (low, high) = (thresholds().min_by(f64::total_cmp)?, thresholds().max_by(f64::total_cmp)?);
    let [from, to] = [low, high].map(|threshold| format!("{threshold:.4}"));
    let range = if low < high { format!("{from} to {to} (each fit has its own)") } else { from };
    Some(format!("Decided positive from a threshold of {range} on, that of the highest F1 on validation rows."))
}

/// What is best of a metric that has no upper end.
fn near_one(table: &Table) -> Option<String> {
    (table.metric.better() == Better::NearOne).then(|| {
        "Best is what is closest to 1 seed by seed; differences to a baseline are of the distance from 1.".to_owned()
    })
}

fn unmarked(table: &Table) -> Option<String> {
    let shown = table.shown();
    let with = |marking| shown.iter().map(|place| &table.heads[*place]).filter(move |head| head.marking == marking);
    let few: Vec<&str> = with(Marking::FewSeeds).map(|head| head.name.as_str()).collect();
    let place = match (few.len(), with(Marking::Marked).count()) {
        (0, _) => return None,
        (_, 0) => String::new(),
        (_, _) => format!(" in {}", one_line(&listed(&few))),
    };
    Some(format!("Nothing is marked{place}: the best mean has fewer than {MIN_SEEDS} seeds."))
}

/// Rows that cannot be the best, having none beside them.
fn alone(table: &Table) -> Option<String> {
    let shown = table.shown();
    let mut heads = shown.iter().map(|place| &table.heads[*place]);
    let is_alone = heads.any(|head| head.markings.values().any(|marking| *marking == Marking::Alone));
    is_alone.then(|| "A row that alone was scored on its data is not marked: it is the best of nothing.".to_owned())
}

/// The notes of a whole report. `marked` says how the best stand out.
#[must_use]
pub fn of_report(report: &Report, marked: &str) -> Vec<String> {
    let rules = [spread(report), marks(report, marked), overall(report), dim(report), baseline(report), apart(report)];
    let tuned = report.tuning.iter().flat_map(tuned::notes);
    rules.into_iter().flatten().chain(tuned).chain(missing(report)).chain(revealed(report)).collect()
}

fn cells(report: &Report) -> impl Iterator<Item = &Cell> {
    report.tables.iter().flat_map(|table| {
        let shown = table.shown();
        table.cells.iter().flat_map(move |row| shown.clone().into_iter().map(move |place| &row[place]))
    })
}

fn spread(report: &Report) -> Option<String> {
    let counts = || cells(report).filter_map(Cell::summary).map(|summary| summary.n);
    let most = counts().max()?;
    let fewer = if counts().all(|n| n == most) { "" } else { ", or as many as a row or cell says" };
    let used: BTreeSet<u64> = cells(report).flat_map(|cell| cell.scored.keys().copied()).collect();
    let which = if used.len() as u64 == most {
        format!(" ({})", seeds(&used.into_iter().collect::<Vec<_>>()))
    } else {
        String::new()
    };
    Some(match most {
        1 => format!("Scores of one seed{which}: no standard deviation."),
        _ => format!("Mean ± sample standard deviation over {most} seeds{which}{fewer}."),
    })
}

fn marks(report: &Report, marked: &str) -> Option<String> {
    cells(report).any(|cell| cell.marked).then(|| {
        let level = LEVEL * 100.0;
        let any = |is: fn(&Candidate) -> bool| report.candidates.iter().any(is);
        let unjudged = match (any(Candidate::has_failed), any(|candidate| candidate.pruned() > 0)) {
            (false, false) => "",
            (true, false) => " A row with a failed run is never marked.",
            (false, true) => " A row with a pruned run is never marked.",
            (true, true) => " A row with a failed or pruned run is never marked.",
        };
        let apart =
            if report.data().len() > 1 { " Rows that were scored on different data are marked apart." } else { "" };
        format!(
            "{marked}: the best mean of the column, and all whose paired {level} % t interval of the difference to it \
             contains 0.{apart}{unjudged}"
        )
    })
}

fn overall(report: &Report) -> Option<String> {
    let is_overall =
        |table: &&Table| table.shown().iter().any(|place| matches!(table.heads[*place].column, Column::Overall(_)));
    let tables: Vec<&Table> = report.tables.iter().filter(is_overall).collect();
    if tables.is_empty() {
        return None;
    }
    let auc = if tables.iter().any(|table| table.metric == Metric::Auc) {
        " (an AUC then also rewards ranking scenes by their base rates)"
    } else {
        ""
    };
    Some(format!(
        "rows: mean over scenes, weighted by their rows; pooled: one list of all rows{auc}; macro: plain mean over scenes."
    ))
}

fn dim(report: &Report) -> Option<String> {
    let is_dim = |table: &&Table| table.cells.iter().flatten().any(|cell| cell.dim);
    let only_auc = report.tables.iter().filter(is_dim).all(|table| table.metric == Metric::Auc);
    let what = if only_auc { "an AUC" } else { "a score" };
    cells(report).any(|cell| cell.dim).then(|| {
        format!(
            "In parentheses: {what} over fewer than {DIM_BELOW} rows of either class; never marked, left out of macro."
        )
    })
}

fn baseline(report: &Report) -> Option<String> {
    if !report.tables.iter().any(Table::has_differences) {
        return None;
    }
    let named: BTreeSet<usize> = report.candidates.iter().filter_map(|candidate| candidate.baseline).collect();
    let to = match named.first() {
        Some(only) if named.len() == 1 => one_line(&report.candidates[*only].label),
        Some(_) | None => {
            let compared = report.candidates.iter().enumerate().filter_map(|(index, candidate)| {
                let baseline = candidate.baseline.filter(|baseline| *baseline != index && !is_apart(report, index))?;
                let [own, other] = [index, baseline].map(|index| one_line(&report.candidates[index].label));
                Some(format!("{own} to {other}"))
            });
            let compared: Vec<String> = compared.collect();
            format!("the row's baseline ({})", listed(&compared.iter().map(String::as_str).collect::<Vec<_>>()))
        }
    };
    let level = LEVEL * 100.0;
    Some(format!(
        "vs baseline: mean paired difference to {to} over the seeds in common, at least 2 [its {level} % t interval]."
    ))
}

/// Whether a row was scored on other data than its baseline.
fn is_apart(report: &Report, row: usize) -> bool {
    let Some(baseline) = report.candidates[row].baseline else { return false };
    let data = |row: usize, table: &Table| table.cells[row].iter().find_map(Cell::data);
    report.tables.iter().any(|table| {
        let (own, other) = (data(row, table), data(baseline, table));
        own.is_some() && other.is_some() && own != other
    })
}

/// The rows that have no difference to a baseline although there is one.
fn apart(report: &Report) -> Option<String> {
    let rows = (0..report.candidates.len()).filter(|row| is_apart(report, *row));
    let rows: Vec<String> = rows.map(|row| one_line(&report.candidates[row].label)).collect();
    (!rows.is_empty()).then(|| {
        let rows = listed(&rows.iter().map(String::as_str).collect::<Vec<_>>());
        format!("Scored on other data than their baseline, and so not compared with it: {rows}.")
    })
}

/// What is not in the tables, and why.
fn missing(report: &Report) -> Vec<String> {
    let mut absent: Vec<(String, Vec<String>)> = vec![];
    for candidate in &report.candidates {
        if let Runs::NotApplicable(reason) = &candidate.runs {
            gather(&mut absent, sentence(reason), one_line(&candidate.label));
        }
    }
    let absent = absent.into_iter().map(|(reason, labels)| format!("n/a: {}: {reason}.", labels.join("; ")));
    absent.chain(unscored(report)).collect()
}

/// Runs without scores: failed ones by their reasons, then cancelled, pruned and unfinished ones.
fn unscored(report: &Report) -> Vec<String> {
    let mut failed: Vec<(String, Vec<RowRun>)> = vec![];
    let (mut cancelled, mut pruned, mut unfinished) = (vec![], vec![], vec![]);
    for (row, candidate) in report.candidates.iter().enumerate() {
        for run in candidate.planned() {
            match &run.state {
                RunState::Finished => {}
                RunState::Failed(reason) => gather(&mut failed, sentence(reason), (row, run)),
                RunState::Cancelled => cancelled.push((row, run)),
                RunState::Pruned => pruned.push((row, run)),
                RunState::Unfinished => unfinished.push((row, run)),
            }
        }
    }
    let all = count(report.runs().len() as u64, "run");
    let share = |runs: &[RowRun]| {
        let keys: BTreeSet<&str> = runs.iter().map(|(_, run)| run.key.as_str()).collect();
        format!("{} of {all}", keys.len())
    };
    let mut notes = vec![];
    for (reason, runs) in &failed {
        notes.push(format!("Failed ({}): {}: {reason}.", share(runs), which(report, runs)));
    }
    if !cancelled.is_empty() {
        notes.push(format!("Cancelled ({}): {}.", share(&cancelled), which(report, &cancelled)));
    }
    if !pruned.is_empty() {
        notes.push(format!(
            "Pruned for their validation scores ({}), so that the means of these rows are over the seeds left: {}.",
            share(&pruned),
            which(report, &pruned)
        ));
    }
    if !unfinished.is_empty() {
        notes.push(format!("Unfinished: {}.", share(&unfinished)));
    }
    notes
}

fn revealed(report: &Report) -> Option<String> {
    report.revealed.then(|| "Test scores were looked at before the grid was done.".to_owned())
}

/// A run with the row that it stands in.
type RowRun<'a> = (usize, &'a Run);

/// Names runs, as in `mmoe seeds 1-3; ple seed 2`.
fn which(report: &Report, runs: &[RowRun]) -> String {
    let mut by_row: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
    for (row, run) in runs {
        by_row.entry(*row).or_default().insert(run.seed);
    }
    let named = by_row.into_iter().map(|(row, of)| {
        let noun = if of.len() == 1 { "seed" } else { "seeds" };
        let seeds = seeds(&of.into_iter().collect::<Vec<_>>());
        format!("{} {noun} {seeds}", one_line(&report.candidates[row].label))
    });
    named.collect::<Vec<_>>().join("; ")
}

/// A reason without its full stop: one follows.
fn sentence(reason: &str) -> String {
    one_line(reason).trim_end_matches('.').to_owned()
}

/// Adds `item` to those of the same key; keys stay in the order of their first item.
pub(crate) fn gather<T>(groups: &mut Vec<(String, Vec<T>)>, key: String, item: T) {
    match groups.iter_mut().find(|(known, _)| *known == key) {
        Some((_, items)) => items.push(item),
        None => groups.push((key, vec![item])),
    }
}
