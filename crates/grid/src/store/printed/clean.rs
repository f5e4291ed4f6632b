//! From what was printed to text that moves no cursor.

/// Lines are cut after so many characters.
pub const LONGEST_PRINTED: usize = 2_000;

/// Takes bytes in pieces of any size and gives whole lines: UTF-8 with what is none replaced, escape sequences and
/// control characters dropped.
#[derive(Debug, Default)]
pub(super) struct Cleaner {
    /// The beginning of a character whose end has not come.
    held: Vec<u8>,
    line: String,
    /// Characters of the line.
    length: usize,
    escape: Escape,
    /// A carriage return came last: what follows overwrites the line.
    returned: bool,
}

/// Where within an escape sequence (ECMA-48) the text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    /// In none.
    #[default]
    None,
    /// After ESC.
    Began,
    /// After ESC and what only another character completes, as in `ESC ( B`.
    Short,
    /// In a control sequence, until its final character.
    Sequence,
    /// In a string such as a window title, until BEL or ESC \.
    Text,
}

impl Cleaner {
    pub(super) fn feed(&mut self, bytes: &[u8], lines: &mut Vec<String>) {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let mut rest = held.as_slice();
        while !rest.is_empty() {
            let (valid, wrong) = match std::str::from_utf8(rest) {
                Ok(text) => (text.len(), None),
                Err(error) => (error.valid_up_to(), error.error_len()),
            };
            let (text, after) = rest.split_at(valid);
            String::from_utf8_lossy(text).chars().for_each(|c| self.take(c, lines));
            if let Some(wrong) = wrong {
                self.take(char::REPLACEMENT_CHARACTER, lines);
                rest = &after[wrong..];
            } else {
                self.held = after.to_vec();
                return;
            }
        }
    }

    /// What of the last line is there.
    pub(super) fn unfinished(&self) -> Option<&str> {
        (!self.line.is_empty()).then_some(&self.line)
    }

    fn take(&mut self, c: char, lines: &mut Vec<String>) {
        // Whatever an escape sequence lacks: it must not swallow the rest of the log.
        if c == '\n' {
            lines.push(std::mem::take(&mut self.line));
            (self.length, self.escape, self.returned) = (0, Escape::None, false);
            return;
        }
        match (self.escape, c) {
            // CAN and SUB end every sequence.
            (_, '\u{18}' | '\u{1a}') => self.escape = Escape::None,
            (_, '\u{1b}') => self.escape = Escape::Began,
            (Escape::Began, '[') | (Escape::None, '\u{9b}') => self.escape = Escape::Sequence,
            (Escape::Began, ']' | 'P' | 'X' | '^' | '_')
            | (Escape::None, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => self.escape = Escape::Text,
            (Escape::Began | Escape::Short, ' '..='/') => self.escape = Escape::Short,
            (Escape::Began | Escape::Short, _) | (Escape::Sequence, '@'..='~') | (Escape::Text, '\u{7}' | '\u{9c}') => {
                self.escape = Escape::None;
            }
            (Escape::None, '\r') => self.returned = true,
            (Escape::None, '\t') => (0..4).for_each(|_| self.put(' ')),
            (Escape::None, c) if is_shown(c) => self.put(c),
            (Escape::None | Escape::Sequence | Escape::Text, _) => {}
        }
    }

    fn put(&mut self, c: char) {
        if std::mem::take(&mut self.returned) {
            self.line.clear();
            self.length = 0;
        }
        match self.length {
            0..LONGEST_PRINTED => self.line.push(c),
            LONGEST_PRINTED => self.line.push('…'),
            _ => return,
        }
        self.length += 1;
    }
}

/// Whether a character stands for itself: no control, no end of a line, and nothing that turns the direction of the rest.
fn is_shown(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A text from elsewhere as one line that is safe to show: escape sequences and control characters dropped, ends of lines
/// as spaces, cut after [`LONGEST_PRINTED`] characters.
pub fn printable(text: &str) -> String {
    let mut cleaner = Cleaner::default();
    for c in text.trim_end().chars() {
        let c = if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c };
        cleaner.take(c, &mut vec![]);
    }
    cleaner.line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let (mut cleaner, mut lines) = (Cleaner::default(), vec![]);
        cleaner.feed(bytes, &mut lines);
        lines.extend(cleaner.unfinished().map(str::to_owned));
        lines
    }

    #[test]
    fn escape_sequences_leave_no_trace() {
        for (given, expected) in [
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://a\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(B\u{1b}=\u{1b}7plain", "plain"),
            ("\u{1b}P1$r\u{1b}\\after", "after"),
            ("\u{9b}2Jcleared", "cleared"),
            ("a\u{1b}[31", "a"),
            ("a\u{8}b\u{7}c\u{0}d\u{7f}e\u{202e}f", "abcdef"),
            ("tab\tbed", "tab    bed"),
        ] {
            assert_eq!(lines(given.as_bytes()), [expected], "{given:?}");
        }
        assert_eq!(lines(b"\x1b]0;never ended\nnext"), ["", "next"]);
    }

    #[test]
    fn a_bar_of_progress_is_its_last_state() {
        assert_eq!(lines(b" 10%\r 50%\r100%\ndone\r\n\r\rx\r"), ["100%", "done", "x"]);
    }

    #[test]
    fn binary_junk_is_marked_and_long_lines_are_cut() {
        assert_eq!(lines(b"\xffa\xc3\x28\n"), ["\u{fffd}a\u{fffd}("]);
        let long = lines(&vec![b'x'; 1 << 20]);
        assert_eq!(long, [format!("{}…", "x".repeat(LONGEST_PRINTED))]);
    }

    #[test]
    fn texts_become_one_line() {
        assert_eq!(printable("two\nlines\u{1b}[31m of\ttext\n"), "two lines of text");
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_lines(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), proptest::sample::select(b"\x1b[]m\n\r\\a\xc3\xa9\xe2".as_slice())], 0..200),
            piece in 1..7usize,
        ) {
            let (mut cleaner, mut pieced) = (Cleaner::default(), vec![]);
            bytes.chunks(piece).for_each(|chunk| cleaner.feed(chunk, &mut pieced));
            pieced.extend(cleaner.unfinished().map(str::to_owned));
            prop_assert!(pieced.iter().flat_map(|line| line.chars()).all(|c| !c.is_control()));
            prop_assert!(cleaner.held.len() < 4);
            prop_assert_eq!(pieced, lines(&bytes));
        }
    }
}
