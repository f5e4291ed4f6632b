//! The views, one to a file. Each draws from a [`State`] and from what it itself remembers of cursor and choices.

mod curves;
mod grid;
mod machine;
mod run;
mod runs;
mod table;

use ratatui::layout::Rect;

use crate::action::{Action, Tab};
use crate::chosen::Chosen;
use crate::effect::Effect;
use crate::painter::Painter;
use crate::state::State;

pub use curves::Curves;
pub use grid::Grid;
pub use machine::MachineView;
pub use run::{RunView, baseline};
pub use runs::Runs;
pub use table::TableView;

/// What came of an action.
#[derive(Debug, Default, PartialEq)]
pub struct Acted {
    /// A view to go to.
    pub show: Option<Tab>,
    /// What runs are to be listed by.
    pub filter: Option<String>,
    /// What is to be done outside.
    pub effects: Vec<Effect>,
    /// What is to be said.
    pub notice: Option<String>,
}

impl Acted {
    /// Goes to another view.
    pub fn show(tab: Tab) -> Self {
        Self { show: Some(tab), ..Self::default() }
    }

    /// Says something.
    pub fn say(notice: impl Into<String>) -> Self {
        Self { notice: Some(notice.into()), ..Self::default() }
    }
}

/// A part of the screen with a memory of its own.
pub trait View {
    /// Draws into `area`, whatever its size. What is derived from the state is derived anew when its revision has changed
    /// and not otherwise.
    fn draw(&mut self, painter: &mut Painter, area: Rect, state: &State, chosen: &Chosen);

    /// Does what was asked for; `None` when this view has no use for it.
    fn act(&mut self, action: &Action, state: &State, chosen: &mut Chosen) -> Option<Acted>;
}

/// The first line of a list of `lines` in a window of `height`, so that the cursor is seen: the window moves no more than
/// it must.
pub fn scrolled(first: usize, cursor: usize, lines: usize, height: usize) -> usize {
    let height = height.max(1);
    let least = (cursor + 1).saturating_sub(height);
    first.clamp(least, cursor.max(least)).min(lines.saturating_sub(height))
}

/// A cursor moved by so many places within a list of `len`.
pub fn moved(cursor: usize, by: i64, len: usize) -> usize {
    let last = len.saturating_sub(1) as i64;
    (cursor as i64).saturating_add(by).clamp(0, last) as usize
}
