//! The records of delimited text.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use csv_core::ReadRecordResult;
use memchr::memmem::Finder;
use memchr::{memchr, memchr2};

use crate::error::DataError;
use crate::read::bytes::{Bytes, RowFault};
use crate::read::reading::{Dialect, Encoding};

const BUFFER_BYTES: usize = 64 << 10;

/// The records of one file, one after the other. Empty lines are none.
pub(super) struct Records {
    lines: Lines,
    delimiter: Box<Finder<'static>>,
    /// Takes the lines where fields may stand in quotes; every other line is a record, and every delimiter in it ends a
    /// field, which takes half the time.
    quotes: Option<Box<Quotes>>,
    /// Where each field of the line ends.
    ends: Vec<usize>,
}

impl Records {
    /// # Errors
    /// When the file cannot be read or is not text.
    pub(super) fn open(path: &Path, dialect: &Dialect, encoding: Encoding) -> Result<Self, DataError> {
        let mut lines = Lines::new(Bytes::open(path, encoding)?);
        lines.returns = dialect.quote;
        let delimiter = Box::new(Finder::new(&dialect.delimiter).into_owned());
        let quotes = dialect.quote.then(|| Box::new(Quotes::new(dialect.delimiter[0])));
        Ok(Self { lines, delimiter, quotes, ends: vec![] })
    }

    /// Goes to the next record; false when there is none.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        let Self { lines, delimiter, quotes, ends } = self;
        if !lines.advance()? {
            return Ok(false);
        }
        ends.clear();
        let with_quotes = if let [byte] = delimiter.needle() {
            split(lines.line(), *byte, ends)
        } else {
            ends.extend(delimiter.find_iter(lines.line()));
            false
        };
        ends.push(lines.line().len());
        if let Some(quotes) = quotes {
            quotes.fields = 0;
            if with_quotes {
                quotes.read(lines)?;
            }
        }
        Ok(true)
    }

    /// Number of fields of the record.
    pub(super) fn len(&self) -> usize {
        self.quoted().map_or(self.ends.len(), |quotes| quotes.fields)
    }

    /// A field of the record.
    pub(super) fn field(&self, at: usize) -> &[u8] {
        if let Some(quotes) = self.quoted() {
            return quotes.field(at);
        }
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before] + self.delimiter.needle().len());
        &self.lines.line()[from..self.ends[at]]
    }

    fn quoted(&self) -> Option<&Quotes> {
        self.quotes.as_deref().filter(|quotes| quotes.fields > 0)
    }

    /// Where the records come from.
    pub(super) fn bytes(&self) -> &Bytes {
        self.lines.bytes()
    }
}

/// Adds the places of a byte in a line, and tells whether it has quotes. Eight bytes are compared at once: fields are
/// mostly shorter than what a search for the next one takes to begin (Hacker's Delight, section 6-1).
fn split(line: &[u8], byte: u8, places: &mut Vec<usize>) -> bool {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    const LOW: u64 = 0x7F * EACH;
    let equal = |word: u64, byte: u8| {
        let differ = word ^ (u64::from(byte) * EACH);
        !(((differ & LOW) + LOW) | differ | LOW)
    };
    let (words, rest) = line.as_chunks();
    let mut quotes = 0;
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        quotes |= equal(word, b'"');
        let mut hits = equal(word, byte);
        while hits != 0 {
            places.push(8 * at + hits.trailing_zeros() as usize / 8);
            hits &= hits - 1;
        }
    }
    let last = 8 * words.len();
    places.extend(rest.iter().enumerate().filter(|(_, other)| **other == byte).map(|(at, _)| last + at));
    quotes != 0 || rest.contains(&b'"')
}

/// Reads records whose fields may stand in quotes and then hold delimiters and line ends.
struct Quotes {
    reader: csv_core::Reader,
    /// The fields of the record, without quotes and one behind the other, where each ends, and how many there are.
    record: Vec<u8>,
    ends: Vec<usize>,
    fields: usize,
}

impl Quotes {
    fn new(delimiter: u8) -> Self {
        let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        // What it reads first may begin with a mark, which only a whole file does.
        reader.read_record(b"\n", &mut [0], &mut [0]);
        Self { reader, record: vec![0; 1 << 10], ends: vec![0; 64], fields: 0 }
    }

