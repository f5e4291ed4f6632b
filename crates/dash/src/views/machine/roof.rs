//! What the engine reaches beside what it could.

use mmtl_grid::events::RunState;
use ratatui::layout::Rect;

use crate::painter::Painter;
use crate::roofline::{Bench, Reached};
use crate::state::State;
use crate::symbols::bar;
use crate::theme::Role;
use crate::views::machine::amount::{percent, rate, small_percent};
use crate::views::machine::columns::Columns;

/// What the name of a kernel or case has at least, with what stands before it.
const LEAST: u16 = 11 + 12;
/// What stands beside it: operations a second, operations by byte, the share of what could be, and that as a bar.
const WIDTHS: [u16; 4] = [10, 12, 12, 9];
const DROPPED: [usize; 4] = [BAR, INTENSITY, GFLOPS, SHARE];
const GFLOPS: usize = 0;
const INTENSITY: usize = 1;
const SHARE: usize = 2;
const BAR: usize = 3;

/// Lines that it takes at least, and that it can use.
pub fn lines(state: &State) -> (u16, u16) {
    let Some(bench) = &state.roofline().bench else { return (2, 2) };
    let most = rows(bench).len() as u16;
    (2 + most.min(3), 3 + most)
}

/// Kernels of a device where there are some, else whole steps.
fn rows(bench: &Bench) -> &[Reached] {
    if bench.kernels.is_empty() { &bench.steps } else { &bench.kernels }
}

/// Draws it into `area`.
pub fn draw(painter: &mut Painter, area: Rect, state: &State, workers: &[&RunState]) {
    painter.say(area, 1, 0, "Roofline", Role::Title);
    let known: Vec<f64> = workers.iter().filter_map(|run| state.roofline().gflops(run)).collect();
    let total: f64 = known.iter().sum();
    let reached = match known.len() {
        0 => "no run's operations are known yet: a record of the same row tells them".to_owned(),
        count if count == workers.len() => format!("all runs together {} GFLOP/s", rate(total)),
        count => format!("{count} of {} runs together {} GFLOP/s", workers.len(), rate(total)),
    };
    let Some(bench) = &state.roofline().bench else {
        painter.say(area, 11, 0, &reached, Role::Text);
        let hint = "`mmtl bench --json FILE` measures what there could be";
        painter.say(area, 11, 1, hint, Role::Dim);
        return;
    };
    let reached = if known.is_empty() {
        reached
    } else {
        format!("{reached}, {} of the peak", small_percent(total / bench.peak))
    };
    painter.say(area, 11, 0, &reached, Role::Text);
    let copy = bench.copy.map_or_else(String::new, |copy| format!(", copies {} GB/s", rate(copy)));
    let threads = if bench.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", bench.threads) };
    let peak = format!("peak {} GFLOP/s{copy}; measured on {}, {threads}", rate(bench.peak), bench.numerics);
    painter.say(area, 11, 1, &peak, Role::Dim);
    draw_rows(painter, area, rows(bench), !bench.kernels.is_empty());
}

fn draw_rows(painter: &mut Painter, area: Rect, rows: &[Reached], kernels: bool) {
    let columns = Columns::fit(area.width, LEAST, WIDTHS, DROPPED);
    let left = columns.left(area);
    painter.say(left, 11, 2, if kernels { "kernel" } else { "case" }, Role::Dim);
    columns.say(painter, area, GFLOPS, 2, "GFLOP/s", Role::Dim);
    columns.say(painter, area, INTENSITY, 2, if kernels { "FLOP/byte" } else { "" }, Role::Dim);
    columns.say(painter, area, SHARE, 2, if kernels { "of roof" } else { "of peak" }, Role::Dim);
    for (y, row) in (3..area.height).zip(rows) {
        let name = if kernels { format!("{} {}", row.case, row.name) } else { row.name.clone() };
        painter.say(left, 11, y, &name, Role::Text);
        columns.say(painter, area, GFLOPS, y, &rate(row.gflops), Role::Text);
        columns.say(painter, area, INTENSITY, y, &row.intensity.map_or_else(String::new, rate), Role::Text);
        columns.say(painter, area, SHARE, y, &percent(row.share), Role::Strong);
        let bar = bar(row.share, 8, &painter.theme);
        columns.say(painter, area, BAR, y, &bar, Role::Series(2));
    }
}
