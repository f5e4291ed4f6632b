//! Finds the files that ship with the program.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::DataError;

/// What to do about a file that is not there.
const HINT: &str = "name it with `path`, or set MMTL_DATA to the `data` folder of the program's repository";

/// The file `given`, if not empty: relative to the current directory. Else the shipped file `name` (relative to the
/// `data` folder): in the directory `MMTL_DATA` when it is set; otherwise in `data` of the current directory or the
/// nearest one above it that has the file, then likewise from the program's own file on, so that a program run from
/// its build folder finds it.
pub(crate) fn locate(given: &str, name: &str) -> Result<PathBuf, DataError> {
    let directory = env::var_os("MMTL_DATA").map(PathBuf::from);
    let starts = [env::current_dir().ok(), env::current_exe().ok()];
    search(given, name, directory.as_deref(), starts.into_iter().flatten())
}

fn search(
    given: &str,
    name: &str,
    directory: Option<&Path>,
    starts: impl Iterator<Item = PathBuf>,
) -> Result<PathBuf, DataError> {
    let below_data = Path::new("data").join(name);
    let (candidates, shown) = match directory {
        _ if !given.is_empty() => (vec![PathBuf::from(given)], PathBuf::from(given)),
        Some(directory) => (vec![directory.join(name)], directory.join(name)),
        None => {
            let above = |start: PathBuf| start.ancestors().map(|folder| folder.join(&below_data)).collect::<Vec<_>>();
            // The whole list of ancestors would say less than the name that they all lack.
            (starts.flat_map(above).collect(), below_data.clone())
        }
    };
    let found = candidates.into_iter().find(|path| path.is_file());
    found.ok_or(DataError::MissingFile { path: shown, hint: HINT })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_nearest_of_the_most_explicit_places_wins() {
        let root = tempfile::tempdir().unwrap();
        let make = |path: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let (outer, inner) = (make("data/a/a.parquet"), make("work/data/a/a.parquet"));
        let (own, set) = (make("own.parquet"), make("set/a/a.parquet"));
        let start = |path: &str| [root.path().join(path)].into_iter();
        let found = |given: &Path, directory: Option<&Path>, from: &str| {
            search(given.to_str().unwrap(), "a/a.parquet", directory, start(from)).map_err(|error| error.to_string())
        };
        let (nothing, set_directory) = (Path::new(""), root.path().join("set"));
        assert_eq!(found(&own, Some(&set_directory), "work").as_ref(), Ok(&own));
        assert_eq!(found(nothing, Some(&set_directory), "work").as_ref(), Ok(&set));
        assert_eq!(found(nothing, None, "work/deep/deeper").as_ref(), Ok(&inner));
        assert_eq!(found(nothing, None, "target/release/mmtl").as_ref(), Ok(&outer));
        // What is named and not there is never replaced by another file.
        let elsewhere = root.path().join("elsewhere");
        let error = found(nothing, Some(&elsewhere), "work").unwrap_err();
        assert!(error.contains("elsewhere/a/a.parquet`; name it with `path`"), "{error}");
        let error = search("", "b/b.parquet", None, start("work")).unwrap_err().to_string();
        assert_eq!(
            error,
            "no file `data/b/b.parquet`; name it with `path`, or set MMTL_DATA to the `data` folder of the program's \
             repository"
        );
    }
}
