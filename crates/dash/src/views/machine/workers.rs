//! The runs that run, with the processes that execute them.

use mmtl_grid::events::{RunState, RunStatus};
use ratatui::layout::Rect;
use ratatui::style::Color;

use crate::action::Action;
use crate::painter::Painter;
use crate::state::State;
use crate::symbols::of_run;
use crate::theme::Role;
use crate::views::machine::amount::{bytes, percent, rate};
use crate::views::machine::columns::Columns;

/// Columns of a process number.
const PID: u16 = 8;
/// Where a worker's run is told.
const LABEL: u16 = 3 + PID;
/// What its columns are called.
const LABELS: &str = "worker of run";
/// What stands on the right.
const HEADS: [&str; 5] = ["done", "cores", "memory", "rows/s", "GFLOP/s"];
const WIDTHS: [u16; 5] = [7, 8, 11, 11, 10];
/// How far a run is stays longest.
const DROPPED: [usize; 5] = [GFLOPS, CORES, ROWS, MEMORY, DONE];
const DONE: usize = 0;
const CORES: usize = 1;
const MEMORY: usize = 2;
const ROWS: usize = 3;
const GFLOPS: usize = 4;

/// The runs that a worker is at, in the grid's order.
pub fn running(state: &State) -> Vec<&RunState> {
    state.grid().running().filter(|run| !run.abandoned).collect()
}

/// Draws the heads and, from `first` on, as many workers as there is room for.
pub fn draw(painter: &mut Painter, area: Rect, state: &State, workers: &[&RunState], first: usize, cursor: usize) {
    let columns = Columns::fit(area.width, LABEL + LABELS.len() as u16, WIDTHS, DROPPED);
    painter.say_right(area, PID, 0, "pid", Role::Dim);
    painter.say(columns.left(area), LABEL, 0, LABELS, Role::Title);
    for (column, head) in HEADS.into_iter().enumerate() {
        columns.say(painter, area, column, 0, head, Role::Dim);
    }
    if workers.is_empty() {
        painter.say(area, LABEL, 1, "no run runs now", Role::Dim);
        return;
    }
    for (y, (number, run)) in (1..area.height).zip(workers.iter().enumerate().skip(first)) {
        draw_worker(painter, area, y, state, run, &columns);
        let line = Rect { y: area.y.saturating_add(y), height: 1, ..area }.intersection(area);
        if number == cursor {
            // Colours turned around would be spots of their own.
            painter.tint(line, painter.style(Role::Cursor).fg(Color::Reset));
        }
        painter.clickable(line, Action::Point(number));
    }
}

fn draw_worker(painter: &mut Painter, area: Rect, y: u16, state: &State, run: &RunState, columns: &Columns<5>) {
    let RunStatus::Running { host, pid } = &run.status else { return };
    painter.say_right(area, PID, y, &pid.to_string(), Role::Text);
    let (sign, role) = of_run(run, &painter.theme);
    painter.say(area, 1 + PID, y, sign, role);
    let label = run.rows.first().map_or_else(|| run.architecture.clone(), ToString::to_string);
    painter.say(columns.left(area), LABEL, y, &format!("{label} seed {}", run.seed), Role::Text);
    columns.say(painter, area, DONE, y, &percent(run.fraction()), Role::Text);
    match where_it_is(state, host, *pid) {
        Where::Here(cores, memory) => {
            columns.say(painter, area, CORES, y, &format!("{cores:.2}"), Role::Text);
            columns.say(painter, area, MEMORY, y, &bytes(memory), Role::Text);
        }
        Where::Elsewhere => {
            columns.say_across(painter, area, CORES..=MEMORY, y, &format!("elsewhere: {host}"), Role::Dim);
        }
        Where::NotSeen => columns.say_across(painter, area, CORES..=MEMORY, y, "process not seen", Role::Warning),
        Where::NotLooked => columns.say_across(painter, area, CORES..=MEMORY, y, "–", Role::Dim),
    }
    match (&run.stage, run.fits.get(run.fit)) {
        (Some(stage), _) => columns.say_across(painter, area, ROWS..=GFLOPS, y, stage, Role::Dim),
        (None, Some(fit)) => {
            columns.say(painter, area, ROWS, y, &rate(fit.rows_per_second.round()), Role::Text);
            let gflops = state.roofline().gflops(run).map_or_else(|| "–".to_owned(), rate);
            columns.say(painter, area, GFLOPS, y, &gflops, Role::Text);
        }
        (None, None) => columns.say_across(painter, area, ROWS..=GFLOPS, y, "starts", Role::Dim),
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
