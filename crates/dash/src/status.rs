//! What is around a view: name and tabs above, how the grid stands below, the log, and what was just said.

use mmtl_grid::events::{Ending, Level};
use ratatui::layout::Rect;
use thousands::Separable;
use unicode_width::UnicodeWidthStr;

use crate::action::{Action, Tab};
use crate::chosen::Chosen;
use crate::painter::Painter;
use crate::state::{Scheduler, State};
use crate::symbols::bar;
use crate::theme::Role;
use crate::time::{clock, duration};

/// How long a failure is shown on top of a view, in milliseconds; of a replay's, so many times as long.
const TOAST: u64 = 8_000;

/// Draws name and tabs.
pub fn head(painter: &mut Painter, area: Rect, state: &State, tab: Tab) {
    let name = if state.grid().experiment.is_empty() { "mmtl" } else { &state.grid().experiment };
    let tabs: u16 = Tab::ALL.iter().map(|tab| tab.name().len() as u16 + 5).sum();
    let room = usize::from(area.width.saturating_sub(tabs)).max(6);
    let name = crate::painter::fitted(name, room.saturating_sub(2), painter.theme.ascii);
    let mut x = painter.say(area, 1, 0, &name, Role::Strong) + 2;
    for (number, other) in Tab::ALL.into_iter().enumerate() {
        let start = x;
        x = painter.say(area, x, 0, &format!(" {}", number + 1), Role::Key);
        x = painter.say(area, x, 0, &format!(" {} ", other.name()), Role::Text);
        let part = Rect { x: area.x.saturating_add(start), width: x - start, ..area }.intersection(area);
        if other == tab {
            painter.tint(part, painter.style(Role::Cursor));
        }
        painter.clickable(part, Action::Show(other));
        x += 1;
    }
}

/// Draws how the grid stands.
pub fn status(painter: &mut Painter, area: Rect, state: &State, notice: Option<&str>) {
    if let Some(notice) = notice {
        painter.say(area, 1, 0, notice, Role::Strong);
        return;
    }
    let hint = "?: keys  q: quit";
    let end = area.width.saturating_sub(hint.width() as u16 + 1);
    painter.say(area, end, 0, hint, Role::Dim);
    let left = Rect { width: end.saturating_sub(1), ..area };
    let mut x = 1;
    for (text, role) in parts(painter, state, left.width) {
        if x + (text.width() as u16) >= left.width && x > 1 {
            break;
        }
        x = painter.say(left, x, 0, &text, role) + 2;
    }
}

/// The parts of the status line, the most telling first.
fn parts(painter: &Painter, state: &State, width: u16) -> Vec<(String, Role)> {
    let counts = state.grid().counts();
    let all = state.grid().total();
    let abandoned = state.grid().running().filter(|run| run.abandoned).count();
    let mut parts = vec![];
    if let Some(speed) = state.replay() {
        parts.push((format!("replay ×{speed}"), Role::Key));
    }
    if let Some((read, of)) = state.reading() {
        parts.push((format!("reading {read} of {of}"), Role::Warning));
    }
    let over = is_over(state);
    if over {
        parts.push(life(state));
    }
    let share = if all == 0 { 0.0 } else { counts.finished as f64 / all as f64 };
    let finished = if width > 90 { format!("{} ", bar(share, 12, &painter.theme)) } else { String::new() };
    parts.push((format!("{finished}{} of {all} done", counts.finished), Role::Finished));
    for (count, word, role) in [
        (counts.running - abandoned, "running", Role::Running),
        (abandoned, "abandoned", Role::Warning),
        (counts.failed, "failed", Role::Failed),
        (counts.queued, "queued", Role::Text),
        (counts.paused, "paused", Role::Paused),
        (counts.cancelled, "cancelled", Role::Cancelled),
        (counts.pruned, "pruned", Role::Cancelled),
    ] {
        if count > 0 {
            parts.push((format!("{count} {word}"), role));
        }
    }
    if !over {
        parts.push(life(state));
    }
    let rate = state.grid().rows_per_second();
    if rate > 0.0 {
        parts.push((format!("{} rows/s", (rate as u64).separate_with_commas()), Role::Dim));
    }
    parts
}

