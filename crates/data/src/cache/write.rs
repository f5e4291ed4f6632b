//! Writes a cache file: under a temporary name, synced, then renamed, so that no reader ever sees half of one.

use std::fs::{DirEntry, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use arrow_schema::SchemaRef;

use crate::cache::layout::{arrow_schema, record_batch};
use crate::cache::seal::seal;
use crate::chunk::Chunk;
use crate::error::DataError;
use crate::made_folders::MadeFolders;
use crate::manifest::Manifest;
use crate::prepare::EachChunk;

/// Bytes that are brought to the disk while others are written, so that few are left to wait for in the end.
const SYNC_BYTES: usize = 8 << 20;

/// How names of files that are not whole begin.
const TEMPORARY: &str = ".writing-";

/// A file that nobody has written to for so long is nobody's.
const ABANDONED: Duration = Duration::from_hours(1);

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
/// Whatever `rows` returns, and when the file cannot be written; then no file is left, nor a folder made for it.
pub(crate) fn write(
    path: &Path,
    manifest: &Manifest,
    rows: impl FnOnce(EachChunk) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let (temporary, _made) = temporary_beside(path)?;
    let file = temporary.as_file().try_clone().map_err(DataError::writing(path))?;
    let mut writer = Writer::new(BufWriter::new(temporary), manifest).map_err(DataError::writing(path))?;
    syncing(&file, |sync| {
        let mut unsynced = 0;
        rows(&mut |chunk| {
            writer.chunk(&chunk).map_err(DataError::writing(path))?;
            unsynced += chunk.bytes();
            if unsynced >= SYNC_BYTES {
                unsynced = 0;
                sync();
            }
            Ok(())
        })
    })
    .map_err(DataError::writing(path))??;
    let written = writer.finish().and_then(|buffered| buffered.into_inner().map_err(io::IntoInnerError::into_error));
    persist(written.map_err(DataError::writing(path))?, path)
}

/// What `with` makes of a function that brings what has been written to `file` so far to the disk, while others go on.
///
/// # Errors
/// When it could not be brought there.
fn syncing<T>(file: &File, with: impl FnOnce(&mut (dyn FnMut() + Send)) -> T) -> io::Result<T> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        // An error is told once, and not again when all is synced in the end.
        let disk = scope.spawn(move || receiver.into_iter().try_for_each(|()| file.sync_data()));
        let made = with(&mut || {
            // One that is still at it, or has failed, is not waited for.
            let _ = sender.try_send(());
        });
        drop(sender);
        disk.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map(|()| made)
    })
}

