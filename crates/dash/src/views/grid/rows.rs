//! The rows of the tables with their runs.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use mmtl_grid::Row;
use mmtl_grid::events::RunState;

/// A row of the tables.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRow {
    /// What tells it apart.
    pub label: String,
    /// Whether others are compared with it.
    pub is_baseline: bool,
    /// Places of its runs, one for each seed, in the grid's order.
    pub runs: Vec<usize>,
    /// Place of the row that it is compared with, if there is one; never its own.
    pub baseline: Option<usize>,
}

/// The rows, in the order in which runs first name them; what tuning tries is in no table.
pub fn of_runs(runs: &[&RunState]) -> Vec<TableRow> {
    let mut rows: Vec<(&Row, Vec<usize>)> = vec![];
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut last = 0;
    for (run, state) in runs.iter().enumerate() {
        for row in state.rows.iter().filter(|row| !row.tuning) {
            // Seeds of a row follow each other in most grids, and to make a text of a row takes longer than to compare it.
            if rows.get(last).is_none_or(|(known, _)| *known != row) {
                // A row holds values of knobs, which have no order; their text has.
                last = *places.entry(format!("{row:?}")).or_insert(rows.len());
            }
            if last == rows.len() {
                rows.push((row, vec![]));
            }
            rows[last].1.push(run);
        }
    }
    let baselines: Vec<(usize, &Row)> =
        rows.iter().map(|(row, _)| *row).enumerate().filter(|(_, row)| row.baseline).collect();
    let table_row = |(place, (row, runs)): (usize, (&Row, Vec<usize>))| TableRow {
        label: row.to_string(),
        is_baseline: row.baseline,
        runs,
        baseline: nearest_baseline(row, &baselines).filter(|baseline| *baseline != place),
    };
    rows.iter().cloned().enumerate().map(table_row).collect()
}

/// The baseline that shares most values with a row, as tables choose it: of two protocols with a baseline each, the one
/// of the row's own. The first of those that share as many; a baseline has none but itself.
pub fn nearest_baseline(row: &Row, baselines: &[(usize, &Row)]) -> Option<usize> {
    let shared = |(place, other): &(usize, &Row)| {
        let values = row.values.iter().filter(|value| other.values.contains(value)).count();
        (*other == row, values, Reverse(*place))
    };
    baselines.iter().copied().max_by_key(shared).map(|(place, _)| place)
}
