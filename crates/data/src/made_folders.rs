//! Folders that are made for a file, and taken away if nothing comes to be in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that were not there before, the innermost first. Those still empty when it is dropped go with it; one that
/// somebody has put something into is kept.
pub(crate) struct MadeFolders(Vec<PathBuf>);

impl MadeFolders {
    /// Makes the folder, and those above it that are missing.
    ///
    /// # Errors
    /// When they cannot be made.
    pub(crate) fn make(folder: &Path) -> io::Result<Self> {
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let made = Self(folder.ancestors().take_while(missing).map(Path::to_owned).collect());
        fs::create_dir_all(folder).map(|()| made)
    }
}

impl Drop for MadeFolders {
    fn drop(&mut self) {
        for folder in &self.0 {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_stay_empty_go_and_others_stay() {
        let root = tempfile::tempdir().unwrap();
        let (there, deep) = (root.path().join("there"), root.path().join("there/a/b"));
        fs::create_dir(&there).unwrap();
        drop(MadeFolders::make(&deep).unwrap());
        assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
        let made = MadeFolders::make(&deep).unwrap();
        fs::write(there.join("a/theirs"), "rows").unwrap();
        drop(made);
        assert!(there.join("a").exists() && !deep.exists());
        drop(MadeFolders::make(&there).unwrap());
        assert!(there.exists(), "it was there before");
        assert!(MadeFolders::make(&there.join("a/theirs/folder")).is_err());
    }
}