    /// Reads the record that begins with the line, and lines that it goes on in are added.
    fn read(&mut self, lines: &mut Lines) -> io::Result<()> {
        let (mut at, mut bytes) = (0, 0);
        loop {
            let (record, ends) = (&mut self.record[bytes..], &mut self.ends[self.fields..]);
            let (result, read, written, ended) = self.reader.read_record(&lines.whole()[at..], record, ends);
            (at, bytes, self.fields) = (at + read, bytes + written, self.fields + ended);
            match result {
                ReadRecordResult::OutputFull => self.record.resize(2 * self.record.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                // The line has an end, which is therefore within quotes.
                ReadRecordResult::InputEmpty if !lines.append()? => return Err(io::Error::other(RowFault::OpenQuote)),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record | ReadRecordResult::End => return Ok(()),
            }
        }
    }

    fn field(&self, at: usize) -> &[u8] {
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.record[from..self.ends[at]]
    }
}

/// The lines of a file that hold anything.
pub(super) struct Lines {
    reader: BufReader<Bytes>,
    /// Whether a carriage return alone ends a line, too.
    returns: bool,
    line: Vec<u8>,
    /// Bytes of the line but for its end.
    len: usize,
}

impl Lines {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self { reader: BufReader::with_capacity(BUFFER_BYTES, bytes), returns: false, line: vec![], len: 0 }
    }

    /// Goes to the next line that is not empty; false when there is none.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        loop {
            self.line.clear();
            self.reader.get_mut().row_ended();
            if !self.append()? {
                self.len = 0;
                return Ok(false);
            }
            let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            self.len = line.strip_suffix(b"\r").unwrap_or(line).len();
            if self.len > 0 {
                return Ok(true);
            }
        }
    }

    /// Adds the next line, which has an end in any case; false when there is none.
    fn append(&mut self) -> io::Result<bool> {
        let before = self.line.len();
        loop {
            let bytes = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                bytes => bytes?,
            };
            let end = if self.returns { memchr2(b'\n', b'\r', bytes) } else { memchr(b'\n', bytes) };
            let used = end.map_or(bytes.len(), |at| at + 1);
            self.line.extend_from_slice(&bytes[..used]);
            self.reader.consume(used);
            if end.is_some() {
                return Ok(true);
            }
            if used == 0 {
                break;
            }
        }
        if self.line.len() == before {
            return Ok(false);
        }
        self.line.push(b'\n');
        Ok(true)
    }

    /// The line, without its end.
    pub(super) fn line(&self) -> &[u8] {
        &self.line[..self.len]
    }

    /// The line with its end, and lines that were added to it.
    fn whole(&self) -> &[u8] {
        &self.line
    }

    pub(super) fn bytes(&self) -> &Bytes {
        self.reader.get_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8], quote: bool) -> Option<Vec<Vec<Vec<u8>>>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let dialect = Dialect { delimiter: b",".to_vec(), quote };
        let (mut records, mut all) = (Records::open(file.path(), &dialect, Encoding::Utf8).unwrap(), vec![]);
        loop {
            match records.advance() {
                Ok(true) => all.push((0..records.len()).map(|at| records.field(at).to_vec()).collect()),
                Ok(false) => return Some(all),
                Err(_) => return None,
            }
        }
    }

    /// What another reader makes of it; a record that is swallowed by a quote is none.
    fn by_csv(text: &[u8]) -> Option<Vec<Vec<Vec<u8>>>> {
        const END: &[u8] = b"\n\x1C\x1D\n";
        let text = [text, END].concat();
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_slice());
        let all = reader.into_byte_records().map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect());
        let mut all: Vec<Vec<Vec<u8>>> = all.collect();
        (all.pop()? == [END.trim_ascii()]).then_some(all)
    }

    const TOKENS: [&str; 9] = ["a", "bc", ",", "\"", "\"\"", "\n", "\r\n", "\r", "\u{FEFF}"];

    proptest! {
        #[test]
        fn lines_are_split_wherever_the_byte_is(line in prop::collection::vec(0..=255u8, 0..40), byte: u8, at: usize) {
            let mut line = line;
            if !line.is_empty() {
                let at = at % line.len();
                line[at] = byte;
            }
            let mut places = vec![];
            let with_quotes = split(&line, byte, &mut places);
            prop_assert_eq!(places, memchr::memchr_iter(byte, &line).collect::<Vec<_>>());
            prop_assert_eq!(with_quotes, line.contains(&b'"'));
        }

        #[test]
        fn quoted_or_not_lines_are_read_as_by_others(
            tokens in prop::collection::vec(prop::sample::select(TOKENS.to_vec()), 0..40),
        ) {
            // Only a mark at the beginning is one.
            let text = format!("a{}", tokens.concat());
            prop_assert_eq!(read(text.as_bytes(), true), by_csv(text.as_bytes()), "{:?}", text);
            if !text.contains(['"', '\r']) {
                prop_assert_eq!(read(text.as_bytes(), false), by_csv(text.as_bytes()), "{:?}", text);
            }
        }
    }

    #[test]
    fn records_may_be_larger_than_any_before() {
        let (long, many) = (format!("\"{}\n\"", "x".repeat(5000)), ["\"\""; 300].join(","));
        let records = read(format!("a,b\n{long},\"c\"\n{many}\nd\n").as_bytes(), true).unwrap();
        assert_eq!(records.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 300, 1]);
        assert_eq!((records[1][0].len(), records[1][1].as_slice()), (5001, b"c".as_slice()));
    }
}
