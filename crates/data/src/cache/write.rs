//! Writes a cache file: under a temporary name, synced, then renamed, so that no reader ever sees half of one.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;

use crate::cache::layout::{arrow_schema, record_batch};
use crate::cache::seal::seal;
use crate::chunk::Chunk;
use crate::error::DataError;
use crate::manifest::Manifest;

/// Hashes what passes through.
struct Hashing<W> {
    inner: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes chunks.
pub(crate) struct Writer<W: Write> {
    schema: SchemaRef,
    stream: StreamWriter<Hashing<W>>,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(to: W, manifest: &Manifest) -> io::Result<Self> {
        let schema = arrow_schema(manifest).map_err(io_error)?;
        let hashing = Hashing { inner: to, hasher: blake3::Hasher::new() };
        let stream = StreamWriter::try_new(hashing, &schema).map_err(io_error)?;
        Ok(Self { schema, stream })
    }

    pub(crate) fn chunk(&mut self, chunk: &Chunk) -> io::Result<()> {
        let batch = record_batch(&self.schema, chunk).map_err(io_error)?;
        self.stream.write(&batch).map_err(io_error)
    }

    /// Seals the file and hands back what it was written to.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.stream.finish().map_err(io_error)?;
        let Hashing { mut inner, hasher } = self.stream.into_inner().map_err(io_error)?;
        inner.write_all(&seal(&hasher.finalize()))?;
        inner.flush()?;
        Ok(inner)
    }
}

fn io_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, source) => source,
        other => io::Error::other(other),
    }
}

/// Writes the cache file `path`. `rows` hands every chunk to the function it is given.
///
/// Several processes may write the same file at once: each writes its own temporary file, all with the same bytes,
/// and whichever renames last wins; a file that is already mapped stays what it is.
///
/// # Errors
/// Whatever `rows` returns, and when the file cannot be written; then no file is left.
pub(crate) fn write(
    path: &Path,
    manifest: &Manifest,
    rows: impl FnOnce(&mut dyn FnMut(Chunk) -> Result<(), DataError>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(DataError::writing(directory))?;
    let temporary = temporary_file(directory).map_err(DataError::writing(directory))?;
    let mut writer = Writer::new(BufWriter::new(temporary), manifest).map_err(DataError::writing(path))?;
    rows(&mut |chunk| writer.chunk(&chunk).map_err(DataError::writing(path)))?;
    let written = writer.finish().and_then(|buffered| buffered.into_inner().map_err(io::IntoInnerError::into_error));
    let file = written.map_err(DataError::writing(path))?;
    file.as_file().sync_all().map_err(DataError::writing(path))?;
    file.persist(path).map_err(|error| DataError::Write { path: path.to_owned(), source: error.error })?;
    // The rename itself is made durable where directories can be synced.
    fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(DataError::writing(directory))
}

/// A file with the permissions of any other new file, where a private one would keep out colleagues that share the
/// cache.
fn temporary_file(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-").suffix(".arrow");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}
