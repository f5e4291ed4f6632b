//! Opens a cache file.

use std::fs::File;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::ArrowError;
use bytes::Bytes;
use memmap2::Mmap;

use crate::cache::VERSION;
use crate::cache::layout::{MANIFEST, chunk};
use crate::cache::seal::{Broken, unchecked, unseal};
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::manifest::Manifest;

/// The data set in the file `path`, mapped: its rows are read from the file's pages and never copied.
///
/// # Errors
/// When the file cannot be read, is damaged, or is of another version or fingerprint.
pub(crate) fn read(path: &Path, fingerprint: &str) -> Result<Dataset, DataError> {
    map(path, fingerprint, unseal)
}

/// As [`read`], of a file that this process has written a moment ago: its hash was made of the same bytes.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_written(path: &Path, fingerprint: &str) -> Result<Dataset, DataError> {
    map(path, fingerprint, |file| unchecked(file).map(|(stream, _)| stream))
}

fn map(path: &Path, fingerprint: &str, unseal: impl Fn(&[u8]) -> Result<&[u8], Broken>) -> Result<Dataset, DataError> {
    let file = File::open(path).map_err(DataError::reading(path))?;
    // SAFETY: a cache file is complete before it gets its name and is never written to afterwards, only replaced or
    // deleted, which leaves a mapping as it is. Whoever writes into one by other means breaks any mapping of it.
    let mapped = unsafe { Mmap::map(&file) }.map_err(DataError::reading(path))?;
    let damaged = |reason: &str| DataError::DamagedCache { path: path.to_owned(), reason: reason.to_owned() };
    let bytes = Bytes::from_owner(mapped);
    let stream = unseal(&bytes).map_err(|broken| match broken {
        Broken::Version(found) => DataError::CacheVersion { path: path.to_owned(), found, expected: VERSION },
        Broken::Damaged(reason) => damaged(reason),
    })?;
    let (manifest, batches) = decode(bytes.slice_ref(stream)).map_err(|error| damaged(&error.to_string()))?;
    if manifest.fingerprint != fingerprint {
        return Err(DataError::CacheFingerprint {
            path: path.to_owned(),
            found: manifest.fingerprint,
            expected: fingerprint.to_owned(),
        });
    }
    let chunks: Option<Vec<Chunk>> = batches.iter().map(|batch| chunk(&manifest, batch)).collect();
    let chunks = chunks.filter(|chunks| chunks.iter().rev().skip(1).all(|chunk| chunk.rows() == CHUNK_ROWS));
    let chunks = chunks.ok_or_else(|| damaged("its columns are not those of its schema"))?;
    Ok(Dataset::from_chunks(manifest, chunks))
}

fn decode(stream: Bytes) -> Result<(Manifest, Vec<RecordBatch>), ArrowError> {
    let mut decoder = StreamDecoder::new().with_require_alignment(true);
    let (mut buffer, mut batches) = (Buffer::from(stream), vec![]);
    while let Some(batch) = decoder.decode(&mut buffer)? {
        batches.push(batch);
    }
    decoder.finish()?;
    let schema = decoder.schema().ok_or_else(|| ArrowError::IpcError("no schema".into()))?;
    let json = schema.metadata().get(MANIFEST).ok_or_else(|| ArrowError::IpcError("no manifest".into()))?;
    let manifest = serde_json::from_str(json).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    Ok((manifest, batches))
}
