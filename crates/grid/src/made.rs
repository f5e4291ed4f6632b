//! What an experiment has written so far, to be taken back if it turns out to be wrong.

use std::fs;
use std::path::{Path, PathBuf};

/// Files and folders that were not there before.
#[derive(Debug, Default)]
pub struct Made {
    /// Innermost first.
    folders: Vec<PathBuf>,
    pub(crate) files: Vec<PathBuf>,
}

impl Made {
    /// Notes which of `folder` and those it lies in are not there yet.
    pub fn below(folder: &Path) -> Self {
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        Self { folders: folder.ancestors().take_while(missing).map(Path::to_owned).collect(), files: vec![] }
    }

    /// Removes the files, and the folders that nobody else has put anything into. What cannot be removed stays: the
    /// mistake that led here is what has to be told.
    pub fn take_back(&self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        for folder in &self.folders {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let [outer, inner] = ["results", "results/.cache"].map(|name| folder.path().join(name));
        let mut made = Made::below(&inner);
        fs::create_dir_all(&inner).unwrap();
        let [ours, theirs] = ["ours", "theirs"].map(|name| inner.join(name));
        for file in [&ours, &theirs] {
            fs::write(file, "rows").unwrap();
        }
        made.files.push(ours.clone());
        made.take_back();
        assert!(!ours.exists() && theirs.exists());
        fs::remove_file(&theirs).unwrap();
        made.take_back();
        assert!(!outer.exists() && folder.path().exists());
    }
}
