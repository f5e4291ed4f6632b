//! What workers and the libraries in them print, as lines that are safe to show.

mod clean;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use self::clean::Cleaner;
pub use self::clean::{LONGEST_PRINTED, printable};
use crate::error::GridError;

/// Follows a log file in bounded memory: every [`Printed::poll`] returns the lines that are new, as text without control
/// characters.
#[derive(Debug)]
pub struct Printed {
    path: PathBuf,
    offset: u64,
    cleaner: Cleaner,
}

/// No more than this is read at once. Of a worker that prints without end, or of a log that was long before anybody
/// looked, the last part is what matters.
const MOST: u64 = 1 << 18;

impl Printed {
    /// The file need not exist yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), offset: 0, cleaner: Cleaner::default() }
    }

    /// The lines that are new: those of the last 256 KiB, if more was printed since the last call; how many bytes were
    /// left out then comes first. None while the file does not exist. A file that became shorter is read anew.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn poll(&mut self) -> Result<Vec<String>, GridError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(GridError::reading(&self.path)(error)),
        };
        self.follow(&mut file).map_err(GridError::reading(&self.path))
    }

    fn follow(&mut self, file: &mut File) -> io::Result<Vec<String>> {
        let length = file.metadata()?.len();
        if length < self.offset {
            (self.offset, self.cleaner) = (0, Cleaner::default());
        }
        let mut lines = vec![];
        let mut left_out = length.saturating_sub(self.offset).saturating_sub(MOST);
        file.seek(SeekFrom::Start(self.offset + left_out))?;
        let mut bytes = vec![];
        file.take(MOST).read_to_end(&mut bytes)?;
        self.offset += left_out + bytes.len() as u64;
        let mut fresh = bytes.as_slice();
        if left_out > 0 {
            self.cleaner = Cleaner::default();
            // Half a line says less than none.
            if let Some(end) = fresh.iter().position(|byte| *byte == b'\n') {
                left_out += end as u64 + 1;
                fresh = &fresh[end + 1..];
            }
            lines.push(format!("[{left_out} bytes left out; see {}]", printable(&self.path.to_string_lossy())));
        }
        self.cleaner.feed(fresh, &mut lines);
        Ok(lines)
    }

    /// The line that has no end yet: the last words of a process that died, or a bar of progress.
    pub fn unfinished(&self) -> Option<&str> {
        self.cleaner.unfinished()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    use super::*;

    fn log() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.log");
        (folder, path)
    }

    fn append(path: &Path, bytes: &[u8]) {
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(bytes).unwrap();
    }

    #[test]
    fn lines_come_once_and_whole() {
        let (_folder, path) = log();
        let mut printed = Printed::new(&path);
        assert_eq!(printed.poll().unwrap(), Vec::<String>::new());
        append(&path, "one\nzwe\u{ef}".as_bytes());
        assert_eq!((printed.poll().unwrap(), printed.unfinished()), (vec!["one".to_owned()], Some("zwe\u{ef}")));
        append(&path, &"\u{e9}".as_bytes()[..1]);
        assert_eq!(printed.poll().unwrap(), Vec::<String>::new());
        append(&path, &"\u{e9}".as_bytes()[1..]);
        append(&path, b" three\r\n");
        assert_eq!((printed.poll().unwrap(), printed.unfinished()), (vec!["zwe\u{ef}\u{e9} three".to_owned()], None));
    }

    #[test]
    fn of_too_much_the_last_is_read() {
        let (_folder, path) = log();
        let mut text = "x".repeat(40).into_bytes();
        for line in 0..100_000 {
            text.extend_from_slice(format!("{line}\n").as_bytes());
        }
        append(&path, &text);
        let mut printed = Printed::new(&path);
        let lines = printed.poll().unwrap();
        assert!(lines.len() < 50_000, "{}", lines.len());
        assert_eq!(lines.last().map(String::as_str), Some("99999"));
        let numbers: Vec<u32> = lines[1..].iter().map(|line| line.parse().unwrap()).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
        let kept: usize = lines[1..].iter().map(|line| line.len() + 1).sum();
        assert!(lines[0].starts_with(&format!("[{} bytes left out; see ", text.len() - kept)), "{}", lines[0]);
        append(&path, b"and on\n");
        assert_eq!(printed.poll().unwrap(), ["and on"]);
        // Begun anew by somebody.
        fs::write(&path, "first\n").unwrap();
        assert_eq!(printed.poll().unwrap(), ["first"]);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Printed::new(folder.path()).poll().unwrap_err().to_string();
        assert!(error.starts_with("cannot read "), "{error}");
    }
}
