//! `mmtl table`, and the tables at the end of `mmtl run`.

use std::io::{self, IsTerminal};

use mmtl_grid::schedule::{reveal, shows_test};
use mmtl_grid::store::Store;
use mmtl_grid::{Catalogue, Experiment};
use mmtl_metrics::Metric;
use mmtl_report::{Metrics, Report, Selection, Split, Terminal, csv, from_grid, json, latex, markdown, text};

use crate::args::{Format, Part, Table};
use crate::failure::Failure;
use crate::say::put;

/// Prints the tables that were asked for.
pub fn table(args: &Table) -> Result<(), Failure> {
    let store = Store::open(&args.dir).map_err(Failure::input)?;
    let metrics = match args.metric.as_deref() {
        None => Metrics::Compared,
        Some("all") => Metrics::All,
        // Best weights are chosen by it, but it is no score of a table: its baselines are the train rows' mean and rates,
        // which a record does not hold.
        Some("skill") => {
            return Err(Failure::input(
                "`skill` chooses the best weights on validation rows and is in no table; it is the mean over tasks of \
                 2·AUC - 1, 1 - MSE / MSE of the train mean, or 1 - log loss / entropy of the train rates: \
                 expected `auc`, `mse`, `logloss` or another metric",
            ));
        }
        Some(name) => Metrics::Only(name.parse::<Metric>().map_err(Failure::input)?),
    };
    let split = match args.split {
        Some(Part::Valid) => Split::Valid,
        Some(Part::Test) => Split::Test,
        None => split_of(&store)?,
    };
    let selection = Selection { task: args.task.clone(), metrics, split, slice: args.slice.clone() };
    if split == Split::Test && !shows_test(&store).map_err(Failure::input)? {
        // A question that has no answer reveals nothing.
        self::report(&store, &selection)?;
        reveal(&store).map_err(Failure::input)?;
    }
    let report = report(&store, &selection)?;
    match args.format {
        Format::Text => put(text(&report, terminal()))?,
        Format::Md => put(markdown(&report))?,
        Format::Latex => put(latex(&report))?,
        Format::Csv => put(csv(&report))?,
        Format::Json => put(json(&report))?,
    }
    Ok(())
}

/// Prints what each task is compared by.
pub fn print_tables(store: &Store) -> Result<(), Failure> {
    let selection = Selection { split: split_of(store)?, ..Selection::default() };
    put(text(&report(store, &selection)?, terminal()))
}

/// Test rows once the grid is done, or where somebody has looked at their scores anyway: else nobody chooses by them.
fn split_of(store: &Store) -> Result<Split, Failure> {
    if shows_test(store).map_err(Failure::input)? {
        return Ok(Split::Test);
    }
    let dir = store.root().display();
    eprintln!(
        "test scores are shown when the grid is done; `mmtl table {dir} --split test` shows them now, and every later table says so"
    );
    Ok(Split::Valid)
}

fn report(store: &Store, selection: &Selection) -> Result<Report, Failure> {
    let experiment = Experiment::read_stored(store, &Catalogue::standard()).map_err(Failure::input)?;
    let scores = from_grid(store, &experiment).map_err(Failure::input)?;
    Report::new(&scores, selection).map_err(Failure::input)
}

fn terminal() -> Terminal {
    if !io::stdout().is_terminal() {
        return Terminal { width: None, styled: false };
    }
    let width = terminal_size::terminal_size().map(|(width, _)| width.0);
    Terminal { width, styled: std::env::var_os("NO_COLOR").is_none() }
}
