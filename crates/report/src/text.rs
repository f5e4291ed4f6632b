//! Tables for a terminal, or for whatever its output is sent to.

use unicode_width::UnicodeWidthStr;

use crate::block::Grid;
use crate::layout::{Layout, title};
use crate::notes;
use crate::report::Report;
use crate::words::one_line;

/// What the output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Columns of a line; `None` where lines may be of any length.
    pub width: Option<u16>,
    /// Whether bold and dim can be told apart from plain: escape sequences are written.
    pub styled: bool,
}

/// Writes a report for a terminal. Tables too wide for it are split into blocks of columns; each repeats the candidates
/// and the first column, since all of the overall ones would leave no room for scenes on 80 columns.
#[must_use]
pub fn text(report: &Report, terminal: Terminal) -> String {
    let mut parts = vec![wrapped(&report.headline(), terminal), "\n".to_owned()];
    for table in &report.tables {
        let layout = Layout::new(report, table);
        let title = wrapped(&one_line(&title(report, table)), terminal);
        parts.push(if terminal.styled { format!("\n\u{1b}[1m{title}\u{1b}[0m\n") } else { format!("\n{title}\n") });
        for block in Grid::new(report, &layout, terminal.width).blocks(terminal.width) {
            parts.push(format!("\n{}", block.lines(terminal)));
        }
        parts.push(paragraph(&notes::of_table(table, &layout), terminal));
    }
    parts.push(paragraph(&notes::of_report(report, "*"), terminal));
    parts.concat()
}

/// Notes below an empty line, if there are any.
fn paragraph(notes: &[String], terminal: Terminal) -> String {
    let mut lines: Vec<String> = notes.iter().map(|note| wrapped(note, terminal) + "\n").collect();
    if !lines.is_empty() {
        lines.insert(0, "\n".to_owned());
    }
    lines.concat()
}

/// Breaks a text between words where the terminal would break it within one.
fn wrapped(text: &str, terminal: Terminal) -> String {
    let limit = terminal.width.map_or(usize::MAX, usize::from);
    let (mut written, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        let width = word.width();
        if used > 0 && used + 1 + width > limit {
            written.push('\n');
            used = 0;
        } else if used > 0 {
            written.push(' ');
            used += 1;
        }
        written.push_str(word);
        used += width;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(width: u16, text: &str) -> String {
        wrapped(text, Terminal { width: Some(width), styled: false })
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(at(5, "one two three"), "one\ntwo\nthree");
        assert_eq!(at(7, "one two three"), "one two\nthree");
        assert_eq!(at(6, "one two three"), "one\ntwo\nthree");
        assert_eq!(at(2, "one"), "one");
        assert_eq!(at(8, "±±± ±± ±"), "±±± ±± ±");
        assert_eq!(wrapped("one two", Terminal { width: None, styled: false }), "one two");
    }
}
