//! The tables of finished runs as `mmtl table` prints them, ranked.
//!
//! ```text
//! ╭ Table 1 of 2 ────────────────────────────── columns 1-3 of 9 ▸ ╮
//! │ rating | all: AUC, higher is better                  test rows │
//! │ Test scores of departments: 13 of 16 runs finished, 2 failed   │
//! │                                                                │
//! │   # candidate              rows                  rows   pooled │
//! │                       10,468 rows         vs baseline   …      │
//! │   1 ple joint    0.7312 ± 0.0012* +0.0023 [+0.0010, …]  …      │
//! │   2 mmoe joint   0.7291 ± 0.0020  +0.0002 [-0.0011, …]  …      │
//! │                                                                │
//! │ Mean ± sample standard deviation over 3 seeds (1-3).           │
//! ╰ rows 1-2 of 2 ───────────── t task  m metric  b differences  … ╯
//! ```

mod ranked;

use mmtl_metrics::Metric;
use mmtl_report::{Split, markdown};
use ratatui::layout::Rect;
use ratatui::style::Color;
use unicode_width::UnicodeWidthStr;

use crate::action::{Action, Tab};
use crate::chosen::Chosen;
use crate::effect::Effect;
use crate::painter::{Painter, fitted};
use crate::state::{State, Tables};
use crate::theme::Role;
use crate::views::{Acted, View, moved, scrolled};
use crate::wrapped::wrapped;
use ranked::{Column, Ranked, Wanted};

/// The tables of finished runs.
#[derive(Debug, Default)]
pub struct TableView {
    page: usize,
    metric: Option<Metric>,
    split: Option<Split>,
    relative: bool,
    /// The line under the cursor: rows first, then the lines of notes.
    cursor: usize,
    first: usize,
    /// Columns that are scrolled away, the first one not counted: it stays.
    left: usize,
    height: u16,
    notes: Vec<String>,
    derived: Option<((u64, Wanted), Derived)>,
}

#[derive(Debug)]
enum Derived {
    Unread,
    Unreadable(String),
    Nothing,
    Table(Box<Ranked>),
}

/// Spaces between columns.
const GAP: usize = 2;
/// A label wider than this, and than a third of the line, is cut when columns would not fit otherwise.
const LABEL: usize = 16;
/// Columns that a rank takes.
const RANK: usize = 5;
/// Lines above the rows: title, headline, an empty one, two of heads.
const HEADS: u16 = 5;

impl TableView {
    /// What the view shows: test rows once the grid is done, unless somebody chose.
    pub fn split(&self, state: &State) -> Split {
        match self.split {
            _ if !state.shows_test() => Split::Valid,
            Some(split) => split,
            None if state.is_done() => Split::Test,
            None => Split::Valid,
        }
    }

    /// The metric that somebody chose, if not what each task is compared by.
    pub fn metric(&self) -> Option<Metric> {
        self.metric
    }

    fn derive(&mut self, state: &State) {
        let wanted = Wanted { page: self.page, metric: self.metric, split: self.split(state), relative: self.relative };
        let key = (state.tables_revision(), wanted);
        if self.derived.as_ref().is_none_or(|(known, _)| *known != key) {
            let derived = match state.tables() {
                Tables::Unread => Derived::Unread,
                Tables::Unreadable(reason) => Derived::Unreadable(reason.clone()),
                Tables::Read(scores) => match Ranked::new(scores, &key.1) {
                    Ok(Some(ranked)) => Derived::Table(Box::new(ranked)),
                    Ok(None) => Derived::Nothing,
                    Err(reason) => Derived::Unreadable(reason),
                },
            };
            self.derived = Some((key, derived));
        }
    }

    fn table(&self) -> Option<&Ranked> {
        match &self.derived {
            Some((_, Derived::Table(ranked))) => Some(ranked),
            Some((_, Derived::Unread | Derived::Unreadable(_) | Derived::Nothing)) | None => None,
        }
    }

    fn lines(&self) -> usize {
        self.table().map_or(0, |table| table.rows.len()) + self.notes.len()
    }

    /// Puts the cursor on a line; on a row, its first run is the one that is meant.
    fn point(&mut self, line: usize, chosen: &mut Chosen) -> Acted {
        self.cursor = line.min(self.lines().saturating_sub(1));
        if let Some(run) = self.table().and_then(|table| table.rows.get(self.cursor)).and_then(|row| row.run.clone()) {
            chosen.focus = Some(run);
        }
        Acted::default()
    }

    fn turn_page(&mut self) -> Acted {
        let pages = self.table().map_or(1, |table| table.page.1);
        (self.page, self.metric) = ((self.page + 1) % pages.max(1), None);
        (self.cursor, self.left) = (0, 0);
        Acted::default()
    }

    fn next_metric(&mut self) -> Acted {
        if let Some(table) = self.table() {
            let at = table.metrics.iter().position(|metric| *metric == table.metric).unwrap_or(0);
            self.metric = table.metrics.get((at + 1) % table.metrics.len().max(1)).copied();
        }
        Acted::default()
    }

