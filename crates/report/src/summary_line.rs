//! A table in one sentence.

use mmtl_metrics::{MIN_SEEDS, Summary};

use crate::cell::Cell;
use crate::layout::{digits, mean_and_spread};
use crate::report::Report;
use crate::table::{Marking, Table};
use crate::words::{count, listed, metric_name, one_line};

/// Says who leads a table in its first column, and who cannot be told from it; of rows over different data each apart.
#[must_use]
pub fn summary_line(report: &Report, table: &Table) -> String {
    let head = &table.heads[table.shown()[0]];
    let title = format!("{} by {} ({})", table.task, metric_name(table.metric), head.name);
    let leads = head.markings.iter().filter_map(|(data, marking)| lead(report, table, *data, *marking));
    let leads: Vec<String> = leads.collect();
    if leads.is_empty() {
        return one_line(&format!("{title}: no score yet"));
    }
    one_line(&format!("{title}: {}", leads.join("; on other data ")))
}

/// Who leads the rows over one data.
fn lead(report: &Report, table: &Table, data: u32, marking: Marking) -> Option<String> {
    let shown = table.shown();
    let place = shown[0];
    let (leader, summary) = leader(table, place, data)?;
    let score = mean_and_spread(summary, digits(table, &shown));
    let left = report.candidates[leader].pruned();
    let pruned = if left > 0 { format!(" ({left} more pruned)") } else { String::new() };
    let seeds = count(summary.n, "seed") + &pruned;
    let level = |index: &usize| {
        let cell = &table.cells[*index][place];
        *index != leader && cell.marked && cell.data() == Some(data)
    };
    let level: Vec<&str> =
        (0..table.cells.len()).filter(level).map(|index| report.candidates[index].label.as_str()).collect();
    let doubt = match marking {
        Marking::Marked if level.is_empty() => "; no other is level with it".to_owned(),
        Marking::Marked => format!("; {} cannot be told from it", listed(&level)),
        Marking::FewSeeds => format!("; fewer than {MIN_SEEDS} seeds, so nothing can be told apart"),
        Marking::Dim => "; too few rows of a class to tell".to_owned(),
        Marking::Alone => "; no other row is on its data".to_owned(),
        Marking::NoMean => String::new(),
    };
    Some(format!("{} leads with {score} over {seeds}{doubt}", report.candidates[leader].label))
}

/// The first of the best means over one data.
fn leader(table: &Table, place: usize, data: u32) -> Option<(usize, Summary)> {
    let merit = |row: &[Cell]| {
        Some(&row[place]).filter(|cell| cell.data() == Some(data)).and_then(|cell| cell.merit(table.metric.better()))
    };
    let merits = table.cells.iter().enumerate().filter_map(|(index, row)| Some((index, merit(row)?)));
    let (index, _) = merits.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    Some((index, table.cells[index][place].summary()?))
}
