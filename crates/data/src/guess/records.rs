//! The records at the beginning of delimited text, cut as the importer cuts them, before it is known at what.

/// What quotes a field.
const QUOTE: char = '"';

/// The records of a text, but for blank lines.
pub(super) struct Records<'a> {
    /// The fields of each, without the quotes around them.
    pub rows: Vec<Vec<&'a str>>,
    /// Fields that a quote opens.
    quoted: usize,
    /// Those of them that no quote closes, or that go on behind it.
    unclosed: usize,
}

/// A field, and what stands behind it.
struct Cut<'a> {
    field: &'a str,
    rest: &'a str,
    /// Whether a quote opens it.
    quoted: bool,
    /// Whether it ends where its quote closes.
    closed: bool,
}

impl<'a> Records<'a> {
    /// The records of `text` by a delimiter; with `quote`, it and line ends may stand in quotes.
    pub(super) fn of(text: &'a str, delimiter: &str, quote: bool) -> Self {
        let (mut records, mut rest) = (Self { rows: vec![], quoted: 0, unclosed: 0 }, text);
        while !rest.is_empty() {
            let line = rest.find('\n').map_or(rest.len(), |end| end + 1);
            if rest[..line].trim().is_empty() {
                rest = &rest[line..];
                continue;
            }
            let mut row = vec![];
            loop {
                let cut =
                    if quote && rest.starts_with(QUOTE) { in_quotes(rest, delimiter) } else { bare(rest, delimiter) };
                records.quoted += usize::from(cut.quoted);
                records.unclosed += usize::from(cut.quoted && !cut.closed);
                row.push(cut.field);
                rest = cut.rest;
                match rest.strip_prefix(delimiter) {
                    Some(next) => rest = next,
                    None => break,
                }
            }
            records.rows.push(row);
            rest = rest.strip_prefix('\r').unwrap_or(rest);
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
        records
    }

    /// The number of fields that most records have, and the share of those that have another.
    pub(super) fn fields(&self) -> (usize, f64) {
        let mut counts: Vec<usize> = self.rows.iter().map(Vec::len).collect();
        counts.sort_unstable();
        let most = counts.chunk_by(|a, b| a == b).max_by_key(|chunk| chunk.len()).unwrap_or_default();
        (most.first().copied().unwrap_or(0), 1.0 - most.len() as f64 / counts.len().max(1) as f64)
    }

    /// Whether quotes open fields, and close but a share of them.
    pub(super) fn in_quotes(&self, unclosed: f64) -> bool {
        self.quoted > 0 && self.unclosed as f64 <= unclosed * self.quoted as f64
    }
}

/// A field up to the next delimiter or the end of the line.
fn bare<'a>(text: &'a str, delimiter: &str) -> Cut<'a> {
    let line = text.find('\n').map_or(text, |end| &text[..end]);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (field, rest) = text.split_at(line.find(delimiter).unwrap_or(line.len()));
    Cut { field, rest, quoted: false, closed: false }
}

/// A field that a quote opens: up to the one that closes it, as two are one within it.
fn in_quotes<'a>(text: &'a str, delimiter: &str) -> Cut<'a> {
    let mut from = QUOTE.len_utf8();
    while let Some(at) = text[from..].find(QUOTE) {
        let end = from + at;
        let behind = &text[end + QUOTE.len_utf8()..];
        if let Some(next) = behind.strip_prefix(QUOTE) {
            from = text.len() - next.len();
            continue;
        }
        let closed = behind.is_empty() || [delimiter, "\n", "\r\n"].iter().any(|next| behind.starts_with(next));
        if closed {
            return Cut { field: &text[QUOTE.len_utf8()..end], rest: behind, quoted: true, closed };
        }
        let Cut { rest, .. } = bare(behind, delimiter);
        return Cut { field: &text[..text.len() - rest.len()], rest, quoted: true, closed };
    }
    Cut { field: text, rest: "", quoted: true, closed: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_delimiters_and_line_ends() {
        let text = "a|\"b|c\"|\"say \"\"so\"\"\nor not\"\r\n\n \nd||\"\"\r\n\"e\"f|g|h";
        let records = Records::of(text, "|", true);
        assert_eq!(records.rows[0], ["a", "b|c", "say \"\"so\"\"\nor not"]);
        assert_eq!(records.rows[1..], [["d", "", ""], ["\"e\"f", "g", "h"]]);
        assert_eq!((records.quoted, records.unclosed, records.fields()), (4, 1, (3, 0.0)));
        assert!(records.in_quotes(0.25) && !records.in_quotes(0.24));
    }

    #[test]
    fn without_quotes_every_line_is_a_record() {
        let records = Records::of("a::\"b\r\nc::\"d\"::e\n", "::", false);
        assert_eq!(records.rows, [vec!["a", "\"b"], vec!["c", "\"d\"", "e"]]);
        assert!(!records.in_quotes(1.0));
        assert_eq!(records.fields().1, 0.5);
    }

    #[test]
    fn a_quote_that_is_never_closed_takes_the_rest() {
        let records = Records::of("a\t\"b\nc\td\n", "\t", true);
        assert_eq!(records.rows, [["a", "\"b\nc\td\n"]]);
        assert_eq!((records.quoted, records.unclosed), (1, 1));
        assert!(Records::of("", "\t", true).rows.is_empty());
    }
}