/// Replaces the file `path` by what `fill` writes.
///
/// # Errors
/// When it cannot be written; then it stays as it was.
pub(crate) fn replace(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<tempfile::NamedTempFile>) -> io::Result<()>,
) -> Result<(), DataError> {
    let (temporary, _made) = temporary_beside(path)?;
    let mut buffered = BufWriter::new(temporary);
    let filled = fill(&mut buffered);
    let written = filled.and_then(|()| buffered.into_inner().map_err(io::IntoInnerError::into_error));
    persist(written.map_err(DataError::writing(path))?, path)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn temporary_beside(path: &Path) -> Result<(tempfile::NamedTempFile, MadeFolders), DataError> {
    let directory = folder_of(path);
    let made = MadeFolders::make(directory).map_err(DataError::writing(directory))?;
    sweep(directory);
    let temporary = temporary_file(directory).map_err(DataError::writing(directory))?;
    Ok((temporary, made))
}

fn persist(file: tempfile::NamedTempFile, path: &Path) -> Result<(), DataError> {
    let directory = folder_of(path);
    file.as_file().sync_all().map_err(DataError::writing(path))?;
    file.persist(path).map_err(|error| DataError::Write { path: path.to_owned(), source: error.error })?;
    // The rename itself is made durable where directories can be synced.
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(DataError::writing(directory))
}

/// Removes what killed programs left half-written. Whoever is still at it has written a moment ago.
fn sweep(directory: &Path) {
    let is_old = |entry: &DirEntry| {
        let name = entry.file_name();
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let silent = modified.ok().and_then(|modified| modified.elapsed().ok());
        name.to_string_lossy().starts_with(TEMPORARY) && silent.is_some_and(|silent| silent > ABANDONED)
    };
    for entry in directory.read_dir().into_iter().flatten().flatten().filter(is_old) {
        // One that cannot be removed only takes up room.
        let _ = std::fs::remove_file(entry.path());
    }
}

/// A file with the permissions of any other new file, where a private one would keep out colleagues that share the
/// cache.
fn temporary_file(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY).suffix(".arrow");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cache::read;
    use crate::columns::{Columns, FieldColumn};
    use crate::dataset::Dataset;
    use crate::fuzz::{changed, changes};
    use crate::part::Part;
    use mmtl_plan::{Field, FieldKind, Schema, Vocabulary};

    /// Whether numbers lie on the pages of `file`, seen in the process's own map of memory.
    #[cfg(target_os = "linux")]
    fn mapped(path: &Path, values: *const f32) -> bool {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().filter(|line| line.ends_with(path.to_str().unwrap())).any(|line| {
            let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let bound = |hex| usize::from_str_radix(hex, 16).unwrap();
            (bound(start)..bound(end)).contains(&values.addr())
        })
    }

    fn toy(rows: u16) -> Dataset {
        let schema = Schema {
            name: "toy".into(),
            scenes: vec!["all".into()],
            tasks: vec![],
            fields: vec![
                Field { name: "scene".into(), kind: FieldKind::Categorical { vocabulary: 0 } },
                Field { name: "x".into(), kind: FieldKind::Numeric },
            ],
            vocabularies: vec![Vocabulary { name: "scene".into(), size: 1 }],
            scene_field: 0,
        };
        let columns = Columns {
            schema,
            row_ids: (0..u64::from(rows)).collect(),
            parts: vec![Part::Train; rows.into()],
            scenes: vec![0; rows.into()],
            fields: vec![FieldColumn::Scene, FieldColumn::Numeric((0..rows).map(f32::from).collect())],
            labels: vec![],
            weights: vec![],
            groups: (0..rows).map(|row| u64::from(row / 3)).collect(),
            slices: vec![],
        };
        Dataset::from_columns(columns).unwrap()
    }

    thread_local! {
        /// A file of few rows, made once, and a folder for others.
        static SMALL: (tempfile::TempDir, String, Vec<u8>) = {
            let (directory, toy) = (tempfile::tempdir().unwrap(), toy(40));
            let (path, rows) = (directory.path().join("small.arrow"), &toy.inner);
            write(&path, &rows.manifest, |each| rows.chunks.iter().try_for_each(|chunk| each(chunk.clone()))).unwrap();
            let bytes = fs::read(path).unwrap();
            (directory, toy.fingerprint().to_owned(), bytes)
        };
    }

    proptest::proptest! {
        #[test]
        fn no_changed_file_is_read(changes in changes()) {
            SMALL.with(|(directory, fingerprint, whole)| {
                let (path, bytes) = (directory.path().join("changed.arrow"), changed(whole, &changes));
                fs::write(&path, &bytes).unwrap();
                assert_eq!(read(&path, fingerprint).is_ok(), bytes == *whole);
            });
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn rows_are_read_from_the_pages_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("toy.arrow");
        let toy = toy(20_000);
        let rows = &toy.inner;
        write(&path, &rows.manifest, |each| rows.chunks.iter().try_for_each(|chunk| each(chunk.clone()))).unwrap();
        let read = read(&path, toy.fingerprint()).unwrap();
        assert_eq!(read.inner.chunks, rows.chunks);
        assert_eq!(read.inner.manifest, rows.manifest);
        for chunk in &read.inner.chunks {
            assert!(mapped(&path, chunk.numeric.as_ptr()));
        }
        assert!(!mapped(&path, rows.chunks[0].numeric.as_ptr()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_one_sentence() {
        let toy = toy(20_000);
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut writer = Writer::new(full, &toy.inner.manifest).map_err(DataError::writing(Path::new("toy.arrow")));
        let error = match &mut writer {
            Ok(writer) => {
                writer.chunk(&toy.inner.chunks[0]).map_err(DataError::writing(Path::new("toy.arrow"))).unwrap_err()
            }
            Err(_) => writer.err().unwrap(),
        };
        assert_eq!(
            error.to_string(),
            "cannot write `toy.arrow`: no space left there; free some or name another directory"
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_cannot_be_brought_to_the_disk_is_an_error() {
        let synced = |file: &File| {
            syncing(file, |sync| {
                sync();
                sync();
                7
            })
        };
        assert_eq!(synced(&tempfile::tempfile().unwrap()).unwrap(), 7);
        // Which has nowhere to bring it.
        assert!(synced(&fs::OpenOptions::new().write(true).open("/dev/full").unwrap()).is_err());
    }

    #[test]
    fn permissions_are_one_sentence() {
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem] {
            let error = DataError::writing(Path::new("cache"))(io::Error::from(kind)).to_string();
            assert_eq!(error, "cannot write `cache`: no permission to write there; name another directory");
        }
    }

    #[test]
    fn what_killed_programs_left_half_written_is_removed_and_what_others_write_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * ABANDONED;
        for (name, old) in [(".writing-killed.arrow", true), (".writing-busy.arrow", false), ("kept.arrow", true)] {
            let file = File::create(directory.path().join(name)).unwrap();
            if old {
                file.set_modified(long_ago).unwrap();
            }
        }
        replace(&directory.path().join("new.json"), |file| file.write_all(b"{}")).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".writing-busy.arrow", "kept.arrow", "new.json"]);
    }

    #[test]
    fn nothing_is_left_of_a_file_whose_rows_fail() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("toy.arrow");
        let toy = toy(20_000);
        let fails = |_: EachChunk| Err(DataError::NoKnownLabel { name: "toy".into(), task: "none".into() });
        assert!(write(&path, &toy.inner.manifest, fails).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let deeper = directory.path().join("results/.cache/toy.arrow");
        assert!(write(&deeper, &toy.inner.manifest, fails).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let shared = |_: EachChunk| {
            fs::write(directory.path().join("results/theirs"), "rows").unwrap();
            Err(DataError::Stopped)
        };
        assert!(write(&deeper, &toy.inner.manifest, shared).is_err());
        let left: Vec<_> =
            fs::read_dir(directory.path().join("results")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["theirs"]);
    }
}