    fn next_split(&mut self, state: &State) -> Acted {
        if !state.shows_test() {
            return Acted::say("test scores stay hidden until the grid is done; `T` shows them before");
        }
        self.split = Some(match self.split(state) {
            Split::Valid => Split::Test,
            Split::Test => Split::Valid,
        });
        Acted::default()
    }

    fn turn_relative(&mut self) -> Acted {
        let compared =
            self.table().is_some_and(|table| table.report.tables.iter().any(mmtl_report::Table::has_differences));
        if !compared && !self.relative {
            return Acted::say("no difference to a baseline: it takes two seeds that both have");
        }
        self.relative = !self.relative;
        Acted::default()
    }

    fn copy(&self) -> Acted {
        let Some(table) = self.table() else { return Acted::say("there is no table to copy yet") };
        Acted { effects: vec![Effect::Copy(markdown(&table.report))], ..Acted::say("copied the table as Markdown") }
    }
}

impl View for TableView {
    fn draw(&mut self, painter: &mut Painter, area: Rect, state: &State, _chosen: &Chosen) {
        self.derive(state);
        let split = self.split(state);
        let Some((_, derived)) = &self.derived else { return };
        let words = match derived {
            Derived::Table(_) => return self.draw_table(painter, area, state),
            Derived::Unread => "reading records ...".to_owned(),
            Derived::Unreadable(reason) => format!("the records cannot be read: {reason}"),
            Derived::Nothing if split == Split::Test => "no finished run has test scores".to_owned(),
            Derived::Nothing => "no run has finished yet; the Grid view (1) shows validation scores so far".to_owned(),
        };
        let inside = painter.frame(area, "Table");
        let role = if matches!(derived, Derived::Unreadable(_)) { Role::Failed } else { Role::Dim };
        let lines = wrapped(&words, usize::from(inside.width.saturating_sub(2)));
        for (y, line) in (0..inside.height).zip(&lines) {
            painter.say(inside, 1, y, line, role);
        }
    }

    fn act(&mut self, action: &Action, state: &State, chosen: &mut Chosen) -> Option<Acted> {
        self.derive(state);
        let lines = self.lines();
        let page = i64::from(self.height.max(1));
        Some(match action {
            Action::Move(0, columns) => {
                let most = self.table().map_or(0, |table| table.columns.len().saturating_sub(1));
                self.left = moved(self.left, i64::from(*columns), most);
                Acted::default()
            }
            Action::Move(rows, _) => self.point(moved(self.cursor, i64::from(*rows), lines), chosen),
            Action::Page(by) => self.point(moved(self.cursor, page * i64::from(*by), lines), chosen),
            Action::First => self.point(0, chosen),
            Action::Last => self.point(lines.saturating_sub(1), chosen),
            Action::Point(line) => self.point(*line, chosen),
            Action::Open => {
                self.point(self.cursor, chosen);
                Acted::show(Tab::Run)
            }
            Action::NextTask => self.turn_page(),
            Action::NextMetric => self.next_metric(),
            Action::NextSplit => self.next_split(state),
            Action::Relative => self.turn_relative(),
            Action::Copy => self.copy(),
            _ => return None,
        })
    }
}

/// Where things are within the frame.
struct Places {
    inside: Rect,
    label: usize,
    /// Columns that are seen with where each ends.
    columns: Vec<(usize, u16)>,
    /// Columns that could be scrolled, and those of them that are seen.
    of: usize,
}

impl Places {
    fn new(inside: Rect, table: &Ranked, left: usize) -> Self {
        let width = usize::from(inside.width).saturating_sub(1);
        let all: usize = table.columns.iter().map(|column| column.width + GAP).sum();
        let spare = width.saturating_sub(RANK + all);
        let label = table.label_width().min(LABEL.max(width / 3).max(spare));
        let mut end = RANK + label;
        let mut columns = vec![];
        let rest = (1..table.columns.len()).skip(left);
        for place in table.columns.first().map(|_| 0).into_iter().chain(rest) {
            end += GAP + table.columns[place].width;
            // The first is shown however little room there is, and so is the next one, cut.
            if end > width && columns.len() > 1 {
                break;
            }
            columns.push((place, u16::try_from(end).unwrap_or(u16::MAX)));
        }
        Self { inside, label, columns, of: table.columns.len() }
    }

    /// Which of the columns are seen, if not all.
    fn words(&self, left: usize) -> Option<String> {
        let last = self.columns.last()?.0;
        (left > 0 || last + 1 < self.of).then(|| {
            let before = if left > 0 { "< " } else { "" };
            let after = if last + 1 < self.of { " >" } else { "" };
            let seen = if left + 2 == last + 1 {
                format!("column {}", left + 2)
            } else {
                format!("columns {}-{}", left + 2, last + 1)
            };
            format!("{before}{seen} of {}{after}", self.of)
        })
    }
}

