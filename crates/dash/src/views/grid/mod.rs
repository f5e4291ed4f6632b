//! Rows of the tables × scenes as a heat map.
//!
//! ```text
//! ╭ Grid: AUC of click, validation ───────────────────────────────╮
//! │  row                seeds          rows      search       feed │
//! │◇ shared-bottom      ✓✓✓    0.7012 ±.0011 0.69.. ±..  ..        │
//! │  ple                ✓▶·   ★0.7102 ±.0007 1/3▶ ..               │
//! │ dark ▒▒▒▒▒ light: better; rows from 0.7012 to 0.7102           │
//! │ ple, mean over scenes by their rows: AUC 0.7102 ± 0.0007 …     │
//! ╰───────────────────────────────────────────────────────────────╯
//! ```

mod cells;
mod detail;
mod draw;
mod look;
mod numbers;
pub(super) mod rows;
mod scores;

use std::fmt::Write as _;

use mmtl_grid::events::RunState;
use mmtl_report::{Split, metric_name, one_line};
use ratatui::layout::Rect;

use crate::action::{Action, Tab};
use crate::chosen::Chosen;
use crate::effect::Effect;
use crate::painter::Painter;
use crate::state::State;
use crate::views::grid::cells::{Cells, Outcome};
use crate::views::grid::detail::split_name;
use crate::views::grid::scores::Question;
use crate::views::{Acted, View, moved};

/// Rows of the tables × scenes as a heat map.
#[derive(Debug, Default)]
pub struct Grid {
    task: usize,
    metric: usize,
    test: bool,
    relative: bool,
    /// Row and column under the cursor; columns count from the first that is shown.
    cursor: (usize, usize),
    /// Row and column in the upper left corner.
    first: (usize, usize),
    /// Rows in the window that was drawn last.
    height: usize,
    cells: Cells,
}

impl Grid {
    /// What is asked for; `None` while tasks are not known.
    fn question(&self, state: &State) -> Option<Question> {
        let tasks = &state.subjects().tasks;
        let task = self.task.checked_rem(tasks.len())?;
        let metrics = tasks[task].metrics();
        let metric = metrics[self.metric % metrics.len()];
        let split = if self.test && state.shows_test() { Split::Test } else { Split::Valid };
        Some(Question { task, name: tasks[task].name.clone(), metric, split })
    }

    /// The columns that are shown, as places in `[1 + scenes]`: of a single scene the mean over scenes says nothing new.
    fn columns(state: &State) -> Vec<usize> {
        let scenes = state.subjects().scenes.len();
        if state.subjects().tasks.is_empty() {
            vec![]
        } else if scenes == 1 {
            vec![1]
        } else {
            (0..=scenes).collect()
        }
    }

    fn refresh(&mut self, state: &State) {
        let question = self.question(state);
        self.cells.refresh(state, question.as_ref());
        let last = |len: usize| len.saturating_sub(1);
        self.cursor.0 = self.cursor.0.min(last(self.cells.rows.len()));
        self.cursor.1 = self.cursor.1.min(last(Self::columns(state).len()));
    }

    fn go(&mut self, row: usize, column: usize, state: &State, chosen: &mut Chosen) -> Acted {
        self.cursor = (row, column);
        self.refresh(state);
        let run = self.cells.rows.get(self.cursor.0).and_then(|row| row.runs.first());
        if let Some(run) = run.and_then(|run| state.grid().runs().nth(*run)) {
            chosen.focus = Some(run.key.clone());
        }
        Acted::default()
    }

    fn turn_split(&mut self, state: &State) -> Acted {
        if !state.shows_test() {
            return Acted::say("test scores stay hidden until the grid is done; `T` shows them before");
        }
        self.test = !self.test;
        let effects = if self.test { vec![Effect::ReadScores] } else { vec![] };
        Acted { effects, ..Acted::default() }
    }

