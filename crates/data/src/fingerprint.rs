//! The name of a data set's contents: what the cache and a trial's key know it by.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytemuck::{NoUninit, cast_slice};

use crate::chunk::Chunk;
use crate::error::DataError;

/// Raised whenever a change of this crate moves a value that a model sees, a label or a row's part.
pub(crate) const PREPROCESSING: u32 = 3;

/// Bytes of a file that are hashed at once, all cores taking a part.
const BLOCK_BYTES: usize = 2 << 20;

/// A BLAKE3 hash of named parts, each with its length, so that no two lists of parts read alike.
pub struct Fingerprint {
    hasher: blake3::Hasher,
    files: ReadFiles,
}

/// Files as they were when they were read: their lengths, and when they were last written to.
#[derive(Default)]
pub(crate) struct ReadFiles(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl ReadFiles {
    fn add(&mut self, path: &Path, file: &File) -> io::Result<()> {
        let about = file.metadata()?;
        self.0.push((path.to_owned(), about.len(), about.modified().ok()));
        Ok(())
    }

    /// That nobody has written to them since.
    ///
    /// # Errors
    /// [`DataError::FileWrittenTo`] when somebody has, or one is gone.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let is_same = |(path, length, modified): &&(PathBuf, u64, Option<SystemTime>)| {
            fs::metadata(path).is_ok_and(|about| about.len() == *length && about.modified().ok() == *modified)
        };
        match self.0.iter().find(|file| !is_same(file)) {
            Some((path, ..)) => Err(DataError::FileWrittenTo { path: path.clone() }),
            None => Ok(()),
        }
    }
}

impl Fingerprint {
    /// The fingerprint of one kind of data.
    pub(crate) fn new(kind: &str) -> Self {
        let mut new = Self { hasher: blake3::Hasher::new(), files: ReadFiles::default() };
        new.text("kind", kind);
        new.bytes("preprocessing", &PREPROCESSING.to_le_bytes());
        new
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.bytes(name, text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        for part in [name.as_bytes(), bytes] {
            self.hasher.update(&(part.len() as u64).to_le_bytes());
            self.hasher.update(part);
        }
    }

    /// The contents of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn file(&mut self, path: &Path) -> io::Result<()> {
        let (mut file, mut hasher) = (File::open(path)?, blake3::Hasher::new());
        self.files.add(path, &file)?;
        // Mapped pages would each have to be asked for.
        let mut bytes = vec![0; BLOCK_BYTES];
        loop {
            match file.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => drop(hasher.update_rayon(&bytes[..read])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes("contents", hasher.finalize().as_bytes());
        Ok(())
    }

    /// Everything in a chunk. The integers are little-endian on every machine this runs on.
    pub(crate) fn chunk(&mut self, chunk: &Chunk) {
        self.values("row_ids", &chunk.row_ids);
        self.values("parts", &chunk.parts);
        self.values("scenes", &chunk.scenes);
        self.values("ids", &chunk.ids);
        self.values("numeric", &chunk.numeric);
        for tokens in &chunk.tokens {
            self.values("tokens", &tokens.ids);
            self.values("token_starts", &tokens.starts);
        }
        self.values("labels", &chunk.labels);
        self.values("weights", chunk.weights.as_deref().unwrap_or_default());
        self.values("groups", chunk.groups.as_deref().unwrap_or_default());
        for slice in &chunk.slices {
            self.values("slice", &slice.iter().map(u8::from).collect::<Vec<_>>());
        }
    }

    fn values<T: NoUninit>(&mut self, name: &str, values: &[T]) {
        self.bytes(name, cast_slice(values));
    }

    /// 64 hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }

    /// The files that went into it.
    pub(crate) fn files(self) -> ReadFiles {
        self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_written_to_are_told_of() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.csv");
        fs::write(&path, "a\n1\n").unwrap();
        let mut fingerprint = Fingerprint::new("card");
        fingerprint.file(&path).unwrap();
        let files = fingerprint.files();
        files.check().unwrap();
        fs::write(&path, "a\n1\n2\n").unwrap();
        let error = files.check().unwrap_err().to_string();
        assert!(
            error.ends_with("log.csv` was written to while it was read, expected a file that nobody writes to"),
            "{error}"
        );
        fs::remove_file(&path).unwrap();
        assert!(files.check().is_err());
    }
}
