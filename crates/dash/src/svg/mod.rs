//! A picture of a screen: a buffer as SVG that looks alike in every viewer.
//!
//! Letters are text, stretched to their cells, so that columns line up in whatever font there is. Lines, bars and Braille
//! dots are drawn: as text they would have gaps wherever a font is lower than a line.

mod glyphs;
mod palette;

use std::collections::BTreeMap;
use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Modifier;
use unicode_width::UnicodeWidthStr;

use crate::theme::Theme;
use glyphs::Drawn;
use palette::{Palette, Rgb};

/// Pixels of a cell.
const CELL: (f64, f64) = (9.0, 18.0);
/// Pixels of the font: letters of DejaVu Sans Mono and Menlo are 0.602 as wide as high, so that they fill a cell even in
/// a viewer that knows no `textLength`.
const FONT: f64 = 14.95;
/// Pixels from the top of a cell to the line that letters stand on.
const BASELINE: f64 = 13.5;
/// Pixels around the screen.
const MARGIN: f64 = 14.0;

/// What of a cell's style is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    letters: Rgb,
    ground: Rgb,
    /// Those of [`WRITTEN`].
    modifiers: Modifier,
}

/// What a text element says of its style by attributes.
const WRITTEN: [(Modifier, &str); 4] = [
    (Modifier::BOLD, " font-weight=\"bold\""),
    (Modifier::ITALIC, " font-style=\"italic\""),
    (Modifier::UNDERLINED, " text-decoration=\"underline\""),
    (Modifier::CROSSED_OUT, " text-decoration=\"line-through\""),
];

impl Look {
    /// Whether a blank is seen.
    fn has_line(self) -> bool {
        self.modifiers.intersects(Modifier::UNDERLINED | Modifier::CROSSED_OUT)
    }
}

/// A screen as a picture that needs nothing else: of any size, with whatever text on it.
#[must_use]
pub fn svg(buffer: &Buffer, theme: &Theme) -> String {
    let palette = Palette::of(theme.dark);
    let (columns, lines) = (f64::from(buffer.area.width), f64::from(buffer.area.height));
    let (width, height) = (columns * CELL.0 + 2.0 * MARGIN, lines * CELL.1 + 2.0 * MARGIN);
    let mut picture = Picture { palette, ..Picture::default() };
    for y in 0..buffer.area.height {
        let row = (0..buffer.area.width).map(|x| &buffer[(buffer.area.x + x, buffer.area.y + y)]);
        picture.row(f64::from(y) * CELL.1, &row.collect::<Vec<_>>());
    }
    let (ground, border, letters) = (palette.ground.hex(), palette.border.hex(), palette.letters.hex());
    let fonts = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace";
    let mut written = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"{ground}\" stroke=\"{border}\"/>\n\
         <g transform=\"translate({MARGIN} {MARGIN})\" font-family=\"{fonts}\" font-size=\"{FONT}\" fill=\"{letters}\">\n",
        width - 1.0,
        height - 1.0
    );
    written.push_str(&picture.grounds);
    for (drawn, path) in &picture.paths {
        written.push_str(&drawn.element(path));
    }
    written.push_str(&picture.texts);
    written.push_str("</g>\n</svg>\n");
    written
}

/// What is drawn, from the ground up.
#[derive(Default)]
struct Picture {
    palette: Palette,
    grounds: String,
    /// All lines of one colour are one path, all areas of one colour another.
    paths: BTreeMap<Drawn, String>,
    texts: String,
}

/// Text of one look.
struct Run {
    look: Look,
    start: usize,
    text: String,
    cells: usize,
}

impl Picture {
    fn row(&mut self, top: f64, cells: &[&Cell]) {
        self.row_grounds(top, cells);
        let mut run: Option<Run> = None;
        let mut at = 0;
        while let Some(cell) = cells.get(at) {
            let (look, symbol) = (self.look(cell), cell.symbol());
            let wide = symbol.width().max(1);
            let drawn = glyphs::path(symbol, at as f64 * CELL.0, top, look.letters);
            let blank = symbol.trim().is_empty() && !look.has_line();
            let hidden = cell.modifier.contains(Modifier::HIDDEN);
            if let Some((drawn, path)) = drawn {
                self.finish(top, run.take());
                self.paths.entry(drawn).or_default().push_str(&path);
            } else if hidden {
                self.finish(top, run.take());
            } else if let Some(open) = run.as_mut().filter(|open| open.look == look && wide == 1 && !open.ends(blank)) {
                open.text.push_str(if blank { " " } else { symbol });
                open.cells += 1;
            } else {
                self.finish(top, run.take());
                // A wide character is stretched to its own cells, so that those behind it stay in theirs.
                if wide > 1 {
                    self.finish(top, Some(Run { look, start: at, text: symbol.to_owned(), cells: wide }));
                } else if !blank {
                    run = Some(Run { look, start: at, text: symbol.to_owned(), cells: 1 });
                }
            }
            at += wide;
        }
        self.finish(top, run);
    }

    fn row_grounds(&mut self, top: f64, cells: &[&Cell]) {
        let mut at = 0;
        while at < cells.len() {
            let ground = self.look(cells[at]).ground;
            let same = cells[at..].iter().take_while(|cell| self.look(cell).ground == ground).count();
            if ground != self.palette.ground {
                // Writing to a string cannot fail.
                let (x, width, height) = (at as f64 * CELL.0, same as f64 * CELL.0, CELL.1);
                let fill = ground.hex();
                let _ = writeln!(
                    self.grounds,
                    "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\" \
                     shape-rendering=\"crispEdges\"/>"
                );
            }
            at += same;
        }
    }

    fn look(&self, cell: &Cell) -> Look {
        let has = |modifier| cell.modifier.contains(modifier);
        let mut letters = self.palette.rgb(cell.fg).unwrap_or(self.palette.letters);
        let mut ground = self.palette.rgb(cell.bg).unwrap_or(self.palette.ground);
        if has(Modifier::REVERSED) {
            (letters, ground) = (ground, letters);
        }
        if has(Modifier::DIM) {
            letters = letters.towards(ground);
        }
        let modifiers = WRITTEN.iter().fold(Modifier::empty(), |all, (modifier, _)| all | *modifier);
        Look { letters, ground, modifiers: cell.modifier & modifiers }
    }

    fn finish(&mut self, top: f64, run: Option<Run>) {
        let Some(Run { look, start, text, mut cells }) = run else { return };
        let shown = if look.has_line() { text.as_str() } else { text.trim_end_matches(' ') };
        cells -= text.len() - shown.len();
        if shown.is_empty() {
            return;
        }
        let (x, y, length) = (start as f64 * CELL.0, top + BASELINE, cells as f64 * CELL.0);
        let mut style = String::new();
        if look.letters != self.palette.letters {
            style = format!(" fill=\"{}\"", look.letters.hex());
        }
        for (modifier, attribute) in WRITTEN {
            style.push_str(if look.modifiers.contains(modifier) { attribute } else { "" });
        }
        let _ = writeln!(
            self.texts,
            "<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\"{style}>{}</text>",
            escaped(shown)
        );
    }
}

impl Run {
    /// Whether it ends before a blank that follows a blank: XML joins spaces, and no stretching reaches over a gap.
    fn ends(&self, blank: bool) -> bool {
        blank && self.text.ends_with(' ')
    }
}

/// Text as XML 1.0 may hold it.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => written.push('\u{fffd}'),
            c => written.push(c),
        }
    }
    written
}
