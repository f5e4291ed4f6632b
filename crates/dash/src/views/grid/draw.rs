//! The heat map on the screen.

use mmtl_grid::events::RunState;
use mmtl_report::{Split, direction, metric_name};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::action::Action;
use crate::painter::{Painter, fitted};
use crate::state::{State, Tables};
use crate::symbols::of_run;
use crate::theme::{Depth, Role};
use crate::views::grid::Grid;
use crate::views::grid::cells::{Outcome, Range};
use crate::views::grid::detail::{sentences, split_name};
use crate::views::grid::look::{Detail, Look, Signs, Widths, of_difference, of_scores, pieces};
use crate::views::grid::numbers::Digits;
use crate::views::grid::scores::Question;
use crate::views::scrolled;
use crate::wrapped::wrapped;

/// Lines for the cell under the cursor.
const SENTENCES: u16 = 3;
/// Seeds up to here have a sign each; more are counted by state.
const SIGNS: usize = 8;

/// A column's name is cut to this where all columns fit then.
const SHORT_HEAD: usize = 9;
/// Columns of the legend's ground, from worst to best.
const GRADIENT: u8 = 6;

/// The name of a column.
pub fn head(column: usize, state: &State) -> &str {
    if column == 0 { "rows" } else { state.subjects().scenes.get(column - 1).map_or("", String::as_str) }
}

/// What a screen is made of.
struct Sheet<'a> {
    state: &'a State,
    runs: Vec<&'a RunState>,
    question: Question,
    columns: Vec<usize>,
    digits: Digits,
}

/// Draws all of it.
pub fn draw(grid: &mut Grid, painter: &mut Painter, area: Rect, state: &State) {
    let question = grid.question(state);
    let inside = painter.frame(area, &title(grid, question.as_ref(), state));
    let Some(question) = question.filter(|_| !grid.cells.rows.is_empty()) else {
        empty(painter, inside, grid, state);
        return;
    };
    let means = grid.cells.ranges.iter().filter_map(|range| range.ends).flat_map(|(low, high)| [low, high]);
    let digits = Digits::of(question.metric, means);
    let columns = Grid::columns(state);
    let sheet = Sheet { state, runs: state.grid().runs().collect(), question, columns, digits };
    // The legend goes first and the sentences next when there is no room.
    let below = match inside.height {
        0..=5 => 0,
        6..=9 => 2,
        _ => SENTENCES + 2,
    };
    let table = Rect { height: inside.height - below, ..inside };
    let rest = Rect { y: table.bottom(), height: below, ..inside };
    sheet.table(grid, painter, table);
    sheet.below(grid, painter, rest);
}

fn title(grid: &Grid, question: Option<&Question>, state: &State) -> String {
    let Some(question) = question else { return "Grid".to_owned() };
    let test = match (question.split, state.tables()) {
        (Split::Test, Tables::Unread) => ", records are being read",
        (Split::Test, Tables::Unreadable(_)) => ", records cannot be read",
        (Split::Test, Tables::Read(_)) | (Split::Valid, _) => "",
    };
    let relative = if grid.relative { ", against the baseline" } else { "" };
    let other = match question.split {
        Split::Valid if state.shows_test() => " (d: test)",
        Split::Test => " (d: validation)",
        Split::Valid => "",
    };
    let (metric, split) = (metric_name(question.metric), split_name(question.split));
    format!("Grid: {metric} of {}, {split}{test}{relative}{other}", question.name)
}

fn empty(painter: &mut Painter, area: Rect, grid: &Grid, state: &State) {
    let says = match (state.reading(), grid.cells.rows.is_empty()) {
        (Some((read, of)), _) => format!("Reading the files of runs: {read} of {of}."),
        (None, true) if state.grid().counts().all() > 0 => {
            "Settings are tried first, on validation rows: a row comes when its setting is chosen. The runs are listed under 2.".to_owned()
        }
        (None, true) => "No run is planned yet: `mmtl run EXPERIMENT.toml` plans a grid and starts it.".to_owned(),
        (None, false) => "Tasks and scenes are not known yet; the runs are listed under 2.".to_owned(),
    };
    for (y, line) in (1..).zip(wrapped(&says, usize::from(area.width.saturating_sub(2)))) {
        painter.say(area, 1, y, &line, Role::Dim);
    }
}

