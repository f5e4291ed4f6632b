//! JSON lines: files that one writer appends to and many readers follow.

#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use memchr::{memchr, memchr_iter, memrchr};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::GridError;
use crate::store::damage::Damage;
use crate::store::format::FormatVersion;

/// Appends lines to a file.
#[derive(Debug)]
pub struct LineWriter {
    file: File,
    path: PathBuf,
    /// Length of the whole lines.
    length: u64,
}

impl LineWriter {
    /// Opens or makes a file. The last line, if a killed writer left it unfinished, is cut off: the caller must be
    /// the file's only writer.
    ///
    /// # Errors
    /// When the file cannot be opened or cut.
    pub fn open(path: &Path) -> Result<Self, GridError> {
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(GridError::writing(path))?;
        let length = whole(&mut file).map_err(GridError::reading(path))?;
        file.set_len(length).map_err(GridError::writing(path))?;
        Ok(Self { file, path: path.to_owned(), length })
    }

    /// Appends a value as one line, in a single write, so that no reader sees lines of others within it.
    ///
    /// # Errors
    /// When the line cannot be written; the file then ends with the line before.
    pub fn append<T: Serialize>(&mut self, value: &T) -> Result<(), GridError> {
        let mut line = serde_json::to_vec(value).map_err(|error| GridError::unwritable(&self.path, error))?;
        line.push(b'\n');
        let written = self.file.write(&line).and_then(|count| {
            if count == line.len() { Ok(()) } else { Err(io::Error::from(io::ErrorKind::StorageFull)) }
        });
        if let Err(error) = written {
            let _ = self.file.set_len(self.length);
            return Err(GridError::writing(&self.path)(error));
        }
        self.length += line.len() as u64;
        Ok(())
    }
}

/// Bytes up to and including the last newline.
fn whole(file: &mut File) -> io::Result<u64> {
    const PIECE: u64 = 1 << 16;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut piece = vec![];
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        piece.clear();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// What a line holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Line<T> {
    /// A value.
    Value(T),
    /// Something else.
    Corrupt {
        /// Its number in the file, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A line that a newer program wrote.
    Newer {
        /// Its number in the file, from 1.
        line: u64,
        /// Its version.
        found: FormatVersion,
    },
}

impl<T> Line<T> {
    /// The value, if it is one.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Corrupt { .. } | Self::Newer { .. } => None,
        }
    }
}

/// A value that carries its format's version.
pub trait Versioned {
    /// The version of this value.
    fn version(&self) -> FormatVersion;

    /// The newest version that this program reads.
    const KNOWN: FormatVersion;
}

/// Follows a file: every [`LineReader::poll`] returns the lines that are new. A last line without its newline is
/// left until the newline is there.
#[derive(Debug)]
pub struct LineReader<T> {
    path: PathBuf,
    /// Where the next line begins.
    offset: u64,
    /// Lines read.
    lines: u64,
    /// Inside a line that is too long to be one.
    overlong: bool,
    damage: Damage,
    values: PhantomData<T>,
}

/// What a reader hands over at once.
pub(crate) enum Block<'a> {
    /// Whole lines with their newlines, and the number of the first in the file.
    Lines(&'a [u8], u64),
    /// Something that is no line; its number and what is wrong with it.
    Wrong(u64, String),
}

/// No line is longer. A damaged file without newlines must not fill the memory.
const LONGEST: usize = 1 << 24;
const PIECE: usize = 1 << 20;

impl<T: DeserializeOwned + Versioned> LineReader<T> {
    /// From the first line on. The file need not exist yet.
    pub fn new(path: &Path) -> Self {
        let damage = Damage::default();
        Self { path: path.to_owned(), offset: 0, lines: 0, overlong: false, damage, values: PhantomData }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was wrong with the file so far.
    pub fn damage(&self) -> &Damage {
        &self.damage
    }

    /// The lines that are new. None while the file does not exist.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn poll(&mut self) -> Result<Vec<Line<T>>, GridError> {
        let mut found = vec![];
        self.poll_each(|line| found.push(line))?;
        Ok(found)
    }

