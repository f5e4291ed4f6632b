//! Commands by their words: everything that keys do, and what has no key.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};
use ratatui::layout::Rect;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::action::{Action, Tab};
use crate::keymap::{BINDINGS, Binding, Place};
use crate::overlays::{Answer, centred};
use crate::painter::Painter;
use crate::theme::Role;
use crate::views::{moved, scrolled};

/// What was typed, and the commands that fit it.
#[derive(Debug)]
pub struct Palette {
    input: Input,
    tab: Tab,
    cursor: usize,
    first: usize,
}

impl Palette {
    /// The commands of a view.
    pub fn new(tab: Tab) -> Self {
        Self { input: Input::default(), tab, cursor: 0, first: 0 }
    }

    /// Heeds a key.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        match key.code {
            KeyCode::Enter => return self.choose(self.cursor),
            KeyCode::Esc => return Answer::Close,
            KeyCode::Up | KeyCode::BackTab => self.cursor = moved(self.cursor, -1, self.found().len()),
            KeyCode::Down | KeyCode::Tab => self.cursor = moved(self.cursor, 1, self.found().len()),
            KeyCode::PageUp => self.cursor = moved(self.cursor, -10, self.found().len()),
            KeyCode::PageDown => self.cursor = moved(self.cursor, 10, self.found().len()),
            _ => {
                self.input.handle_event(&Event::Key(key));
                self.cursor = 0;
            }
        }
        Answer::Stay
    }

    /// The command with this number among those that fit.
    pub fn choose(&mut self, number: usize) -> Answer {
        self.found().get(number).map_or(Answer::Stay, |binding| Answer::CloseAndAct(binding.action.clone()))
    }

    /// The commands that have every word that was typed, each once; those of the view first.
    fn found(&self) -> Vec<&'static Binding> {
        let typed = self.input.value().to_lowercase();
        let words: Vec<&str> = typed.split_whitespace().collect();
        let moves = |action: &Action| matches!(action, Action::Move(..) | Action::Palette | Action::Back);
        let mut found: Vec<&Binding> = vec![];
        let fits = |b: &&Binding| {
            let says = b.says.to_lowercase();
            (b.place == Place::Palette || b.place.has(self.tab))
                && !moves(&b.action)
                && words.iter().all(|word| says.contains(word))
        };
        for binding in BINDINGS.iter().filter(fits) {
            if found.iter().all(|other| other.says != binding.says) {
                found.push(binding);
            }
        }
        found.sort_by_key(|binding| binding.place == Place::Everywhere);
        found
    }

    /// Draws it.
    pub fn draw(&mut self, painter: &mut Painter, area: Rect) {
        let box_area = centred(area, 76, area.height.saturating_sub(4).min(20));
        painter.clear(box_area);
        let inside = painter.frame(box_area, "Commands");
        let from = painter.say(inside, 1, 0, ": ", Role::Key);
        let end = painter.say(inside, from, 0, self.input.value(), Role::Text);
        let caret = Rect { x: inside.x.saturating_add(end), width: 1, height: 1, ..inside }.intersection(inside);
        painter.tint(caret, painter.style(Role::Cursor));
        let list = Rect { y: inside.y + 1.min(inside.height), height: inside.height.saturating_sub(1), ..inside };
        let found = self.found();
        if found.is_empty() {
            painter.say(list, 1, 0, "no command has these words", Role::Dim);
        }
        self.first = scrolled(self.first, self.cursor, found.len(), usize::from(list.height));
        for (y, (number, binding)) in (0..list.height).zip(found.iter().enumerate().skip(self.first)) {
            let line = Rect { y: list.y + y, height: 1, ..list };
            painter.say(line, 1, 0, binding.says, Role::Text);
            painter.say_right(line, line.width.saturating_sub(1), 0, &binding.label(), Role::Key);
            if number == self.cursor {
                painter.tint(line, painter.style(Role::Cursor));
            }
            painter.clickable(line, Action::Choose(number));
        }
    }
}