/// Where the parts of a line are.
struct Line {
    label: u16,
    states: u16,
    /// Where cells begin.
    cells: u16,
    cell: u16,
    detail: Detail,
    widths: Widths,
    /// Columns that fit.
    fit: usize,
}

impl Sheet<'_> {
    fn row_runs(&self, grid: &Grid, row: usize) -> Vec<&RunState> {
        grid.cells.rows[row].runs.iter().map(|run| self.runs[*run]).collect()
    }

    fn look(&self, grid: &Grid, painter: &Painter, row: usize, column: usize) -> Look {
        let runs = self.row_runs(grid, row);
        let cell = &grid.cells.filled[row].cells[column];
        let difference = grid.relative.then(|| grid.cells.difference(row, column, &self.runs)).flatten();
        if let Some(difference) = difference {
            let is_higher = self.question.metric.better().is_higher();
            return of_difference(&difference, cell, &runs, is_higher, self.digits, painter.theme);
        }
        let is_best = grid.cells.ranges[column].best.contains(&row) && !grid.relative;
        of_scores(cell, &runs, is_best, self.digits, painter.theme)
    }

    fn table(&self, grid: &mut Grid, painter: &mut Painter, area: Rect) {
        let height = usize::from(area.height.saturating_sub(1));
        grid.height = height;
        grid.first.0 = scrolled(grid.first.0, grid.cursor.0, grid.cells.rows.len(), height);
        let shown: Vec<usize> = (grid.first.0..grid.cells.rows.len()).take(height).collect();
        let looks: Vec<Vec<Look>> = shown
            .iter()
            .map(|row| self.columns.iter().map(|column| self.look(grid, painter, *row, *column)).collect())
            .collect();
        let line = self.line(grid, &looks, area);
        grid.first.1 = scrolled(grid.first.1, grid.cursor.1, self.columns.len(), line.fit);
        self.heads(grid, painter, area, &line);
        for (y, (row, looks)) in (1..).zip(shown.iter().zip(&looks)) {
            self.row(grid, painter, area, y, *row, looks, &line);
        }
    }

    /// Parts the width: as much of each cell as lets all columns fit, and of many at least the means.
    fn line(&self, grid: &Grid, looks: &[Vec<Look>], area: Rect) -> Line {
        let mut widths = Widths::default();
        looks.iter().flatten().for_each(|look| widths.hold(look));
        let (longest, most) = (grid.cells.longest.max(3), grid.cells.seeds);
        let states = if most > SIGNS { 12 } else { most.max(5) } as u16;
        let third = (usize::from(area.width) * 2 / 5).max(6);
        let of_heads = self.columns.iter().map(|column| head(*column, self.state).width().min(14)).max().unwrap_or(0);
        let room = |label: usize| usize::from(area.width).saturating_sub(label + 2 + usize::from(states) + 2);
        let width = |detail| (widths.of(detail).max(of_heads) + 1) as u16;
        let fits = |detail: &Detail, label| room(label) >= self.columns.len() * usize::from(width(*detail));
        let details = [Detail::Seeds, Detail::Spread, Detail::Mean];
        let whole = details.iter().find(|detail| fits(detail, longest));
        let (detail, label) = whole.map_or((Detail::Mean, longest.min(third)), |detail| (*detail, longest));
        // Where not even the means of all columns fit, they scroll, and names may as well be read.
        let short = (widths.of(detail).max(of_heads.min(SHORT_HEAD)) + 1) as u16;
        let is_short = detail == Detail::Mean && room(label) >= self.columns.len() * usize::from(short);
        let cell = if is_short { short } else { width(detail) };
        let fit = (room(label) / usize::from(cell)).max(1);
        let cells = (label + 2 + usize::from(states) + 2) as u16;
        Line { label: label as u16, states, cells, cell, detail, widths, fit }
    }

    fn heads(&self, grid: &Grid, painter: &mut Painter, area: Rect, line: &Line) {
        painter.say(area, 2, 0, &cut("row", line.label), Role::Title);
        painter.say(area, line.label + 3, 0, &cut("seeds", line.states), Role::Title);
        let (from, until) = (grid.first.1, (grid.first.1 + line.fit).min(self.columns.len()));
        for (place, column) in self.columns[from..until].iter().enumerate() {
            let name = fitted(head(*column, self.state), usize::from(line.cell - 1), painter.theme.ascii);
            let end = line.cells + (place as u16 + 1) * line.cell;
            let role = if from + place == grid.cursor.1 { Role::Strong } else { Role::Title };
            // Under the name stands the flag's column.
            painter.say_right(area, end - 1, 0, &name, role);
        }
        let ascii = painter.theme.ascii;
        if from > 0 {
            painter.say(area, line.cells.saturating_sub(1), 0, if ascii { "<" } else { "◂" }, Role::Key);
        }
        if until < self.columns.len() {
            painter.say_right(area, area.width, 0, if ascii { ">" } else { "▸" }, Role::Key);
        }
    }

    fn row(&self, grid: &Grid, painter: &mut Painter, area: Rect, y: u16, row: usize, looks: &[Look], line: &Line) {
        let table_row = &grid.cells.rows[row];
        let is_cursor = row == grid.cursor.0;
        if table_row.is_baseline {
            painter.say(area, 0, y, Signs::of(painter.theme).baseline, Role::Key);
        }
        let role = if is_cursor { Role::Strong } else { Role::Text };
        painter.say(area, 2, y, &fitted(&table_row.label, usize::from(line.label), painter.theme.ascii), role);
        let whole = Rect { y: area.y.saturating_add(y), height: 1, ..area };
        painter.clickable(whole.intersection(area), Action::Point(row));
        self.states(grid, painter, area, (line.label + 3, y), row);
        for (place, look) in looks.iter().enumerate().skip(grid.first.1).take(line.fit) {
            let x = line.cells + (place - grid.first.1) as u16 * line.cell;
            let part = Rect { x: area.x.saturating_add(x), width: line.cell - 1, ..whole }.intersection(area);
            let ground = self.ground(grid, painter, row, self.columns[place], look);
            draw_look(painter, part, look, line, ground);
            painter.clickable(part, Action::PointAt(row, place));
            if is_cursor && place == grid.cursor.1 {
                painter.tint(part, Style::new().add_modifier(Modifier::REVERSED));
            }
        }
    }

    /// The state of each seed, or with many of them how many are in each.
    fn states(&self, grid: &Grid, painter: &mut Painter, area: Rect, (mut x, y): (u16, u16), row: usize) {
        let runs = self.row_runs(grid, row);
        let signs: Vec<(&str, Role)> = runs.iter().map(|run| of_run(run, &painter.theme)).collect();
        if signs.len() <= SIGNS {
            for (sign, role) in signs {
                x = painter.say(area, x, y, sign, role);
            }
            return;
        }
        let mut counted: Vec<((&str, Role), usize)> = vec![];
        for sign in signs {
            match counted.iter_mut().find(|(known, _)| *known == sign) {
                Some((_, count)) => *count += 1,
                None => counted.push((sign, 1)),
            }
        }
        for ((sign, role), count) in counted {
            x = painter.say(area, x, y, &format!("{count}{sign} "), role);
        }
    }

    /// The ground of a cell: none without a number, and none where differences are shown, whose colour is their sign's.
    fn ground(&self, grid: &Grid, painter: &Painter, row: usize, column: usize, look: &Look) -> Option<Style> {
        let is_number = look.instead.is_empty() && look.role.is_none() && !grid.relative;
        let (worst, best) = grid.cells.ranges[column].ends.filter(|_| is_number)?;
        let Outcome::Mean(summary) = grid.cells.filled[row].cells[column].outcome else { return None };
        let [mean, worst, best] = [summary.mean, worst, best].map(|value| self.question.metric.better().merit(value));
        let share = if best > worst { (mean - worst) / (best - worst) } else { 0.5 };
        Some(painter.theme.heat(share))
    }

    fn below(&self, grid: &Grid, painter: &mut Painter, area: Rect) {
        let Some(column) = self.columns.get(grid.cursor.1) else { return };
        let name = head(*column, self.state);
        let text = sentences(&grid.cells, (grid.cursor.0, *column), name, &self.question, self.digits, &self.runs);
        let room = usize::from(area.width.saturating_sub(2));
        let mut lines = wrapped(&text, room);
        let from = if area.height > SENTENCES {
            self.legend(grid, painter, area, &grid.cells.ranges[*column], name);
            2
        } else {
            0
        };
        let most = usize::from(area.height.saturating_sub(from));
        if lines.len() > most && most > 0 {
            let rest = lines.split_off(most - 1).join(" ");
            lines.push(fitted(&rest, room, painter.theme.ascii));
        }
        for (y, line) in (from..).zip(lines) {
            painter.say(area, 1, y, &line, Role::Text);
        }
    }

    /// What ground and signs mean, with the range of the column under the cursor.
    fn legend(&self, grid: &Grid, painter: &mut Painter, area: Rect, range: &Range, name: &str) {
        let signs = Signs::of(painter.theme);
        let mut x = 1;
        if grid.relative {
            x = painter.say(area, x, 1, &format!("{} better", signs.better), Role::Better) + 2;
            x = painter.say(area, x, 1, &format!("{} worse", signs.worse), Role::Worse) + 2;
            painter.say(area, x, 1, &format!("than {} the baseline, paired by seed", signs.baseline), Role::Dim);
            return;
        }
        let Some((worst, best)) = range.ends else {
            let says = format!("nothing is scored in {name} yet; each evaluation on validation rows fills it in");
            painter.say(area, x, 1, &says, Role::Dim);
            return;
        };
        let (worst, best) = (self.digits.number(worst), self.digits.number(best));
        x = painter.say(area, x, 1, &format!("{name}: {worst} "), Role::Dim);
        let has_ground = matches!(painter.theme.depth, Depth::True | Depth::TwoHundredFiftySix);
        if has_ground {
            for step in 0..GRADIENT {
                x = painter.text(area, x, 1, " ", painter.theme.heat(f64::from(step) / f64::from(GRADIENT - 1)));
            }
        } else {
            x = painter.say(area, x, 1, "to", Role::Dim);
        }
        let lighter = if has_ground { "lighter and " } else { "" };
        let signs = format!("  {} best  {} baseline", signs.best, signs.baseline);
        x = painter.say(
            area,
            x,
            1,
            &format!(" {best}, {lighter}{}{signs}", direction(self.question.metric)),
            Role::Dim,
        );
        for more in ["  each column by itself", "  ~ few rows: never best"] {
            if usize::from(x) + more.width() <= usize::from(area.width) {
                x = painter.say(area, x, 1, more, Role::Dim);
            }
        }
    }
}

fn draw_look(painter: &mut Painter, part: Rect, look: &Look, line: &Line, ground: Option<Style>) {
    let pieces = pieces(look, line.widths, line.detail);
    if let Some(ground) = ground {
        painter.tint(part, ground);
    }
    let width: usize = pieces.iter().map(|(text, _)| text.width()).sum();
    let mut x = part.width.saturating_sub(u16::try_from(width).unwrap_or(u16::MAX));
    for (text, role) in pieces {
        let style = match (ground, role) {
            (Some(ground), _) => ground,
            (None, Some(role)) => painter.style(role),
            (None, None) => Style::new(),
        };
        x = painter.text(part, x, 0, &text, style);
    }
}

fn cut(text: &str, width: u16) -> String {
    text.chars().take(usize::from(width)).collect()
}
