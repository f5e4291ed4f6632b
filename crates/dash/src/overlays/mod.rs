//! What lies on top of a view for a while: keys, palette, filter, questions. At most one at a time.

mod help;
mod menu;
mod palette;
mod prompt;

use ratatui::crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::action::{Action, Tab};
use crate::effect::Effect;
use crate::painter::Painter;

pub use help::Help;
pub use menu::{Entry, Menu};
pub use palette::Palette;
pub use prompt::Prompt;

/// What came of a key.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// It stays.
    Stay,
    /// It goes.
    Close,
    /// It stays, and this is done.
    Act(Action),
    /// This is done, and it goes if that makes sense.
    ActAndClose(Action),
    /// It goes, and then this is done.
    CloseAndAct(Action),
    /// It goes, and then this is done outside.
    CloseAndDo(Vec<Effect>),
}

/// One of them.
#[derive(Debug)]
pub enum Overlay {
    /// The keys.
    Help(Help),
    /// Commands by their words.
    Palette(Palette),
    /// A line to type, for the filter.
    Prompt(Prompt),
    /// A question with its answers.
    Menu(Menu),
}

impl Overlay {
    /// Heeds a key.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        match self {
            Self::Help(help) => help.key(key),
            Self::Palette(palette) => palette.key(key),
            Self::Prompt(prompt) => prompt.key(key),
            Self::Menu(menu) => menu.key(key),
        }
    }

    /// Heeds a click on the entry with this number.
    pub fn choose(&mut self, number: usize) -> Answer {
        match self {
            Self::Help(_) | Self::Prompt(_) => Answer::Stay,
            Self::Palette(palette) => palette.choose(number),
            Self::Menu(menu) => menu.choose(number),
        }
    }

    /// Draws it on top of the view `tab`, within `area`.
    pub fn draw(&mut self, painter: &mut Painter, area: Rect, tab: Tab) {
        match self {
            Self::Help(help) => help.draw(painter, area, tab),
            Self::Palette(palette) => palette.draw(painter, area),
            Self::Prompt(prompt) => prompt.draw(painter, area),
            Self::Menu(menu) => menu.draw(painter, area),
        }
    }
}

/// A rectangle of at most this size in the middle of another.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height)
}
