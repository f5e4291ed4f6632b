//! The bytes of a file, unpacked, and as UTF-8 where they are text of another encoding.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::read::ahead::Ahead;
use crate::read::gzip::Members;
use crate::read::reading::Encoding;

/// Bytes that one row may take. A row beyond is a quote that is never closed, or no row at all; it would have to be
/// held in memory as a whole.
const MAX_ROW_BYTES: usize = 64 << 20;
const BUFFER_BYTES: usize = 128 << 10;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Xz,
    Zstd,
}

impl Packing {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }

    /// By the first bytes of a file, which all three formats fix.
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1F, 0x8B, ..] => Some(Self::Gzip),
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // A frame, or one that a reader skips.
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// By the ending of a file's name.
    fn named(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "gz" => Some(Self::Gzip),
            "xz" => Some(Self::Xz),
            "zst" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// What other files begin with that are no text, and what to do about it.
const NO_TEXT: [(&[u8], &str); 6] = [
    (b"PK\x03\x04", "it is a zip archive; unpack it first"),
    (b"BZh", "it is compressed by bzip2; unpack it first, or pack it by gzip, xz or zstd"),
    (b"PAR1", "it is a Parquet file; say `format = \"parquet\"`"),
    (b"ARROW1", "it is an Arrow file; write it as Parquet"),
    (b"\xFF\xFE", "it is UTF-16 text; convert it to UTF-8 (`iconv -f utf-16 -t utf-8`)"),
    (b"\xFE\xFF", "it is UTF-16 text; convert it to UTF-8 (`iconv -f utf-16 -t utf-8`)"),
];

const MARK: &[u8] = b"\xEF\xBB\xBF";

/// The unpacked bytes of a text file.
pub(crate) struct Bytes {
    path: PathBuf,
    packing: Option<Packing>,
    stream: Box<dyn Read>,
    /// What may still be read before the next row ends.
    left: usize,
    /// Of the file itself: bytes in all, and where the next one is read.
    length: u64,
    at: File,
}

/// What can be wrong with a row before its fields are known.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowFault {
    /// It takes more than [`MAX_ROW_BYTES`].
    #[error("the row is too long")]
    Long,
    /// The file ends within a quote of its last row.
    #[error("a quote is never closed")]
    OpenQuote,
}