    fn turn_relative(&mut self) -> Acted {
        if self.cells.rows.iter().all(|row| row.baseline.is_none()) {
            return Acted::say("there is nothing to compare: `[compare]` of the experiment names no baseline");
        }
        self.relative = !self.relative;
        Acted::default()
    }

    /// The runs of the row under the cursor, listed.
    fn open(&self) -> Acted {
        let Some(row) = self.cells.rows.get(self.cursor.0) else { return Acted::default() };
        let filter = crate::filter::exactly("row", &row.label);
        Acted { show: Some(Tab::Runs), filter: Some(filter), ..Acted::default() }
    }

    /// The table as tab-separated values: of each column the mean (or difference), its spread and the seeds in it.
    fn copied(&self, state: &State) -> Option<String> {
        let question = self.question(state)?;
        let runs: Vec<&RunState> = state.grid().runs().collect();
        let what = if self.relative { ", difference to the baseline" } else { "" };
        let metric = metric_name(question.metric);
        let mut text = format!("{metric} of {}, {}{what}", one_line(&question.name), split_name(question.split));
        for column in Self::columns(state) {
            let head = one_line(draw::head(column, state));
            let _ = write!(text, "\t{head}\t{head} sd\t{head} seeds");
        }
        for (row, (table_row, cells)) in self.cells.rows.iter().zip(&self.cells.filled).enumerate() {
            let _ = write!(text, "\n{}", one_line(&table_row.label));
            for column in Self::columns(state) {
                let difference = self.cells.difference(row, column, &runs).filter(|_| self.relative);
                let summary = match (difference, cells.cells[column].outcome) {
                    (Some(difference), _) => difference.summary,
                    (None, Outcome::Mean(summary)) => Some(summary),
                    (None, Outcome::Undefined(_) | Outcome::Absent) => None,
                };
                let number = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
                let (mean, sd) = (summary.map(|summary| summary.mean), summary.and_then(|summary| summary.sd));
                let seeds = summary.map_or(0, |summary| summary.n);
                let _ = write!(text, "\t{}\t{}\t{seeds}", number(mean), number(sd));
            }
        }
        text.push('\n');
        Some(text)
    }
}

impl View for Grid {
    fn draw(&mut self, painter: &mut Painter, area: Rect, state: &State, _chosen: &Chosen) {
        self.refresh(state);
        draw::draw(self, painter, area, state);
    }

    fn act(&mut self, action: &Action, state: &State, chosen: &mut Chosen) -> Option<Acted> {
        self.refresh(state);
        let (row, column) = self.cursor;
        let (rows, columns) = (self.cells.rows.len(), Self::columns(state).len());
        let acted = match action {
            Action::Move(down, right) => {
                let (down, right) = (i64::from(*down), i64::from(*right));
                self.go(moved(row, down, rows), moved(column, right, columns), state, chosen)
            }
            Action::Page(screens) => {
                let by = i64::from(*screens).saturating_mul(i64::try_from(self.height.max(1)).unwrap_or(i64::MAX));
                self.go(moved(row, by, rows), column, state, chosen)
            }
            Action::First => self.go(0, column, state, chosen),
            Action::Last => self.go(rows.saturating_sub(1), column, state, chosen),
            Action::Point(row) => self.go(*row, column, state, chosen),
            Action::PointAt(row, column) => self.go(*row, *column, state, chosen),
            Action::NextTask => {
                (self.task, self.metric) = (self.task.wrapping_add(1), 0);
                Acted::default()
            }
            Action::NextMetric => {
                self.metric = self.metric.wrapping_add(1);
                Acted::default()
            }
            Action::Relative => self.turn_relative(),
            Action::NextSplit => self.turn_split(state),
            Action::Open => self.open(),
            Action::Copy => {
                let effects = self.copied(state).map(Effect::Copy).into_iter().collect();
                Acted { effects, notice: Some("table copied".to_owned()), ..Acted::default() }
            }
            _ => return None,
        };
        Some(acted)
    }
}
