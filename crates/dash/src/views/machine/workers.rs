//! The runs that run, with the processes that execute them.

use mmtl_grid::events::{RunState, RunStatus};
use ratatui::layout::Rect;
use ratatui::style::Color;

use crate::action::Action;
use crate::painter::{Painter, fitted};
use crate::state::State;
use crate::symbols::of_run;
use crate::theme::Role;
use crate::views::machine::amount::{bytes, percent, rate};

/// Ends of the columns, counted from the right edge: GFLOP/s, rows/s, memory, cores, what is done.
const ENDS: [u16; 5] = [1, 11, 22, 33, 41];
/// Columns of a process number.
const PID: u16 = 8;

/// The runs that a worker is at, in the grid's order.
pub fn running(state: &State) -> Vec<&RunState> {
    state.grid().running().filter(|run| !run.abandoned).collect()
}

/// Draws the heads and, from `first` on, as many workers as there is room for.
pub fn draw(painter: &mut Painter, area: Rect, state: &State, workers: &[&RunState], first: usize, cursor: usize) {
    let ends = ENDS.map(|end| area.width.saturating_sub(end));
    painter.say_right(area, PID, 0, "pid", Role::Dim);
    painter.say(area, 3 + PID, 0, "worker of run", Role::Title);
    for (end, head) in ends.iter().zip(["GFLOP/s", "rows/s", "memory", "cores", "done"]) {
        painter.say_right(area, *end, 0, head, Role::Dim);
    }
    if workers.is_empty() {
        painter.say(area, 3 + PID, 1, "no run runs now", Role::Dim);
        return;
    }
    for (y, (number, run)) in (1..area.height).zip(workers.iter().enumerate().skip(first)) {
        draw_worker(painter, area, y, state, run, &ends);
        let line = Rect { y: area.y.saturating_add(y), height: 1, ..area }.intersection(area);
        if number == cursor {
            // Colours turned around would be spots of their own.
            painter.tint(line, painter.style(Role::Cursor).fg(Color::Reset));
        }
        painter.clickable(line, Action::Point(number));
    }
}

fn draw_worker(painter: &mut Painter, area: Rect, y: u16, state: &State, run: &RunState, ends: &[u16; 5]) {
    let RunStatus::Running { host, pid } = &run.status else { return };
    painter.say_right(area, PID, y, &pid.to_string(), Role::Text);
    let (sign, role) = of_run(run, &painter.theme);
    painter.say(area, 1 + PID, y, sign, role);
    let label = run.rows.first().map_or_else(|| run.architecture.clone(), ToString::to_string);
    let room = usize::from(ends[4].saturating_sub(PID + 10));
    let label = fitted(&format!("{label} seed {}", run.seed), room, painter.theme.ascii);
    painter.say(area, 3 + PID, y, &label, Role::Text);
    painter.say_right(area, ends[4], y, &percent(run.fraction()), Role::Text);
    match where_it_is(state, host, *pid) {
        Where::Here(cores, memory) => {
            painter.say_right(area, ends[3], y, &format!("{cores:.2}"), Role::Text);
            painter.say_right(area, ends[2], y, &bytes(memory), Role::Text);
        }
        Where::Elsewhere => {
            let words = fitted(&format!("elsewhere: {host}"), 18, painter.theme.ascii);
            painter.say_right(area, ends[2], y, &words, Role::Dim);
        }
        Where::NotSeen => painter.say_right(area, ends[2], y, "process not seen", Role::Warning),
        Where::NotLooked => painter.say_right(area, ends[2], y, "–", Role::Dim),
    }
    match (&run.stage, run.fits.get(run.fit)) {
        (Some(stage), _) => painter.say_right(area, ends[0], y, &fitted(stage, 20, painter.theme.ascii), Role::Dim),
        (None, Some(fit)) => {
            painter.say_right(area, ends[1], y, &rate(fit.rows_per_second.round()), Role::Text);
            let gflops = state.roofline().gflops(run).map_or_else(|| "–".to_owned(), rate);
            painter.say_right(area, ends[0], y, &gflops, Role::Text);
        }
        (None, None) => painter.say_right(area, ends[0], y, "starts", Role::Dim),
    }
}

/// What is known of a worker's process.
enum Where {
    /// Use of cores, and memory in bytes.
    Here(f64, u64),
    /// On another machine.
    Elsewhere,
    /// On this machine, but there is no such process.
    NotSeen,
    /// Nobody has looked at this machine.
    NotLooked,
}

fn where_it_is(state: &State, host: &str, pid: u32) -> Where {
    let Some(sample) = state.machine().latest() else { return Where::NotLooked };
    if sample.host != host {
        return Where::Elsewhere;
    }
    let found = sample.workers.iter().find(|(other, ..)| *other == pid);
    found.map_or(Where::NotSeen, |(_, cores, memory)| Where::Here(*cores, *memory))
}
