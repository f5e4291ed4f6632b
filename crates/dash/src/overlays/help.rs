//! The keys of a view, from the table of keys.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;

use crate::action::Tab;
use crate::keymap::{BINDINGS, Place, action};
use crate::overlays::{Answer, centred};
use crate::painter::Painter;
use crate::theme::Role;

/// The keys, scrolled to a line.
#[derive(Debug, Default)]
pub struct Help {
    first: usize,
}

const WIDTH: u16 = 80;
const KEYS: u16 = 24;

impl Help {
    /// Heeds a key: those that move, move; all others close.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        use crate::action::Action::{First, Last, Move, Page};
        match action(key, Tab::Machine) {
            Some(Move(by, _)) => self.first = self.first.saturating_add_signed(*by as isize),
            Some(Page(by)) => self.first = self.first.saturating_add_signed(*by as isize * 10),
            Some(First) => self.first = 0,
            Some(Last) => self.first = usize::MAX,
            Some(_) | None if key.code == KeyCode::Null => {}
            Some(_) | None => return Answer::Close,
        }
        Answer::Stay
    }

    /// Draws it.
    pub fn draw(&mut self, painter: &mut Painter, area: Rect, tab: Tab) {
        let lines = lines(tab);
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
        let box_area = centred(area, WIDTH, height);
        painter.clear(box_area);
        let inside = painter.frame(box_area, &format!("Keys: {}", tab.name()));
        self.first = self.first.min(lines.len().saturating_sub(usize::from(inside.height)));
        for (y, (keys, says)) in (0..inside.height).zip(&lines[self.first..]) {
            painter.say(inside, 1, y, keys, Role::Key);
            painter.say(inside, KEYS, y, says, Role::Text);
        }
    }
}

/// Keys and what they do: those of the view first, keys that do the same in one line.
fn lines(tab: Tab) -> Vec<(String, &'static str)> {
    let mut lines: Vec<(String, &'static str)> = vec![];
    let own = BINDINGS.iter().filter(|b| b.place.has(tab) && b.place != Place::Everywhere);
    let others = BINDINGS.iter().filter(|b| b.place == Place::Everywhere);
    for binding in own.chain(others) {
        match lines.iter_mut().find(|(_, says)| *says == binding.says) {
            Some((keys, _)) => *keys = format!("{keys}  {}", binding.label()),
            None => lines.push((binding.label(), binding.says)),
        }
    }
    lines
}
