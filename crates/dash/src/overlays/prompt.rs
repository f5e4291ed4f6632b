//! A line to type, for the filter: runs are listed by it while it is typed.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};
use ratatui::layout::Rect;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;
use unicode_width::UnicodeWidthChar;

use crate::action::Action;
use crate::overlays::Answer;
use crate::painter::Painter;
use crate::theme::Role;

/// The line.
#[derive(Debug)]
pub struct Prompt {
    input: Input,
    before: String,
}

impl Prompt {
    /// Starts with what holds now, which Escape brings back.
    pub fn new(before: &str) -> Self {
        Self { input: Input::new(before.to_owned()), before: before.to_owned() }
    }

    /// Heeds a key.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        match key.code {
            KeyCode::Enter => Answer::ActAndClose(Action::FilterBy(self.input.value().to_owned())),
            KeyCode::Esc => Answer::CloseAndAct(Action::FilterBy(self.before.clone())),
            _ => {
                self.input.handle_event(&Event::Key(key));
                Answer::Act(Action::FilterBy(self.input.value().to_owned()))
            }
        }
    }

    /// Draws it at the bottom.
    pub fn draw(&mut self, painter: &mut Painter, area: Rect) {
        let line = Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area };
        painter.clear(line);
        let from = painter.say(line, 0, 0, "filter: ", Role::Key);
        let room = usize::from(line.width.saturating_sub(from + 1));
        let scroll = self.input.visual_scroll(room);
        let (hidden, shown) = after_columns(self.input.value(), scroll);
        painter.say(line, from, 0, shown, Role::Text);
        let cursor = self.input.visual_cursor().saturating_sub(hidden);
        let cursor = from.saturating_add(u16::try_from(cursor).unwrap_or(0));
        let place = Rect { x: line.x.saturating_add(cursor), width: 1, ..line };
        painter.tint(place.intersection(line), painter.style(Role::Cursor));
    }
}

/// What is left of a text without its first `columns`, and how many these are: one more where a wide letter lies across.
fn after_columns(text: &str, columns: usize) -> (usize, &str) {
    let mut hidden = 0;
    let start = text.char_indices().find(|(_, letter)| {
        let is_shown = hidden >= columns;
        hidden += if is_shown { 0 } else { letter.width().unwrap_or(0) };
        is_shown
    });
    (hidden, start.map_or("", |(start, _)| &text[start..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_left_out_by_width() {
        assert_eq!(after_columns("abc", 0), (0, "abc"));
        assert_eq!(after_columns("abc", 2), (2, "c"));
        assert_eq!(after_columns("日本語", 2), (2, "本語"));
        assert_eq!(after_columns("日本語", 3), (4, "語"));
        assert_eq!(after_columns("日本語", 9), (6, ""));
    }
}