/// Whether and how long the grid goes on.
fn life(state: &State) -> (String, Role) {
    if !is_over(state) {
        return match state.grid().time_left() {
            // Nothing is left to wait for but somebody who resumes them.
            _ if is_paused(state) => ("paused".to_owned(), Role::Paused),
            Some(left) => (format!("{} left", duration(left)), Role::Strong),
            None => ("time left unknown".to_owned(), Role::Dim),
        };
    }
    match state.grid().ending {
        Some(Ending::Done) => ("ended".to_owned(), Role::Dim),
        Some(Ending::Stopped) => ("stopped; `mmtl run` goes on".to_owned(), Role::Warning),
        Some(Ending::FailedFast) => ("stopped at a failure".to_owned(), Role::Failed),
        None => ("its scheduler died; `mmtl run` goes on".to_owned(), Role::Failed),
    }
}

/// Whether no run runs or waits, and some are paused.
fn is_paused(state: &State) -> bool {
    let counts = state.grid().counts();
    counts.running + counts.queued == 0 && counts.paused > 0
}

/// Whether no scheduler is left. The one of a replay lived until it told of its end, whoever lives today.
fn is_over(state: &State) -> bool {
    match state.replay() {
        Some(_) => state.grid().ending.is_some(),
        None => *state.scheduler() == Scheduler::Gone,
    }
}

/// Draws the latest words of scheduler and workers, and what is wrong with files.
pub fn log(painter: &mut Painter, area: Rect, state: &State, chosen: &Chosen) {
    if area.is_empty() {
        return;
    }
    let inside = painter.frame(area, "Log");
    let mut lines: Vec<(String, Role)> = vec![];
    for (_, reason) in state.troubles() {
        lines.push((reason.to_owned(), Role::Warning));
    }
    for (at, key, level, text) in &state.grid().log {
        let role = match level {
            Level::Info => Role::Text,
            Level::Warning => Role::Warning,
            Level::Error => Role::Failed,
        };
        let word = match level {
            Level::Info => "",
            Level::Warning => "warning: ",
            Level::Error => "failed: ",
        };
        let of = key.as_ref().map_or(String::new(), |key| format!("{} ", &key.as_str()[..8.min(key.as_str().len())]));
        lines.push((format!("{} {of}{word}{text}", clock(*at)), role));
    }
    let printed = state.printed(chosen.focus.as_ref()).rev().take(usize::from(inside.height) / 2);
    let printed: Vec<(String, Role)> = printed.map(|line| (format!("| {line}"), Role::Dim)).collect();
    lines.extend(printed.into_iter().rev());
    let first = lines.len().saturating_sub(usize::from(inside.height));
    for (y, (text, role)) in (0..inside.height).zip(&lines[first..]) {
        painter.say(inside, 0, y, text, *role);
    }
    if lines.is_empty() {
        painter.say(inside, 0, 0, "nothing was said yet", Role::Dim);
    }
}

/// Draws the failures of the last seconds above the lower right corner.
pub fn toasts(painter: &mut Painter, area: Rect, state: &State) {
    let lasts = (TOAST as f64 * state.replay().unwrap_or(1.0)) as u64;
    let young = |at: u64| at.saturating_add(lasts) > state.now();
    let recent = state.grid().log.iter().rev().take_while(|(at, ..)| young(*at));
    let failures = recent.filter(|(_, _, level, _)| *level == Level::Error).take(3);
    let width = area.width.min(60);
    for (number, (_, key, _, text)) in failures.enumerate() {
        let height = 3;
        let below = (number as u16 + 1) * height;
        if below > area.height {
            break;
        }
        let place = Rect { x: area.right() - width, y: area.bottom() - below, width, height };
        painter.clear(place);
        let architecture = key.as_ref().and_then(|key| state.run(key)).map_or("grid", |run| run.architecture.as_str());
        let inside = painter.frame(place, &format!("failed: {architecture}"));
        painter.say(inside, 0, 0, text, Role::Failed);
        if let Some(key) = key {
            painter.clickable(place, Action::Focus(key.clone()));
        }
    }
}
