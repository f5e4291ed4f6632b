//! The list of runs on the screen.

use std::fmt::Write as _;

use mmtl_grid::events::{RunState, RunStatus};
use ratatui::layout::Rect;

use crate::action::Action;
use crate::chosen::Chosen;
use crate::painter::{Painter, fitted};
use crate::state::State;
use crate::symbols::{bar, of_run};
use crate::theme::Role;
use crate::views::runs::Runs;
use crate::views::runs::columns::{Head, instead, text};
use crate::views::scrolled;
use crate::wrapped::wrapped;

/// Columns before the first: the mark.
const MARK: u16 = 2;
/// What differs is cut to this before a column goes.
const LEAST_DIFFERS: usize = 12;
/// Lines from which on the last tells of the run under the cursor.
const LEAST_WITH_DETAIL: u16 = 8;
/// A bar grows to this.
const LONGEST_BAR: u16 = 28;

/// Draws all of it.
pub fn draw(view: &mut Runs, painter: &mut Painter, area: Rect, state: &State, chosen: &Chosen) {
    let runs: Vec<&RunState> = state.grid().runs().collect();
    let inside = painter.frame(area, &title(view, &runs, chosen));
    let columns = columns(view, inside.width);
    heads(view, painter, inside, &columns);
    let below = u16::from(inside.height >= LEAST_WITH_DETAIL);
    let height = inside.height.saturating_sub(1 + below);
    let lines = Rect { y: inside.y.saturating_add(1), height, ..inside };
    if let Some(run) = chosen.focus.as_ref().and_then(|key| state.run(key)).filter(|_| below > 0) {
        painter.say(inside, MARK, inside.height - 1, &in_full(run), Role::Dim);
    }
    view.height = usize::from(lines.height);
    view.first = scrolled(view.first, view.cursor, view.list.places.len(), view.height);
    if let Some(mistake) = &view.list.mistake {
        draw_mistake(painter, lines, mistake);
    } else if view.list.places.is_empty() {
        painter.say(lines, MARK, 0, &nothing(view, state, runs.is_empty()), Role::Dim);
    }
    for (y, line) in (0..lines.height).zip(view.first..view.list.places.len()) {
        let place = view.list.places[line];
        let part = Rect { y: lines.y + y, height: 1, ..lines };
        draw_run(painter, part, runs[place], &view.list.differs[place], &columns);
        if chosen.marked.contains(&runs[place].key) {
            painter.say(part, 0, 0, if painter.theme.ascii { "*" } else { "●" }, Role::Key);
        }
        if chosen.focus.as_ref() == Some(&runs[place].key) {
            painter.tint(part, painter.style(Role::Cursor));
        }
        painter.clickable(part, Action::Point(line));
    }
}

/// What the line of a run may have no room for: all its rows, and why it is in its state.
fn in_full(run: &RunState) -> String {
    let rows: Vec<String> = run.rows.iter().map(ToString::to_string).collect();
    let state = match (crate::filter::reason(&run.status), &run.stage) {
        (Some(reason), _) => format!("{}: {reason}", run.word()),
        (None, Some(stage)) => stage.clone(),
        (None, None) => run.word().to_owned(),
    };
    format!("{}, seed {}: {state}", rows.join("; "), run.seed)
}

/// How many are listed and marked, by what, and what of it is not seen.
fn title(view: &Runs, runs: &[&RunState], chosen: &Chosen) -> String {
    let (listed, all) = (view.list.places.len(), runs.len());
    let mut title = format!("{listed} of {all} runs listed");
    if !chosen.marked.is_empty() {
        let _ = write!(title, ", {} marked", chosen.marked.len());
        let seen = view.list.places.iter().filter(|place| chosen.marked.contains(&runs[**place].key)).count();
        if seen < chosen.marked.len() {
            let _ = write!(title, " ({} not listed)", chosen.marked.len() - seen);
        }
    }
    if let Some(focus) = chosen.focus.as_ref().filter(|_| view.line_of(runs, chosen).is_none() && all > 0) {
        let _ = write!(title, ", cursor on {} (not listed)", &focus.as_str()[..8.min(focus.as_str().len())]);
    }
    match (view.order.by, view.order.reversed) {
        (None, false) => {}
        (None, true) => title.push_str(", last first"),
        (Some(head), reversed) => {
            let arrow = if reversed == head.is_largest_first() { "upwards" } else { "downwards" };
            let _ = write!(title, ", by {} {arrow}", head.name());
        }
    }
    if !view.filter.is_empty() {
        let _ = write!(title, ", filter: {}", view.filter);
    }
    title
}

/// What is wrong with the filter, whole, in as many lines as it takes.
fn draw_mistake(painter: &mut Painter, lines: Rect, mistake: &str) {
    let room = usize::from(lines.width.saturating_sub(2 * MARK));
    for (y, line) in (0..lines.height).zip(wrapped(mistake, room)) {
        painter.say(lines, MARK, y, &line, Role::Failed);
    }
}

