//! The whole screen.

use ratatui::buffer::Buffer;

use crate::layout::Layout;
use crate::painter::Painter;
use crate::state::State;
use crate::status;
use crate::ui::Ui;

/// Draws what `ui` looks at into `buffer`, of whatever size. The same state, looks and size give the same screen.
pub fn draw(buffer: &mut Buffer, state: &State, ui: &mut Ui) {
    let area = buffer.area;
    let layout = Layout::of(area, ui.shows_log());
    let mut painter = Painter::new(buffer, ui.theme);
    status::head(&mut painter, layout.head, state, ui.tab());
    ui.draw_view(&mut painter, layout.view, state);
    status::log(&mut painter, layout.log, state, ui.chosen());
    status::status(&mut painter, layout.status, state, ui.notice(state.wall()));
    status::toasts(&mut painter, layout.view, state);
    ui.draw_overlay(&mut painter, area);
    ui.clicks = painter.into_clicks();
}
