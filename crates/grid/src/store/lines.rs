//! JSON lines: files that one writer appends to and many readers follow.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::GridError;
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

    /// Makes all lines last through a loss of power.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn sync(&self) -> Result<(), GridError> {
        self.file.sync_data().map_err(GridError::writing(&self.path))
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
    values: PhantomData<T>,
}

/// No line is longer. A damaged file without newlines must not fill the memory.
const LONGEST: usize = 1 << 24;
const PIECE: usize = 1 << 20;

impl<T: DeserializeOwned + Versioned> LineReader<T> {
    /// From the first line on. The file need not exist yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), offset: 0, lines: 0, overlong: false, values: PhantomData }
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
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(GridError::reading(&self.path)(error)),
        };
        self.follow(&mut file, &mut each).map_err(GridError::reading(&self.path))
    }

    fn follow(&mut self, file: &mut File, each: &mut impl FnMut(Line<T>)) -> io::Result<()> {
        let length = file.metadata()?.len();
        if length < self.offset {
            each(Line::Corrupt { line: self.lines, reason: "the file became shorter".to_owned() });
            self.offset = length;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut held = vec![];
        loop {
            let old = held.len();
            held.resize(old + PIECE, 0);
            let read = file.read(&mut held[old..])?;
            held.truncate(old + read);
            if read == 0 {
                return Ok(());
            }
            let mut start = 0;
            while let Some(length) = held[start..].iter().position(|byte| *byte == b'\n') {
                self.line(&held[start..start + length], each);
                start += length + 1;
            }
            self.offset += start as u64;
            held.drain(..start);
            if held.len() > LONGEST {
                self.offset += held.len() as u64;
                self.overlong = true;
                held.clear();
            }
        }
    }

    fn line(&mut self, bytes: &[u8], each: &mut impl FnMut(Line<T>)) {
        self.lines += 1;
        let overlong = std::mem::take(&mut self.overlong);
        if overlong {
            each(Line::Corrupt { line: self.lines, reason: format!("longer than {LONGEST} bytes") });
        } else {
            each(parse(bytes, self.lines));
        }
    }
}

fn parse<T: DeserializeOwned + Versioned>(bytes: &[u8], line: u64) -> Line<T> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        v: FormatVersion,
        text: String,
    }

    impl Versioned for Note {
        const KNOWN: FormatVersion = FormatVersion(1);

        fn version(&self) -> FormatVersion {
            self.v
        }
    }

    fn note(text: &str) -> Note {
        Note { v: FormatVersion(1), text: text.to_owned() }
    }

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        (folder, path)
    }

    fn values(lines: Vec<Line<Note>>) -> Vec<String> {
        lines
            .into_iter()
            .map(|line| match line {
                Line::Value(note) => note.text,
                Line::Corrupt { line, reason } => format!("{line}! {reason}"),
                Line::Newer { line, found } => format!("{line}! version {}", found.0),
            })
            .collect()
    }

    #[test]
    fn a_follower_sees_each_line_once_and_only_whole_ones() {
        let (_folder, path) = file();
        let mut reader = LineReader::<Note>::new(&path);
        assert_eq!(reader.poll().unwrap(), []);
        let mut writer = LineWriter::open(&path).unwrap();
        writer.append(&note("one\ntwo")).unwrap();
        writer.append(&note("three")).unwrap();
        assert_eq!(values(reader.poll().unwrap()), ["one\ntwo", "three"]);
        assert_eq!(reader.poll().unwrap(), []);
        let mut raw = OpenOptions::new().append(true).open(&path).unwrap();
        raw.write_all(b"{\"v\":1,\"te").unwrap();
        assert_eq!(reader.poll().unwrap(), []);
        raw.write_all(b"xt\":\"four\"}\n").unwrap();
        assert_eq!(values(reader.poll().unwrap()), ["four"]);
    }

    #[test]
    fn a_killed_writers_last_line_is_cut_off() {
        let (_folder, path) = file();
        std::fs::write(&path, "{\"v\":1,\"text\":\"a\"}\n{\"v\":1,\"te").unwrap();
        let mut reader = LineReader::<Note>::new(&path);
        assert_eq!(values(reader.poll().unwrap()), ["a"]);
        LineWriter::open(&path).unwrap().append(&note("b")).unwrap();
        assert_eq!(values(reader.poll().unwrap()), ["b"]);
        assert_eq!(values(LineReader::<Note>::new(&path).poll().unwrap()), ["a", "b"]);
        std::fs::write(&path, vec![b'x'; 200_000]).unwrap();
        LineWriter::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    }

    #[test]
    fn corrupt_and_newer_lines_are_values() {
        let (_folder, path) = file();
        let text = b"{\"v\":1,\"text\":\"a\"}\nnonsense\n\xff\n{\"v\":2,\"words\":3}\n{\"v\":2,\"text\":\"a\"}\n{\"v\":1,\"text\":\"b\"}\n";
        std::fs::write(&path, text).unwrap();
        let seen = values(LineReader::<Note>::new(&path).poll().unwrap());
        assert_eq!(seen.len(), 6);
        assert_eq!((seen[0].as_str(), seen[5].as_str()), ("a", "b"));
        assert!(seen[1].starts_with("2! ") && seen[2].starts_with("3! "), "{seen:?}");
        assert_eq!(seen[3..5], ["4! version 2", "5! version 2"]);
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let (_folder, path) = file();
        let mut bytes = vec![b'x'; LONGEST + 2 * PIECE];
        bytes.extend_from_slice(b"\n{\"v\":1,\"text\":\"b\"}\n");
        std::fs::write(&path, bytes).unwrap();
        let mut reader = LineReader::<Note>::new(&path);
        assert_eq!(values(reader.poll().unwrap()), ["1! longer than 16777216 bytes", "b"]);
        std::fs::write(&path, "").unwrap();
        assert_eq!(values(reader.poll().unwrap()), ["2! the file became shorter"]);
    }

    #[test]
    fn a_full_disk_leaves_whole_lines() {
        let path = Path::new("/dev/full");
        if cfg!(target_os = "linux") {
            let file = OpenOptions::new().append(true).open(path).unwrap();
            let mut writer = LineWriter { file, path: path.to_owned(), length: 0 };
            let error = writer.append(&note("a")).unwrap_err().to_string();
            assert!(error.starts_with("cannot write /dev/full: "), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (_folder, path) = file();
            std::fs::write(&path, &bytes).unwrap();
            let seen = LineReader::<Note>::new(&path).poll().unwrap();
            prop_assert_eq!(seen.len(), bytes.split(|byte| *byte == b'\n').count() - 1);
            let mut writer = LineWriter::open(&path).unwrap();
            writer.append(&note("last")).unwrap();
            let seen = LineReader::<Note>::new(&path).poll().unwrap();
            prop_assert_eq!(seen.last(), Some(&Line::Value(note("last"))));
        }
    }
}