impl TableView {
    fn draw_table(&mut self, painter: &mut Painter, area: Rect, state: &State) {
        let Some((_, Derived::Table(table))) = &self.derived else { return };
        let of = if table.page.1 > 1 {
            format!("Table {} of {}", table.page.0 + 1, table.page.1)
        } else {
            "Table".to_owned()
        };
        let inside = painter.frame(area, &of);
        self.notes = vec![String::new()];
        for note in &table.notes {
            self.notes.extend(wrapped(note, usize::from(inside.width.saturating_sub(2))));
        }
        // A window may have grown since columns were scrolled away.
        self.left = self.left.min(table.columns.len().saturating_sub(2));
        let places = Places::new(inside, table, self.left);
        self.height = inside.height.saturating_sub(HEADS);
        let lines = table.rows.len() + self.notes.len();
        self.cursor = self.cursor.min(lines.saturating_sub(1));
        self.first = scrolled(self.first, self.cursor, lines, usize::from(self.height));
        draw_title(painter, inside, table, self.split(state), state);
        draw_heads(painter, &places, table);
        for (y, line) in (HEADS..inside.height).zip(self.first..lines) {
            match line.checked_sub(table.rows.len()) {
                None => draw_row(painter, &places, table, line, y, line == self.cursor),
                Some(note) => {
                    painter.say(inside, 1, y, &self.notes[note], Role::Dim);
                }
            }
        }
        if let Some(words) = places.words(self.left) {
            painter.say_right(area, area.width.saturating_sub(2), 0, &format!(" {words} "), Role::Dim);
        }
        self.draw_foot(painter, area, table);
    }

    fn draw_foot(&self, painter: &mut Painter, area: Rect, table: &Ranked) {
        if area.height < 3 {
            return;
        }
        let y = area.height - 1;
        let hints = " t task  m metric  d rows  b differences  y copy  e export ";
        let end = area.width.saturating_sub(2);
        let rows = table.rows.len();
        let last = (self.first + usize::from(self.height)).min(rows);
        let mut left = 2;
        if rows > 0 && (self.first > 0 || last < rows) && self.first < rows {
            left = painter.say(area, 2, y, &format!(" {}-{last} of {rows} ", self.first + 1), Role::Dim) + 1;
        }
        if usize::from(end.saturating_sub(left)) >= hints.width() {
            painter.say_right(area, end, y, hints, Role::Dim);
        }
    }
}

fn draw_title(painter: &mut Painter, inside: Rect, table: &Ranked, split: Split, state: &State) {
    let rows = match split {
        Split::Test => "test rows",
        Split::Valid if state.shows_test() => "validation rows",
        Split::Valid => "validation rows; test hidden until done",
    };
    let end = inside.width.saturating_sub(1);
    let room = usize::from(end).saturating_sub(rows.width() + 3);
    let title = fitted(&table.title, room, painter.theme.ascii);
    painter.say(inside, 1, 0, &title, Role::Strong);
    painter.say_right(inside, end, 0, rows, if split == Split::Test { Role::Warning } else { Role::Title });
    let role = if table.report.revealed { Role::Warning } else { Role::Dim };
    painter.say(inside, 1, 1, &table.headline, role);
}

fn draw_heads(painter: &mut Painter, places: &Places, table: &Ranked) {
    let inside = places.inside;
    painter.say_right(inside, RANK as u16 - 1, 3, "#", Role::Dim);
    painter.say(inside, RANK as u16, 3, "candidate", Role::Dim);
    for (place, end) in &places.columns {
        let Column { head, width, .. } = &table.columns[*place];
        for (y, text) in (3..).zip(head) {
            let role = if y == 3 { Role::Title } else { Role::Dim };
            let text = fitted(text, *width, painter.theme.ascii);
            say_to(painter, inside, *end, y, &text, role);
        }
    }
}

fn draw_row(painter: &mut Painter, places: &Places, table: &Ranked, line: usize, y: u16, at_cursor: bool) {
    let inside = places.inside;
    let row = &table.rows[line];
    let rank = row.rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string());
    painter.say_right(inside, RANK as u16 - 1, y, &rank, if row.rank == Some(1) { Role::Better } else { Role::Dim });
    let name = fitted(&row.label, places.label, painter.theme.ascii);
    painter.say(inside, RANK as u16, y, &name, if row.rank == Some(1) { Role::Strong } else { Role::Text });
    for (place, end) in &places.columns {
        let column = &table.columns[*place];
        let (text, role) = &column.texts[line];
        say_to(painter, inside, *end, y, text, *role);
    }
    let whole = Rect { y: inside.y.saturating_add(y), height: 1, ..inside }.intersection(inside);
    if at_cursor {
        // Colours turned around would be spots of their own.
        painter.tint(whole, painter.style(Role::Cursor).fg(Color::Reset));
    }
    painter.clickable(whole, Action::Point(line));
}

/// Writes so that a text ends before the column `end`, in ASCII too, where some signs are wider.
fn say_to(painter: &mut Painter, inside: Rect, end: u16, y: u16, text: &str, role: Role) {
    let text = fitted(text, usize::from(inside.width), painter.theme.ascii);
    painter.say_right(inside, end, y, &text, role);
}
