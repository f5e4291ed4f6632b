//! The rows of the tables with their runs.

use std::collections::BTreeMap;

use mmtl_grid::events::RunState;
use mmtl_grid::{Row, decides_scored_rows};
use mmtl_plan::Value;

use crate::subjects::Subjects;

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
    /// A number that it has in common with the rows that are scored on the same data: no others compare, as in tables.
    pub data: usize,
}

/// The rows, in the order in which runs first name them; what tuning tries is in no table.
pub fn of_runs(runs: &[&RunState], subjects: &Subjects) -> Vec<TableRow> {
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
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let table_row = |(place, (row, runs)): (usize, (&Row, Vec<usize>))| {
        let next = numbers.len();
        TableRow {
            label: row.to_string(),
            is_baseline: row.baseline,
            runs,
            baseline: row.nearest_baseline(&baselines).filter(|baseline| *baseline != place),
            data: *numbers.entry(data_of(row, subjects)).or_insert(next),
        }
    };
    rows.iter().cloned().enumerate().map(table_row).collect()
}

/// What decides which rows are scored, of what rows of a grid differ in.
fn data_of(row: &Row, subjects: &Subjects) -> String {
    let own = row.values.iter().filter(|(key, _)| decides_scored_rows(key));
    let ablated = row.ablation.iter().filter_map(|name| subjects.ablated_data.get(name)).flatten();
    let values: BTreeMap<&str, &Value> = own.chain(ablated).map(|(key, value)| (key.as_str(), value)).collect();
    format!("{values:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_on_the_same_data_share_what_decides_it() {
        let noisy = |noise: f64| vec![("data.noise".to_owned(), Value::Float(noise))];
        let ablated_data = BTreeMap::from([("noisy".to_owned(), noisy(0.02)), ("no text".to_owned(), vec![])]);
        let subjects = Subjects { ablated_data, ..Subjects::default() };
        let data = |values: &[(String, Value)], ablation: Option<&str>| {
            let (architecture, values) = ("mmoe".to_owned(), values.to_vec());
            let ablation = ablation.map(str::to_owned);
            data_of(&Row { architecture, values, ablation, baseline: false, tuning: false }, &subjects)
        };
        let plain = data(&[], None);
        assert_eq!(data(&[("model.dropout".to_owned(), Value::Float(0.5))], None), plain);
        assert_eq!(data(&[("data.text".to_owned(), Value::Bool(false))], Some("no text")), plain, "an input is no row");
        assert_ne!(data(&noisy(0.01), None), data(&noisy(0.02), None));
        assert_ne!(data(&[], Some("noisy")), plain);
        assert_eq!(data(&noisy(0.01), Some("noisy")), data(&noisy(0.02), None), "an ablation is what it sets");
    }
}
