//! What views draw with: a buffer, a theme, and a list of what can be clicked.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Widget};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::action::Action;
use crate::theme::{Role, Theme};

/// A brush.
#[derive(Debug)]
pub struct Painter<'a> {
    buffer: &'a mut Buffer,
    /// How it looks.
    pub theme: Theme,
    clicks: Vec<(Rect, Action)>,
}

impl<'a> Painter<'a> {
    /// Draws into `buffer`.
    pub fn new(buffer: &'a mut Buffer, theme: Theme) -> Self {
        Self { buffer, theme, clicks: vec![] }
    }

    /// What can be clicked, the topmost last.
    pub fn into_clicks(self) -> Vec<(Rect, Action)> {
        self.clicks
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Lets a click into `area` be an action.
    pub fn clickable(&mut self, area: Rect, action: Action) {
        self.clicks.push((area.intersection(self.buffer.area), action));
    }

    /// Writes one line at a place within `area`, cut at its right edge; returns the column behind it. `x` and `y` count
    /// from the area's corner.
    pub fn text(&mut self, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
        let area = area.intersection(self.buffer.area);
        if x >= area.width || y >= area.height {
            return x;
        }
        let room = usize::from(area.width - x);
        let text = fitted(text, room, self.theme.ascii);
        self.buffer.set_stringn(area.x + x, area.y + y, &text, room, style);
        x.saturating_add(u16::try_from(text.width()).unwrap_or(u16::MAX))
    }

    /// As [`Painter::text`], by role.
    pub fn say(&mut self, area: Rect, x: u16, y: u16, text: &str, role: Role) -> u16 {
        self.text(area, x, y, text, self.theme.style(role))
    }

    /// As [`Painter::say`], so that the text ends before the column `end`.
    pub fn say_right(&mut self, area: Rect, end: u16, y: u16, text: &str, role: Role) {
        let width = u16::try_from(text.width()).unwrap_or(u16::MAX);
        self.say(area, end.saturating_sub(width), y, text, role);
    }

    /// Lays a style over an area.
    pub fn tint(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    /// Lines around an area with a title; returns what is inside.
    pub fn frame(&mut self, area: Rect, title: &str) -> Rect {
        let area = area.intersection(self.buffer.area);
        let title = fitted(title, usize::from(area.width.saturating_sub(4)), self.theme.ascii);
        let mut block = Block::bordered().border_style(self.style(Role::Border));
        if !title.is_empty() {
            block = block.title(ratatui::text::Span::styled(format!(" {title} "), self.style(Role::Title)));
        }
        let block = if self.theme.ascii { block.border_set(ASCII) } else { block.border_type(BorderType::Rounded) };
        let inside = block.inner(area);
        self.widget(block, area);
        inside
    }

    /// Empties an area, for something drawn on top.
    pub fn clear(&mut self, area: Rect) {
        self.widget(ratatui::widgets::Clear, area);
    }

    /// Draws a widget of ratatui; nothing, where there is no room.
    pub fn widget(&mut self, widget: impl Widget, area: Rect) {
        let area = area.intersection(self.buffer.area);
        if !area.is_empty() {
            widget.render(area, self.buffer);
        }
    }
}

const ASCII: ratatui::symbols::border::Set<'static> = ratatui::symbols::border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// A text of at most `room` columns: one that is longer ends with an ellipsis. Names come from data and reasons from
/// failures: control characters are shown as `?`, and in ASCII so is whatever is not.
pub fn fitted(text: &str, room: usize, ascii: bool) -> String {
    let shown = |c: char| if c.is_control() || (ascii && !c.is_ascii()) { '?' } else { c };
    let text: String = if ascii { plain(text).chars().map(shown).collect() } else { text.chars().map(shown).collect() };
    if text.width() <= room {
        return text;
    }
    let (ellipsis, wide) = if ascii { ("~", 1) } else { ("…", 1) };
    let Some(mut left) = room.checked_sub(wide) else { return String::new() };
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            let width = c.width().unwrap_or(0);
            let fits = width <= left;
            left = left.saturating_sub(width);
            fits
        })
        .collect();
    cut.push_str(ellipsis);
    cut
}

/// The signs that mmtl itself writes have words in ASCII.
fn plain(text: &str) -> String {
    text.replace('±', "+-").replace('×', "x").replace(['–', '—', '−'], "-").replace('·', ".").replace('…', "...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_their_room() {
        assert_eq!(fitted("abcdef", 6, false), "abcdef");
        assert_eq!(fitted("abcdef", 4, false), "abc…");
        assert_eq!(fitted("日本語", 5, false), "日本…");
        assert_eq!(fitted("日本語", 4, false), "日…");
        assert_eq!(fitted("ab", 0, false), "");
        assert_eq!(fitted("a\u{1b}[31m\n", 9, false), "a?[31m?");
        assert_eq!(fitted("0.5 ± 0.1 é", 20, true), "0.5 +- 0.1 ?");
    }
}