    /// As [`LineReader::poll`], without keeping the lines.
    ///
    /// # Errors
    /// As [`LineReader::poll`].
    pub fn poll_each(&mut self, mut each: impl FnMut(Line<T>)) -> Result<(), GridError> {
        let mut damage = std::mem::take(&mut self.damage);
        let polled = self.poll_blocks(&mut vec![], |block| match block {
            Block::Wrong(line, reason) => each(damage.seen(Line::Corrupt { line, reason })),
            Block::Lines(lines, first) => {
                for (bytes, number) in split(lines).zip(first..) {
                    each(damage.seen(parse(bytes, number)));
                }
            }
        });
        self.damage = damage;
        polled
    }

    /// Hands over what is new as it stands in the file; `held` is room to read into, worth keeping between files.
    ///
    /// # Errors
    /// As [`LineReader::poll`].
    pub(crate) fn poll_blocks(&mut self, held: &mut Vec<u8>, mut each: impl FnMut(Block<'_>)) -> Result<(), GridError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(GridError::reading(&self.path)(error)),
        };
        self.follow(&mut file, held, &mut each).map_err(GridError::reading(&self.path))
    }

    fn follow(&mut self, file: &mut File, held: &mut Vec<u8>, each: &mut impl FnMut(Block<'_>)) -> io::Result<()> {
        let length = file.metadata()?.len();
        if length < self.offset {
            each(Block::Wrong(self.lines, "the file became shorter".to_owned()));
            self.offset = length;
        }
        if self.offset > 0 {
            file.seek(SeekFrom::Start(self.offset))?;
        }
        let room = usize::try_from(length - self.offset).unwrap_or(PIECE).clamp(1, PIECE);
        let mut filled = 0;
        loop {
            if held.len() < filled + room {
                held.resize(filled + room, 0);
            }
            let read = file.read(&mut held[filled..])?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
            let whole = memrchr(b'\n', &held[..filled]).map_or(0, |last| last + 1);
            self.block(&held[..whole], each);
            self.offset += whole as u64;
            held.copy_within(whole..filled, 0);
            filled -= whole;
            if filled > LONGEST {
                self.offset += filled as u64;
                self.overlong = true;
                filled = 0;
            }
        }
    }

    fn block(&mut self, mut bytes: &[u8], each: &mut impl FnMut(Block<'_>)) {
        if let Some(end) = memchr(b'\n', bytes).filter(|_| std::mem::take(&mut self.overlong)) {
            self.lines += 1;
            each(Block::Wrong(self.lines, format!("longer than {LONGEST} bytes")));
            bytes = &bytes[end + 1..];
        }
        if !bytes.is_empty() {
            each(Block::Lines(bytes, self.lines + 1));
            self.lines += memchr_iter(b'\n', bytes).count() as u64;
        }
    }

    /// Notes what was wrong with the blocks handed over.
    pub(crate) fn set_damage(&mut self, damage: Damage) {
        self.damage = damage;
    }
}

/// The lines of a block, without their newlines.
pub(crate) fn split(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', block).map(move |end| &block[std::mem::replace(&mut start, end + 1)..end])
}

/// What a line holds.
pub(crate) fn parse<T: DeserializeOwned + Versioned>(bytes: &[u8], line: u64) -> Line<T> {
    #[derive(Deserialize)]
    struct Head {
        v: FormatVersion,
    }
    match serde_json::from_slice::<T>(bytes) {
        Ok(value) if value.version() <= T::KNOWN => Line::Value(value),
        Ok(value) => Line::Newer { line, found: value.version() },
        // A newer line may not parse; that it is newer is what to say then.
        Err(error) => match serde_json::from_slice::<Head>(bytes) {
            Ok(Head { v }) if v > T::KNOWN => Line::Newer { line, found: v },
            Ok(_) | Err(_) => Line::Corrupt { line, reason: error.to_string() },
        },
    }
}
