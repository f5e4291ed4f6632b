//! The name of a data set's contents: what the cache and a trial's key know it by.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytemuck::{NoUninit, cast_slice};

use crate::chunk::Chunk;

/// Raised whenever a change of this crate moves a value that a model sees, a label or a row's part.
const PREPROCESSING: u32 = 2;

/// Bytes of a file that are hashed at once, all cores taking a part.
const BLOCK_BYTES: usize = 2 << 20;

/// A BLAKE3 hash of named parts, each with its length, so that no two lists of parts read alike.
pub struct Fingerprint(blake3::Hasher);

impl Fingerprint {
    /// The fingerprint of one kind of data.
    pub(crate) fn new(kind: &str) -> Self {
        let mut new = Self(blake3::Hasher::new());
        new.text("kind", kind);
        new.bytes("preprocessing", &PREPROCESSING.to_le_bytes());
        new
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.bytes(name, text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        for part in [name.as_bytes(), bytes] {
            self.0.update(&(part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    /// The contents of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn file(&mut self, path: &Path) -> io::Result<()> {
        let (mut file, mut hasher) = (File::open(path)?, blake3::Hasher::new());
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
    pub(crate) fn hex(self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}
