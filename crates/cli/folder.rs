//! Folders that are whole or not there.

use std::fs;
use std::path::Path;

use crate::draft::RemovedAtSignals;
use crate::failure::Failure;

/// That `dir` is the name of a folder to make.
pub fn must_not_exist(dir: &Path) -> Result<(), Failure> {
    if dir.exists() {
        return Err(Failure::input(format!("`{}` exists, expected the name of a folder to make", dir.display())));
    }
    Ok(())
}

/// Makes the folder `dir` with what `fill` puts into it, or nothing: it gets its name last.
pub fn make<T>(dir: &Path, fill: impl FnOnce(&Path) -> Result<T, Failure>) -> Result<T, Failure> {
    let unwritable = Failure::writing(dir);
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".export-");
    // As any other new folder, where a private one would keep out colleagues.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let draft = builder.tempdir_in(parent).map_err(&unwritable)?;
    let _removed = RemovedAtSignals::new(draft.path()).map_err(&unwritable)?;
    let filled = fill(draft.path())?;
    fs::rename(draft.path(), dir).map_err(unwritable)?;
    // There is nothing left under the draft's name to remove.
    let _ = draft.keep();
    Ok(filled)
}
