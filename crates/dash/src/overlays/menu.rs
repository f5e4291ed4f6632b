//! A question with its answers. The first answer is the harmless one, and where the cursor is at first.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;

use crate::action::Action;
use crate::effect::Effect;
use crate::overlays::{Answer, centred};
use crate::painter::Painter;
use crate::theme::Role;
use crate::views::{moved, scrolled};
use crate::wrapped::wrapped;

/// An answer.
#[derive(Debug)]
pub struct Entry {
    /// The key that chooses it at once.
    pub key: char,
    /// What it says.
    pub says: String,
    /// What it does.
    pub effects: Vec<Effect>,
}

/// The question.
#[derive(Debug)]
pub struct Menu {
    question: String,
    entries: Vec<Entry>,
    cursor: usize,
    first: usize,
}

impl Menu {
    /// Asks.
    pub fn new(question: impl Into<String>, entries: Vec<Entry>) -> Self {
        Self { question: question.into(), entries, cursor: 0, first: 0 }
    }

    /// Asks whether these are to be done.
    pub fn confirm(question: impl Into<String>, yes: impl Into<String>, effects: Vec<Effect>) -> Self {
        let no = Entry { key: 'n', says: "no".to_owned(), effects: vec![] };
        Self::new(question, vec![no, Entry { key: 'y', says: yes.into(), effects }])
    }

    /// Heeds a key.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let count = self.entries.len();
        match key.code {
            KeyCode::Up | KeyCode::Left | KeyCode::BackTab => self.cursor = moved(self.cursor, -1, count),
            KeyCode::Down | KeyCode::Right | KeyCode::Tab => self.cursor = moved(self.cursor, 1, count),
            KeyCode::Enter => return self.choose(self.cursor),
            KeyCode::Esc => return Answer::Close,
            KeyCode::Char(c) => {
                if let Some(number) = self.entries.iter().position(|entry| entry.key == c) {
                    return self.choose(number);
                }
            }
            _ => {}
        }
        Answer::Stay
    }

    /// The answer with this number.
    pub fn choose(&mut self, number: usize) -> Answer {
        match self.entries.get_mut(number) {
            Some(entry) => Answer::CloseAndDo(std::mem::take(&mut entry.effects)),
            None => Answer::Stay,
        }
    }

    /// Draws it.
    pub fn draw(&mut self, painter: &mut Painter, area: Rect) {
        let words = |text: &str| text.chars().count();
        let longest = self.entries.iter().map(|e| words(&e.says) + 6).max().unwrap_or(0).max(words(&self.question) + 4);
        let width = u16::try_from(longest + 2).unwrap_or(u16::MAX).clamp(30, 76);
        let question = wrapped(&self.question, usize::from(width.saturating_sub(4)));
        let height = u16::try_from(self.entries.len() + question.len() + 3).unwrap_or(u16::MAX);
        let box_area = centred(area, width, height);
        painter.clear(box_area);
        let inside = painter.frame(box_area, "");
        let list = self.list(inside, question.len());
        let above = Rect { height: list.y - inside.y, ..inside };
        for (y, line) in (0..above.height).zip(&question) {
            painter.say(above, 1, y, line, Role::Strong);
        }
        self.draw_entries(painter, list);
    }

    /// Where the entries are, below the question and an empty line: where lines are few, all of them before the question,
    /// as long as one is left of it.
    fn list(&self, inside: Rect, question: usize) -> Rect {
        let wanted = u16::try_from(self.entries.len()).unwrap_or(u16::MAX);
        let question = u16::try_from(question + 1).unwrap_or(u16::MAX);
        let least = wanted.min(inside.height.saturating_sub(1)).max(inside.height.min(1));
        let height = inside.height.saturating_sub(question).max(least);
        Rect { y: inside.bottom() - height, height, ..inside }
    }

    /// Scrolled to the cursor: Enter never takes an answer that is not seen.
    fn draw_entries(&mut self, painter: &mut Painter, list: Rect) {
        self.first = scrolled(self.first, self.cursor, self.entries.len(), usize::from(list.height));
        for (y, (number, entry)) in (0..list.height).zip(self.entries.iter().enumerate().skip(self.first)) {
            let line = Rect { y: list.y + y, height: 1, ..list };
            painter.say(line, 1, 0, &entry.key.to_string(), Role::Key);
            painter.say(line, 4, 0, &entry.says, Role::Text);
            if number == self.cursor {
                painter.tint(line, painter.style(Role::Cursor));
            }
            painter.clickable(line, Action::Choose(number));
        }
    }
}