impl Bytes {
    /// # Errors
    /// When the file cannot be read or is not text.
    pub(crate) fn open(path: &Path, encoding: Encoding) -> Result<Self, DataError> {
        let reading = |source| DataError::Read { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(reading)?;
        let length = file.metadata().map_err(reading)?.len();
        let head = beginning(&mut file).map_err(reading)?;
        file.rewind().map_err(reading)?;
        let at = file.try_clone().map_err(reading)?;
        let packing = Packing::of(&head);
        if let (None, Some(named), false) = (packing, Packing::named(path), head.is_empty()) {
            let reason = "it does not begin as one; if it is not packed, its name should not say so".to_owned();
            return Err(DataError::Malformed { path: path.to_owned(), format: named.name(), reason });
        }
        let file = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut stream: Box<dyn Read> = match packing {
            None => Box::new(file),
            Some(Packing::Gzip) => Box::new(Ahead::new(Members::new(file))),
            Some(Packing::Xz) => Box::new(Ahead::new(liblzma::bufread::XzDecoder::new_multi_decoder(file))),
            Some(Packing::Zstd) => Box::new(Ahead::new(zstd::Decoder::with_buffer(file).map_err(reading)?)),
        };
        let unpacked = beginning(&mut stream);
        let mut bytes = Self { path: path.to_owned(), packing, stream, left: MAX_ROW_BYTES, length, at };
        let mut head = unpacked.map_err(|error| bytes.fault(error, 0))?;
        if let Some((_, what)) = NO_TEXT.iter().find(|(start, _)| head.starts_with(start)) {
            return Err(DataError::Malformed { path: bytes.path, format: "text", reason: (*what).to_owned() });
        }
        if head.starts_with(MARK) {
            head.drain(..MARK.len());
        }
        let whole = io::Cursor::new(head).chain(bytes.stream);
        bytes.stream = match encoding {
            Encoding::Utf8 => Box::new(whole),
            Encoding::Latin1 => Box::new(Latin1 { bytes: whole, pending: None, read: vec![0; BUFFER_BYTES] }),
        };
        Ok(bytes)
    }

    /// Says that a row has ended.
    pub(super) fn row_ended(&mut self) {
        self.left = MAX_ROW_BYTES;
    }

    /// The part of the file that has been read.
    pub(super) fn share(&self) -> f64 {
        let at = (&self.at).stream_position().unwrap_or(self.length);
        if self.length == 0 { 1.0 } else { (at as f64 / self.length as f64).min(1.0) }
    }

    /// What to make of an error while reading the row after `rows`.
    pub(crate) fn fault(&self, error: io::Error, rows: u64) -> DataError {
        let path = self.path.clone();
        if let Some(fault) = error.get_ref().and_then(|inner| inner.downcast_ref::<RowFault>()) {
            let (row, fault) = match fault {
                RowFault::Long => (rows + 1, format!("is longer than {} MiB", MAX_ROW_BYTES >> 20)),
                RowFault::OpenQuote => (rows + 1, "opens a quote that the file never closes".to_owned()),
            };
            let expected = "quotes in pairs, or `quote = false` in the card's `[read]`";
            return DataError::BadRow { origin: path.display().to_string(), row, fault, expected };
        }
        match (self.packing, error.kind()) {
            (Some(packing), io::ErrorKind::UnexpectedEof) => DataError::Truncated { path, format: packing.name() },
            (Some(packing), _) if error.raw_os_error().is_none() => {
                DataError::Malformed { path, format: packing.name(), reason: error.to_string() }
            }
            _ => DataError::Read { path, source: error },
        }
    }
}

/// The first bytes, as many as the longest of [`NO_TEXT`] and the packings has.
fn beginning(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = vec![];
    stream.take(6).read_to_end(&mut head)?;
    Ok(head)
}

impl Read for Bytes {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(RowFault::Long));
        }
        let read = self.stream.read(out)?;
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

/// ISO 8859-1 as UTF-8: every byte from 128 on becomes two.
struct Latin1<R> {
    bytes: R,
    /// The second byte of a character whose first was the last that `out` had room for.
    pending: Option<u8>,
    read: Vec<u8>,
}

impl<R: Read> Read for Latin1<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if let Some(byte) = self.pending.take() {
            out[0] = byte;
            return Ok(1);
        }
        let room = (out.len() / 2).clamp(1, self.read.len());
        let read = self.bytes.read(&mut self.read[..room])?;
        let mut at = 0;
        for &byte in &self.read[..read] {
            if byte.is_ascii() {
                out[at] = byte;
            } else {
                out[at] = 0xC0 | byte >> 6;
                let second = 0x80 | byte & 0x3F;
                match out.get_mut(at + 1) {
                    Some(place) => *place = second,
                    None => self.pending = Some(second),
                }
                at += 1;
            }
            at += 1;
        }
        Ok(at.min(out.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_1_is_read_whatever_the_room() {
        let bytes: Vec<u8> = (0..=255).chain([0xE9, b'a', 0xE9]).collect();
        let expected: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        for room in [1, 2, 3, 7, 1000] {
            let mut reader = Latin1 { bytes: bytes.as_slice(), pending: None, read: vec![0; 16] };
            let (mut got, mut out) = (vec![], vec![0; room]);
            while let read @ 1.. = reader.read(&mut out).unwrap() {
                got.extend(&out[..read]);
            }
            assert_eq!(String::from_utf8(got).unwrap(), expected, "{room}");
        }
    }
}
