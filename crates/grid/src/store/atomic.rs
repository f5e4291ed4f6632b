//! Files that are always whole: a reader, and a machine that lost power, sees the old contents or the new ones.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::GridError;

/// Replaces a file by what `fill` writes: temporary file in the same folder, fsync, rename, fsync of the folder.
///
/// # Errors
/// When any of these fails; the old contents then stand.
pub fn replace_with(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), GridError> {
    write(path, true, fill).map_err(GridError::writing(path))
}

/// Replaces a file by `bytes`, as [`replace_with`] does.
///
/// # Errors
/// As [`replace_with`].
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), GridError> {
    replace_with(path, |file| file.write_all(bytes))
}

/// As [`replace`], but the new contents may be lost with power: for what is worthless after it, such as heartbeats.
pub(super) fn replace_lightly(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, false, |file| file.write_all(bytes))
}

fn write(path: &Path, durable: bool, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let temporary = temporary(path);
    let written = write_then_rename(&temporary, path, durable, fill);
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_then_rename(
    temporary: &Path,
    path: &Path,
    durable: bool,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(temporary)?;
    fill(&mut file)?;
    if durable {
        file.sync_all()?;
    }
    drop(file);
    fs::rename(temporary, path)?;
    if durable { sync_folder(path) } else { Ok(()) }
}

/// Makes the entry of `path` in its folder last.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// How names of temporary files end.
const ENDING: &str = ".tmp";

/// A name that no other write uses, so that two writers never mix their bytes.
fn temporary(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{count}{ENDING}", std::process::id()))
}

/// Removes temporary files that killed writers left in a folder. Only its owner may: a writer that lost the folder
/// and still writes fails at its rename.
///
/// # Errors
/// When the folder cannot be read.
pub fn sweep(folder: &Path) -> Result<(), GridError> {
    let entries = fs::read_dir(folder).map_err(GridError::reading(folder))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(ENDING) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_leaves_the_old_contents_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        replace(&path, b"old").unwrap();
        let error = replace_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("no space"))
        });
        assert!(error.unwrap_err().to_string().contains("no space"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["record.json"]);
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none/record.json");
        let error = replace(&path, b"x").unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.contains("none/record.json"), "{error}");
    }

    #[test]
    fn many_writers_never_mix() {
        let folder = tempfile::tempdir().unwrap();
        let path = &folder.path().join("checkpoint");
        std::thread::scope(|scope| {
            for writer in 0..4u8 {
                scope.spawn(move || {
                    for _ in 0..25 {
                        replace_lightly(path, &vec![writer; 10_000]).unwrap();
                        let seen = fs::read(path).unwrap();
                        assert!(seen.len() == 10_000 && seen.iter().all(|byte| *byte == seen[0]));
                    }
                });
            }
        });
        assert_eq!(names(folder.path()), ["checkpoint"]);
    }

    #[test]
    fn leftovers_are_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".record.json.77-0.tmp", "x.tmp", ".hidden"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        sweep(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [".hidden", "x.tmp"]);
    }
}
