//! Lines that are longer than the screen: written first, then seen through a window.

use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::action::Action;
use crate::painter::{Painter, fitted};
use crate::theme::{Role, Theme};

/// Lines of pieces of text.
#[derive(Debug)]
pub struct Page {
    /// How it will look.
    pub theme: Theme,
    /// Columns that there are.
    pub width: usize,
    lines: Vec<Line>,
}

#[derive(Debug, Default)]
struct Line {
    pieces: Vec<(usize, String, Style)>,
    click: Option<Action>,
}

impl Page {
    /// An empty one.
    pub fn new(theme: Theme, width: u16) -> Self {
        Self { theme, width: usize::from(width), lines: vec![] }
    }

    /// How many lines it has.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// A new line.
    pub fn line(&mut self) -> &mut Self {
        self.lines.push(Line::default());
        self
    }

    /// The head of a section, after an empty line.
    pub fn head(&mut self, title: &str, beside: &str) {
        if !self.lines.is_empty() {
            self.line();
        }
        let x = title.width() + 2;
        self.line().at(0, title, Role::Title).at(x, beside, Role::Dim);
    }

    /// A line of one text.
    pub fn say(&mut self, text: &str, role: Role) {
        self.line().at(0, text, role);
    }

    /// A text broken at spaces into as many lines as it takes.
    pub fn wrapped(&mut self, text: &str, role: Role) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && line.width() + 1 + word.width() > self.width {
                self.say(&std::mem::take(&mut line), role);
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.say(&line, role);
    }

    /// A piece of the last line, from a column on.
    pub fn at(&mut self, x: usize, text: &str, role: Role) -> &mut Self {
        self.styled(x, text, self.theme.style(role))
    }

    /// As [`Page::at`], with a style of its own.
    pub fn styled(&mut self, x: usize, text: &str, style: Style) -> &mut Self {
        if let Some(line) = self.lines.last_mut() {
            line.pieces.push((x, text.to_owned(), style));
        }
        self
    }

    /// A piece of the last line that ends before a column.
    pub fn right(&mut self, end: usize, text: &str, role: Role) -> &mut Self {
        self.at(end.saturating_sub(text.width()), text, role)
    }

    /// A piece of at most `room` columns.
    pub fn cut(&mut self, x: usize, room: usize, text: &str, role: Role) -> &mut Self {
        let text = fitted(text, room, self.theme.ascii);
        self.at(x, &text, role)
    }

    /// Lets a click on the last line be an action.
    pub fn clickable(&mut self, action: Action) {
        if let Some(line) = self.lines.last_mut() {
            line.click = Some(action);
        }
    }

    /// Draws the lines from `first` on.
    pub fn draw(&self, painter: &mut Painter, area: Rect, first: usize) {
        for (y, line) in (0..area.height).zip(self.lines.iter().skip(first)) {
            for (x, text, style) in &line.pieces {
                painter.text(area, u16::try_from(*x).unwrap_or(u16::MAX), y, text, *style);
            }
            if let Some(action) = &line.click {
                painter.clickable(Rect { y: area.y + y, height: 1, ..area }, action.clone());
            }
        }
    }
}
