//! What the cell under the cursor is, in sentences.

use std::fmt::Write as _;

use mmtl_grid::events::{RunState, RunStatus};
use mmtl_metrics::{DIM_BELOW, Metric, Score, Scored};
use mmtl_report::{Split, count, metric_name};

use crate::views::grid::cells::{Cells, Difference, Outcome};
use crate::views::grid::numbers::Digits;
use crate::views::grid::scores::Question;

/// The word for a split.
pub fn split_name(split: Split) -> &'static str {
    match split {
        Split::Valid => "validation",
        Split::Test => "test",
    }
}

/// A cell in sentences: what it comes to, then each seed.
pub fn sentences(
    cells: &Cells,
    (row, column): (usize, usize),
    head: &str,
    question: &Question,
    digits: Digits,
    runs: &[&RunState],
) -> String {
    let (Some(table_row), Some(row_cells)) = (cells.rows.get(row), cells.filled.get(row)) else {
        return String::new();
    };
    let Some(cell) = row_cells.cells.get(column) else { return String::new() };
    let scored: Vec<Option<Scored>> = row_cells.scores.iter().map(|scores| scores[column]).collect();
    let place = if column == 0 { "mean over scenes by their rows".to_owned() } else { head.to_owned() };
    let mut text = format!("{}, {place}: ", table_row.label);
    let outcome = match cell.outcome {
        Outcome::Mean(summary) => {
            let spread = summary.sd.map_or(String::new(), |sd| format!(" ± {}", digits.number(sd)));
            let rows = scored.iter().flatten().map(|scored| scored.rows).max().unwrap_or(0);
            let (seeds, rows) = (count(summary.n, "seed"), count(rows, "row"));
            let split = split_name(question.split);
            let number = digits.number(summary.mean);
            format!("{} {number}{spread} over {seeds} on {rows} of {split}.", metric_name(question.metric))
        }
        Outcome::Undefined(reason) => format!("{} undefined: {reason}.", metric_name(question.metric)),
        Outcome::Absent => "not scored.".to_owned(),
    };
    text.push_str(&outcome);
    let is_scored = matches!(cell.outcome, Outcome::Mean(_));
    if let Some(difference) = cells.difference(row, column, runs).filter(|_| is_scored) {
        text.push_str(&compared(cells, &difference, question.metric, digits));
    }
    if cells.ranges.get(column).is_some_and(|range| range.best.contains(&row)) {
        text.push_str(" The best of its column so far.");
    }
    if cell.dim {
        let _ = write!(text, " Fewer than {DIM_BELOW} rows of a class: never best.");
    }
    let mut seeds: Vec<(String, Vec<String>)> = vec![];
    for (run, scored) in table_row.runs.iter().zip(&scored) {
        let (run, says) = (runs[*run], seed(runs[*run], *scored, digits));
        match seeds.iter_mut().find(|(known, _)| *known == says) {
            Some((_, of)) => of.push(run.seed.to_string()),
            None => seeds.push((says, vec![run.seed.to_string()])),
        }
    }
    let seeds = seeds.into_iter().map(|(says, of)| format!("{} {says}", of.join(", ")));
    let _ = write!(text, " Seeds: {}.", seeds.collect::<Vec<_>>().join("; "));
    text
}

fn compared(cells: &Cells, difference: &Difference, metric: Metric, digits: Digits) -> String {
    let baseline = &cells.rows[difference.baseline].label;
    let Some(summary) = difference.summary else { return format!(" No seed in common with {baseline} yet.") };
    let merit = if metric.better().is_higher() { summary.mean } else { -summary.mean };
    let word = match merit {
        merit if merit > 0.0 => "better than",
        merit if merit < 0.0 => "worse than",
        _ => "as good as",
    };
    let spread = summary.sd.map_or(String::new(), |sd| format!(" ± {}", digits.number(sd)));
    let by = digits.difference(summary.mean);
    format!(" {by}{spread} {word} {baseline} over {} in common.", count(summary.n, "seed"))
}

/// One seed: its score, or why it has none.
fn seed(run: &RunState, scored: Option<Scored>, digits: Digits) -> String {
    let score = match scored.map(|scored| scored.score) {
        Some(Score::Value(value)) => digits.number(value),
        Some(Score::Undefined(reason)) => format!("undefined, {reason}"),
        None => String::new(),
    };
    let percent = format!("{:.0} %", 100.0 * run.fraction());
    match &run.status {
        RunStatus::Finished if scored.is_some() => score,
        RunStatus::Finished => "not scored".to_owned(),
        RunStatus::Running { .. } | RunStatus::Paused | RunStatus::Queued if scored.is_some() => {
            format!("{score} so far, {} at {percent}", run.word())
        }
        RunStatus::Running { .. } => format!("{} at {percent}", run.word()),
        RunStatus::Failed { reason } | RunStatus::NotApplicable { reason } => {
            format!("{}: {}", run.word(), reason.trim_end_matches('.'))
        }
        RunStatus::Queued | RunStatus::Paused | RunStatus::Cancelled | RunStatus::Pruned => run.word().to_owned(),
    }
}
