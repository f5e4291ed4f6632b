//! How a file is to be read.

use std::io::Read;
use std::path::Path;

use crate::error::DataError;
use crate::guess::purpose::NAMELESS;
use crate::guess::records::Records;
use crate::read::{Bytes, Encoding, Format, Reading};

/// Bytes looked at.
const HEAD_BYTES: u64 = 1 << 20;
/// Delimiters tried, the likeliest first.
const DELIMITERS: [&str; 7] = [",", "\t", "::", ";", "|", "\u{1}", " "];
/// The share of records that may have another number of fields than most, and of quotes that may not close their field.
const ODD: f64 = 0.1;

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
    if text.trim_start().starts_with('{') {
        detected.set_format(Format::JsonLines, by_name, "its first line begins an object");
        return Ok(detected);
    }
    let usual = if by_name == Format::Tsv { "\t" } else { "," };
    let (delimiter, odd) = delimiter(&text, usual);
    if delimiter == "\t" {
        detected.set_format(Format::Tsv, by_name, "its lines are divided by tabs");
    } else if delimiter != usual {
        let reason = format!("it is in {:.0} % of the lines as often as in most", 100.0 * (1.0 - odd));
        detected.reading.delimiter = Some(delimiter.to_owned());
        detected.note("delimiter", quoted(delimiter), reason);
    }
    let (records, quote) = cut(&text, delimiter);
    if quote && delimiter == "\t" {
        // The importer takes quotes between tabs for a part of the text.
        detected.reading.quote = Some(true);
        detected.note("quote", "true".into(), "quotes stand around fields".into());
    }
    detected.header(&records.rows);
    if records.rows.iter().flatten().any(|cell| cell.trim() == "?") {
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

/// The delimiter that most records have equally often, and the share of the others; `usual` where there is none.
fn delimiter<'a>(text: &str, usual: &'a str) -> (&'a str, f64)
where
    'static: 'a,
{
    let mut best = (usual, 0.0, 1);
    for delimiter in DELIMITERS {
        let (fields, odd) = cut(text, delimiter).0.fields();
        if fields > best.2 && odd <= ODD && (best.2 == 1 || delimiter != " ") {
            best = (delimiter, odd, fields);
        }
    }
    (best.0, best.1)
}

/// The records of a text by a delimiter, and whether quotes stand around fields. If so, reading them leaves fewer records
/// odd than taking them for text does, or the same ones: quotes that happen to pair join lines that were whole. Only
/// delimiters of one byte can stand in quotes.
fn cut<'a>(text: &'a str, delimiter: &str) -> (Records<'a>, bool) {
    let plain = Records::of(text, delimiter, false);
    if delimiter.len() > 1 {
        return (plain, false);
    }
    let records = Records::of(text, delimiter, true);
    let (odd, odd_lines) = (records.fields().1, plain.fields().1);
    let same = odd <= odd_lines && records.rows.len() == plain.rows.len();
    let quote = records.in_quotes(ODD) && (odd < odd_lines || same);
    if quote { (records, true) } else { (plain, false) }
}

/// Types that RecBole gives its columns.
const TYPES: [&str; 4] = ["token", "float", "token_seq", "float_seq"];

impl Detected {
    pub(super) fn note(&mut self, key: &'static str, value: String, reason: String) {
        self.reasons.push((key, value, reason));
    }

    fn set_format(&mut self, format: Format, by_name: Format, reason: &str) {
        if format != by_name {
            self.reading.format = Some(format);
            self.note("format", quoted(format.name()), reason.to_owned());
        }
    }

    /// Whether the first row names the columns: no name is a number, and none is a value below it.
    fn header(&mut self, records: &[Vec<&str>]) {
        let Some((first, rest)) = records.split_first() else { return };
        let names: Vec<&str> = first.iter().map(|name| name.trim()).collect();
        let typed = |name: &&str| name.rsplit_once(':').is_some_and(|(_, kind)| TYPES.contains(&kind));
        if names.iter().all(typed) {
            self.reading.typed_header = true;
            self.note("typed_header", "true".into(), format!("its first cell is `{}`", names[0]));
            return;
        }
        let number = names.iter().find(|name| name.parse::<f64>().is_ok());
        let value = || {
            let cells = rest.iter().take(1000).flat_map(|row| row.iter().map(|cell| cell.trim()).zip(&names));
            cells.into_iter().find(|(cell, name)| !cell.is_empty() && cell == *name)
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
