//! From scores to tables: what each candidate comes to over its seeds, which differences are more than noise, and how
//! that is written down.
//!
//! [`Scores`] say what a grid's runs scored so far; a [`Selection`] says what of it is wanted; a [`Report`] holds the
//! tables, which [`text`], [`markdown`], [`latex`], [`csv`] and [`json`] write. But for [`from_grid`], all of it is pure: the same
//! scores give the same bytes, in whatever order they come.
//!
//! ```
//! use mmtl_metrics::{Kind, Metric, Score, Scored};
//! use mmtl_plan::Space;
//! use mmtl_report::{Candidate, Entry, Report, Run, RunState, Runs, Scores, Selection, Split, Task, Terminal, text};
//!
//! let scored = |mse| Scored::over(Score::Value(mse), 10);
//! let entry = |seed, mse| Entry {
//!     candidate: 0,
//!     seed,
//!     task: 0,
//!     space: Space::All,
//!     slice: "all".into(),
//!     split: Split::Test,
//!     metric: Metric::Mse,
//!     pooled: scored(mse),
//!     scenes: vec![scored(mse)],
//! };
//! let run = |seed: u64| Run { key: format!("{seed:04x}"), seed, state: RunState::Finished };
//! let scores = Scores {
//!     experiment: "quickstart".into(),
//!     scenes: vec!["home".into()],
//!     tasks: vec![Task { name: "rating".into(), kind: Kind::Regression, compared_by: Metric::Mse }],
//!     candidates: vec![Candidate {
//!         label: "mmoe".into(),
//!         runs: Runs::Planned(vec![run(1), run(2)]),
//!         baseline: None,
//!     }],
//!     entries: vec![entry(1, 1.25), entry(2, 1.75)],
//!     revealed: false,
//!     tuning: None,
//! };
//! let report = Report::new(&scores, &Selection::default())?;
//! let written = text(&report, Terminal { width: Some(80), styled: false });
//! assert!(written.starts_with("Test scores of quickstart: 2 of 2 runs finished\n"));
//! assert!(written.contains("1.50 ± 0.35"));
//! # Ok::<(), mmtl_report::Error>(())
//! ```

mod block;
mod cell;
mod column;
mod csv;
mod digits;
mod error;
mod forecast;
mod from_grid;
mod json;
mod latex;
mod layout;
mod markdown;
pub mod notes;
mod report;
mod same_data;
mod scores;
mod selection;
mod table;
mod text;
mod tuned;
mod unmade;
mod words;

pub use cell::{Absence, Cell, Outcome};
pub use column::{Column, by_rows};
pub use csv::csv;
pub use error::Error;
pub use forecast::{forecast_json, forecast_text};
pub use from_grid::from_grid;
pub use json::json;
pub use latex::latex;
pub use layout::{Emphasis, Layout, Shape, Shown, label, lined_up, title};
pub use markdown::markdown;
pub use report::Report;
pub use scores::{Candidate, Entry, Run, RunState, Runs, Scores, Split, Task};
pub use selection::{ALL_ROWS, Metrics, Selection};
pub use table::{Head, Marking, Table};
pub use text::{Terminal, text};
pub use words::{count, direction, metric_name, one_line};
