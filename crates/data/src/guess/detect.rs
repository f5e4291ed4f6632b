//! How a file is to be read.

use std::io::Read;
use std::path::Path;

use crate::error::DataError;
use crate::guess::purpose::NAMELESS;
use crate::read::{Bytes, Encoding, Format, Reading};

/// Bytes looked at.
const HEAD_BYTES: u64 = 1 << 20;
/// Delimiters tried, the likeliest first.
const DELIMITERS: [&str; 7] = [",", "\t", "::", ";", "|", "\u{1}", " "];
/// Lines that may have another number of delimiters than most: those with quotes around some.
const ODD_LINES: f64 = 0.1;

/// How a file is to be read, and why: for each key of `[read]` that is not at its default, its value as TOML and the
/// reason.
pub(super) struct Detected {
    pub reading: Reading,
    pub reasons: Vec<(&'static str, String, String)>,
}

/// # Errors
/// When the file cannot be read.
pub(super) fn detect(path: &Path) -> Result<Detected, DataError> {
    let by_name = Format::of(path);
    let mut detected = Detected { reading: Reading::default(), reasons: vec![] };
    if by_name == Format::Parquet {
        return Ok(detected);
    }
    let (text, encoding) = head(path)?;
    if encoding == Encoding::Latin1 {
        detected.reading.encoding = encoding;
        detected.note("encoding", quoted(encoding.name()), "it is no UTF-8 text".into());
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.first().is_some_and(|line| line.trim_start().starts_with('{')) {
        detected.set_format(Format::JsonLines, by_name, "its first line begins an object");
        return Ok(detected);
    }
    let tabs = by_name == Format::Tsv;
    let (delimiter, odd) = delimiter(&lines, if tabs { "\t" } else { "," });
    if delimiter == "\t" {
        detected.set_format(Format::Tsv, by_name, "its lines are divided by tabs");
    } else if delimiter != (if tabs { "\t" } else { "," }) {
        let reason = format!("it is in {:.0} % of the lines as often as in most", 100.0 * (1.0 - odd));
        detected.reading.delimiter = Some(delimiter.to_owned());
        detected.note("delimiter", quoted(delimiter), reason);
    }
    detected.header(&lines, delimiter);
    if lines.iter().any(|line| cells(line, delimiter).any(|cell| cell.trim() == "?")) {
        detected.reading.missing.push("?".into());
        let texts: Vec<String> = detected.reading.missing.iter().map(|text| quoted(text)).collect();
        detected.note("missing", format!("[{}]", texts.join(", ")), "there are fields `?`".into());
    }
    Ok(detected)
}

/// The beginning of a file, whole lines of it.
fn head(path: &Path) -> Result<(String, Encoding), DataError> {
    let read = |encoding| -> Result<Vec<u8>, DataError> {
        let (mut bytes, mut head) = (Bytes::open(path, encoding)?, vec![]);
        let read = bytes.by_ref().take(HEAD_BYTES).read_to_end(&mut head);
        read.map_err(|error| bytes.fault(error, 0))?;
        if head.len() as u64 == HEAD_BYTES {
            let end = head.iter().rposition(|byte| *byte == b'\n').map_or(head.len(), |end| end + 1);
            head.truncate(end);
        }
        Ok(head)
    };
    Ok(match String::from_utf8(read(Encoding::Utf8)?) {
        Ok(text) => (text, Encoding::Utf8),
        Err(_) => (String::from_utf8_lossy(&read(Encoding::Latin1)?).into_owned(), Encoding::Latin1),
    })
}

/// The delimiter that most lines have equally often, and the share of the others; `default` where there is none.
fn delimiter<'a>(lines: &[&str], default: &'a str) -> (&'a str, f64)
where
    'static: 'a,
{
    let mut best = (default, 1.0, 0);
    for delimiter in DELIMITERS {
        let mut counts: Vec<usize> = lines.iter().map(|line| cells(line, delimiter).count() - 1).collect();
        counts.sort_unstable();
        let most = counts.chunk_by(|a, b| a == b).max_by_key(|chunk| chunk.len()).unwrap_or_default();
        let (count, odd) = (most.first().copied().unwrap_or(0), 1.0 - most.len() as f64 / lines.len().max(1) as f64);
        if count > best.2 && odd <= ODD_LINES && (best.2 == 0 || delimiter != " ") {
            best = (delimiter, odd, count);
        }
    }
    (best.0, if best.2 == 0 { 0.0 } else { best.1 })
}

/// The fields of a line; delimiters in quotes end none.
fn cells<'a>(line: &'a str, delimiter: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let mut from = 0;
        if delimiter == "," && line.starts_with('"') {
            from = line[1..].find("\",").map_or(line.len(), |at| at + 2);
        }
        let end = line[from..].find(delimiter).map(|at| from + at);
        rest = end.map(|end| &line[end + delimiter.len()..]);
        Some(line[..end.unwrap_or(line.len())].trim_matches('"'))
    })
}

/// Types that RecBole gives its columns.
const TYPES: [&str; 4] = ["token", "float", "token_seq", "float_seq"];

impl Detected {
    fn note(&mut self, key: &'static str, value: String, reason: String) {
        self.reasons.push((key, value, reason));
    }

    fn set_format(&mut self, format: Format, by_name: Format, reason: &str) {
        if format != by_name {
            self.reading.format = Some(format);
            self.note("format", quoted(format.name()), reason.to_owned());
        }
    }

    /// Whether the first row names the columns: no name is a number, and none is a value below it.
    fn header(&mut self, lines: &[&str], delimiter: &str) {
        let Some((first, rest)) = lines.split_first() else { return };
        let names: Vec<&str> = cells(first, delimiter).map(str::trim).collect();
        let typed = |name: &&str| name.rsplit_once(':').is_some_and(|(_, kind)| TYPES.contains(&kind));
        if names.iter().all(typed) {
            self.reading.typed_header = true;
            self.note("typed_header", "true".into(), format!("its first cell is `{}`", names[0]));
            return;
        }
        let number = names.iter().find(|name| name.parse::<f64>().is_ok());
        let value = || {
            let rows = rest.iter().take(1000).map(|line| cells(line, delimiter).map(str::trim));
            rows.flat_map(|cells| cells.zip(&names)).find(|(cell, name)| !cell.is_empty() && cell == *name)
        };
        let reason = match (number, value()) {
            (Some(number), _) => format!("its first row holds the number {number}"),
            (None, Some((value, _))) => format!("`{value}` of its first row is a value of later rows, too"),
            (None, None) => return,
        };
        let columns: Vec<String> = (1..=names.len()).map(|at| format!("{NAMELESS}{at}")).collect();
        let list = columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        self.reading.header = false;
        self.reading.columns = Some(columns);
        self.note("header", "false".into(), reason);
        self.note("columns", format!("[{list}]"), "give them their names".into());
    }
}

/// A text as TOML.
pub(super) fn quoted(text: &str) -> String {
    // JSON escapes what TOML does, but for this one.
    serde_json::Value::from(text).to_string().replace('\u{7F}', "\\u007F")
}