/// Why nothing is listed, and what to do.
fn nothing(view: &Runs, state: &State, none_planned: bool) -> String {
    match (state.reading(), none_planned) {
        (Some((read, of)), true) => format!("Reading the files of runs: {read} of {of}."),
        (None, true) => "No run is planned yet: `mmtl run EXPERIMENT.toml` plans a grid and starts it.".to_owned(),
        (_, false) => format!("No run fits `{}`: Esc lists all, / changes the filter.", view.filter),
    }
}

/// The columns that fit, with place and width.
fn columns(view: &Runs, width: u16) -> Vec<(Head, u16, u16)> {
    let whole = view.list.widths;
    let least = |head: Head| match head {
        Head::Differs => whole[head as usize].min(LEAST_DIFFERS),
        head => whole[head as usize],
    };
    let mut shown: Vec<Head> = Head::ALL.into_iter().filter(|head| least(*head) > 0).collect();
    let needed = |shown: &[Head]| shown.iter().map(|head| least(*head) + 1).sum::<usize>() + usize::from(MARK);
    for head in Head::DROPPED {
        if needed(&shown) <= usize::from(width) + 1 {
            break;
        }
        shown.retain(|other| *other != head);
    }
    let mut spare = (usize::from(width) + 1).saturating_sub(needed(&shown));
    let mut x = MARK;
    let mut columns = vec![];
    for head in shown {
        let most = match head {
            Head::Differs => whole[head as usize],
            Head::Progress => usize::from(LONGEST_BAR),
            head => least(head),
        };
        let more = spare.min(most.saturating_sub(least(head)));
        spare -= more;
        let width = u16::try_from(least(head) + more).unwrap_or(u16::MAX);
        columns.push((head, x, width));
        x = x.saturating_add(width).saturating_add(1);
    }
    columns
}

fn heads(view: &Runs, painter: &mut Painter, area: Rect, columns: &[(Head, u16, u16)]) {
    for (head, x, width) in columns {
        let part = Rect { x: area.x.saturating_add(*x), width: *width, height: 1, ..area }.intersection(area);
        let role = if view.order.by == Some(*head) { Role::Strong } else { Role::Title };
        if head.is_right() {
            painter.say_right(part, part.width, 0, head.name(), role);
        } else {
            painter.say(part, 0, 0, head.name(), role);
        }
        if view.order.by == Some(*head) {
            painter.tint(part, ratatui::style::Style::new().add_modifier(ratatui::style::Modifier::UNDERLINED));
        }
        painter.clickable(part, Action::PointAt(0, *head as usize));
    }
}

fn draw_run(painter: &mut Painter, line: Rect, run: &RunState, differs: &str, columns: &[(Head, u16, u16)]) {
    let (sign, state) = of_run(run, &painter.theme);
    let words = instead(run);
    let covered = |head: &Head| words.is_some() && head.is_covered(&run.status);
    let end_of_words = columns.iter().filter(|(head, ..)| covered(head)).map(|(_, x, width)| x + width).max();
    for (head, x, width) in columns {
        let part = |width| Rect { x: line.x.saturating_add(*x), width, ..line }.intersection(line);
        match head {
            Head::State => drop(painter.say(part(*width), 0, 0, &format!("{sign} {}", run.word()), state)),
            Head::Progress if words.is_some() => {
                let until = end_of_words.map_or(*width, |end| end.saturating_sub(*x));
                painter.say(part(until), 0, 0, words.as_deref().unwrap_or_default(), of_words(&run.status));
            }
            Head::Progress => progress(painter, part(*width), run, state),
            head if covered(head) => {}
            head => {
                let text = fitted(&text(run, *head, differs), usize::from(*width), painter.theme.ascii);
                let role = role(*head);
                if head.is_right() {
                    painter.say_right(part(*width), *width, 0, &text, role);
                } else {
                    painter.say(part(*width), 0, 0, &text, role);
                }
            }
        }
    }
}

fn of_words(status: &RunStatus) -> Role {
    match status {
        RunStatus::Failed { .. } => Role::Failed,
        RunStatus::Running { .. } => Role::Running,
        RunStatus::Finished
        | RunStatus::NotApplicable { .. }
        | RunStatus::Queued
        | RunStatus::Paused
        | RunStatus::Cancelled
        | RunStatus::Pruned => Role::Dim,
    }
}

fn progress(painter: &mut Painter, part: Rect, run: &RunState, role: Role) {
    let fraction = run.fraction();
    if fraction == 0.0 && !matches!(run.status, RunStatus::Running { .. }) {
        return;
    }
    let percent = format!("{:>4.0} %", 100.0 * fraction);
    let length = usize::from(part.width).saturating_sub(percent.len());
    let x = painter.say(part, 0, 0, &bar(fraction, length, &painter.theme), role);
    painter.say(part, x, 0, &percent, Role::Text);
}

fn role(head: Head) -> Role {
    match head {
        Head::Attempt | Head::Priority | Head::Key | Head::Rate | Head::Step => Role::Dim,
        Head::Score => Role::Strong,
        Head::State
        | Head::Architecture
        | Head::Protocol
        | Head::Differs
        | Head::Seed
        | Head::Progress
        | Head::Epoch
        | Head::Left => Role::Text,
    }
}
