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
    if !given.is_empty() {
        return find(vec![PathBuf::from(given)]);
    }
    if let Some(directory) = env::var_os("MMTL_DATA") {
        return find(vec![Path::new(&directory).join(name)]);
    }
    let starts = [env::current_dir().ok(), env::current_exe().ok()];
    let below_data = Path::new("data").join(name);
    let above = |start: PathBuf| start.ancestors().map(|folder| folder.join(&below_data)).collect::<Vec<_>>();
    let looked: Vec<PathBuf> = starts.into_iter().flatten().flat_map(above).collect();
    if let Some(found) = looked.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    // The whole list of ancestors would say less.
    Err(DataError::MissingFile { looked: vec![below_data], hint: HINT })
}

fn find(looked: Vec<PathBuf>) -> Result<PathBuf, DataError> {
    match looked.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(DataError::MissingFile { looked, hint: HINT }),
    }
}
