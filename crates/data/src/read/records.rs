//! The records of delimited text.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use csv::ByteRecord;
use memchr::memmem::Finder;

use crate::error::DataError;
use crate::read::bytes::{Bytes, RowFault};
use crate::read::reading::{Dialect, Encoding};

const BUFFER_BYTES: usize = 128 << 10;

/// A record after the last one: a quote that is never closed swallows it. Separators of old, which no text holds.
const END: &[u8] = b"\n\x1C\x1D\x1E\x1F\n";

/// The records of one file, one after the other. Empty lines are none.
pub(super) enum Records {
    /// Fields may stand in quotes and then hold delimiters and line ends.
    Quoted { reader: Box<csv::Reader<Bytes>>, record: ByteRecord },
    /// Every line is a record, and every delimiter ends a field. Beside allowing delimiters of several bytes this
    /// takes half the time of the other.
    Plain { lines: Lines, delimiter: Box<Finder<'static>>, ends: Vec<usize> },
}

impl Records {
    /// # Errors
    /// When the file cannot be read or is not text.
    pub(super) fn open(path: &Path, dialect: &Dialect, encoding: Encoding) -> Result<Self, DataError> {
        let bytes = Bytes::open(path, encoding)?;
        if dialect.quote {
            let mut builder = csv::ReaderBuilder::new();
            builder.has_headers(false).flexible(true).delimiter(dialect.delimiter[0]).buffer_capacity(BUFFER_BYTES);
            let reader = Box::new(builder.from_reader(bytes.ended_by(END)));
            return Ok(Self::Quoted { reader, record: ByteRecord::new() });
        }
        let delimiter = Box::new(Finder::new(&dialect.delimiter).into_owned());
        Ok(Self::Plain { lines: Lines::new(bytes), delimiter, ends: vec![] })
    }

    /// Goes to the next record; false when there is none.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        match self {
            Self::Quoted { reader, record } => {
                reader.get_mut().row_ended();
                let more = reader.read_byte_record(record).map_err(|error| match error.into_kind() {
                    csv::ErrorKind::Io(error) => error,
                    other => io::Error::other(format!("{other:?}")),
                })?;
                match record.len().checked_sub(1) {
                    Some(0) if record[0] == *END.trim_ascii() => Ok(false),
                    Some(last) if record[last].ends_with(END) => Err(io::Error::other(RowFault::OpenQuote)),
                    _ => Ok(more),
                }
            }
            Self::Plain { lines, delimiter, ends } => {
                ends.clear();
                if !lines.advance()? {
                    return Ok(false);
                }
                let line = lines.line();
                match delimiter.needle() {
                    [byte] => ends.extend(memchr::memchr_iter(*byte, line)),
                    _ => ends.extend(delimiter.find_iter(line)),
                }
                ends.push(line.len());
                Ok(true)
            }
        }
    }

    /// Number of fields of the record.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Quoted { record, .. } => record.len(),
            Self::Plain { ends, .. } => ends.len(),
        }
    }

    /// A field of the record.
    pub(super) fn field(&self, at: usize) -> &[u8] {
        match self {
            Self::Quoted { record, .. } => &record[at],
            Self::Plain { lines, delimiter, ends } => {
                let from = at.checked_sub(1).map_or(0, |before| ends[before] + delimiter.needle().len());
                &lines.line()[from..ends[at]]
            }
        }
    }

    /// Where the records come from.
    pub(super) fn bytes(&self) -> &Bytes {
        match self {
            Self::Quoted { reader, .. } => reader.get_ref(),
            Self::Plain { lines, .. } => lines.bytes(),
        }
    }
}

/// The lines of a file that hold anything.
pub(super) struct Lines {
    reader: BufReader<Bytes>,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self { reader: BufReader::with_capacity(BUFFER_BYTES, bytes), line: vec![] }
    }

    /// Goes to the next line that is not empty; false when there is none.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        loop {
            self.line.clear();
            self.reader.get_mut().row_ended();
            if self.reader.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(false);
            }
            for end in [b'\n', b'\r'] {
                if self.line.last() == Some(&end) {
                    self.line.pop();
                }
            }
            if !self.line.is_empty() {
                return Ok(true);
            }
        }
    }

    /// The line, without its end.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    pub(super) fn bytes(&self) -> &Bytes {
        self.reader.get_ref()
    }
}
