//! The machine: what is in use, who uses it, and what comes of it.
//!
//! ```text
//! ╭ Machine ───────────────────────────────────────────────────────╮
//! │ vm  AMD EPYC 9B14, 2 cores                     last 10 minutes │
//! │ CPU     ███████▍░░░░   61 %  1.2 of 2 busy      ▁▂▃▅▇▇▇▆▇▇▇▇▇▇ │
//! │           0 ████░░░  61 %  1 ████░░░  61 %                     │
//! │ Memory  ████▉░░░░░░░   41 %  3.2 GiB of 7.6 GiB ▃▃▃▃▄▄▄▄▄▄▄▄▄▄ │
//! │ rows/s               12,345  at most 13,000     ▁▃▇▇▇▇▇▇▇▇▇▇▇▇ │
//! │ GPU     none: no NVIDIA driver: …                              │
//! │                                                                │
//! │    pid  worker of run        done  cores   memory  rows/s GFLOP/s │
//! │  12345 ▶ mmoe joint seed 1   62 %   0.98  512 MiB   8,123    3.2 │
//! │                                                                │
//! │ Roofline  all runs together 3.2 GFLOP/s, 2 % of the peak       │
//! ╰────────────────────────────────────────────────────────────────╯
//! ```

mod amount;
mod columns;
mod history;
mod meters;
mod roof;
mod workers;

use ratatui::layout::Rect;

use crate::action::{Action, Tab};
use crate::chosen::Chosen;
use crate::painter::Painter;
use crate::state::State;
use crate::views::{Acted, View, moved, scrolled};

/// What the machine does.
#[derive(Debug, Default)]
pub struct MachineView {
    /// The worker under the cursor.
    cursor: usize,
    first: usize,
    height: u16,
}

impl View for MachineView {
    fn draw(&mut self, painter: &mut Painter, area: Rect, state: &State, _chosen: &Chosen) {
        let inside = painter.frame(area, "Machine");
        let workers = workers::running(state);
        let below = meters::draw(painter, inside, state).saturating_add(1);
        let rest = rows(inside, below, inside.height.saturating_sub(below));
        // The roofline has what the workers leave, but never less than its least; an empty line is between them.
        let wanted = (workers.len().max(1) as u16).saturating_add(1);
        let (least, most) = roof::lines(state);
        let roof = least.max(rest.height.saturating_sub(wanted.saturating_add(1))).min(most);
        let height = if rest.height > roof + 3 { (rest.height - roof - 1).min(wanted) } else { rest.height };
        self.height = height.saturating_sub(1);
        self.cursor = self.cursor.min(workers.len().saturating_sub(1));
        self.first = scrolled(self.first, self.cursor, workers.len(), usize::from(self.height));
        workers::draw(painter, rows(rest, 0, height), state, &workers, self.first, self.cursor);
        let left = rest.height.saturating_sub(height + 1);
        roof::draw(painter, rows(rest, height + 1, left.min(roof)), state, &workers);
    }

    fn act(&mut self, action: &Action, state: &State, chosen: &mut Chosen) -> Option<Acted> {
        let workers = workers::running(state);
        let page = i64::from(self.height.max(1));
        let to = match action {
            Action::Move(rows, _) => moved(self.cursor, i64::from(*rows), workers.len()),
            Action::Page(by) => moved(self.cursor, page * i64::from(*by), workers.len()),
            Action::First => 0,
            Action::Last => workers.len().saturating_sub(1),
            Action::Point(worker) => (*worker).min(workers.len().saturating_sub(1)),
            Action::Open => self.cursor,
            _ => return None,
        };
        self.cursor = to;
        let run = workers.get(to)?;
        chosen.focus = Some(run.key.clone());
        Some(if *action == Action::Open { Acted::show(Tab::Run) } else { Acted::default() })
    }
}

/// `height` rows of an area from the row `y` on.
fn rows(area: Rect, y: u16, height: u16) -> Rect {
    Rect { y: area.y.saturating_add(y), height, ..area }.intersection(area)
}
