//! What can be wrong with data: one sentence each, with what was expected and the nearest valid choice.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use mmtl_plan::KnobError;

/// Why there is no data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No source has that name.
    #[error("unknown data source `{name}`{}; expected one of {}", did_you_mean(.nearest.as_deref()), .choices.join(", "))]
    UnknownSource {
        /// The name given.
        name: String,
        /// The closest name there is.
        nearest: Option<String>,
        /// All names.
        choices: Vec<&'static str>,
    },
    /// A key of `[data]` that its knob does not accept.
    #[error("data: {0}")]
    Knob(#[from] KnobError),
    /// A key of `[data]` that does not fit the other keys.
    #[error("data: `{key}` is {got}, expected {expected}")]
    Setting {
        /// The key.
        key: &'static str,
        /// What it was given.
        got: String,
        /// What fits.
        expected: String,
    },
    /// A matrix that is no Gram matrix of real vectors.
    #[error(
        "data: `{key}` is no Gram matrix: its smallest eigenvalue is {eigenvalue:.6}, expected at least 0 (positive \
         semidefinite); {hint}"
    )]
    NotPositiveSemidefinite {
        /// The key.
        key: &'static str,
        /// The smallest eigenvalue.
        eigenvalue: f64,
        /// The nearest choice that is one.
        hint: String,
    },
    /// A file that is nowhere to be found.
    #[error("no file `{}`; {hint}", .path.display())]
    MissingFile {
        /// The file.
        path: PathBuf,
        /// What to do about it.
        hint: &'static str,
    },
    /// A file that cannot be read.
    #[error("cannot read `{}`: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is not what it should be.
    #[error("`{}` is no readable {format} file: {reason}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        format: &'static str,
        /// What the reader says.
        reason: String,
    },
    /// A file without a column that is needed.
    #[error("`{origin}` has no column `{column}`{}; it has {}", did_you_mean(.nearest.as_deref()), .columns.join(", "))]
    MissingColumn {
        /// The file.
        origin: String,
        /// The column.
        column: String,
        /// The closest name there is.
        nearest: Option<String>,
        /// The columns it has.
        columns: Vec<String>,
    },
    /// A column of a type that cannot be used as asked.
    #[error("column `{column}` of `{origin}` holds {got}, expected {expected}")]
    ColumnType {
        /// The file.
        origin: String,
        /// The column.
        column: String,
        /// What it holds.
        got: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// A value that its column may not have.
    #[error("row {row} of `{origin}`: column `{column}` is {value}, expected {expected}")]
    BadValue {
        /// The file.
        origin: String,
        /// The row, counted from 0.
        row: u64,
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// What it should be.
        expected: String,
    },
    /// A part without a row.
    #[error("the {part} part of `{name}` is empty ({rows} rows in all); expected at least one row, {hint}")]
    EmptyPart {
        /// The data set.
        name: String,
        /// `train`, `valid` or `test`.
        part: &'static str,
        /// Rows of the data set.
        rows: u64,
        /// Which keys decide it.
        hint: &'static str,
    },
    /// A scene that no train row has.
    #[error(
        "scene `{scene}` of `{name}` has {rows} rows but none in train; expected at least one, or `unseen_scenes = \
         true` to score it without training on it"
    )]
    SceneNotInTrain {
        /// The data set.
        name: String,
        /// The scene.
        scene: String,
        /// Its rows.
        rows: u64,
    },
    /// A task without a known label in train.
    #[error("task `{task}` of `{name}` has no known label in train, expected at least one")]
    NoKnownLabel {
        /// The data set.
        name: String,
        /// The task.
        task: String,
    },
    /// A binary task whose known train labels are all the same.
    #[error("task `{task}` of `{name}` is {label} in all of its {rows} known train rows, expected both 0 and 1")]
    OneClass {
        /// The data set.
        name: String,
        /// The task.
        task: String,
        /// Known train rows.
        rows: u64,
        /// Their label.
        label: usize,
    },
    /// Columns that do not make a data set.
    #[error("{what} has {got}, expected {expected}")]
    Columns {
        /// Which of them.
        what: String,
        /// What it has.
        got: String,
        /// What it should have.
        expected: String,
    },
    /// A cache file that is not as it was written.
    #[error("the cache `{}` is damaged ({reason}); delete the file and it is made again", .path.display())]
    DamagedCache {
        /// The file.
        path: PathBuf,
        /// How it shows.
        reason: String,
    },
    /// A cache file of another layout.
    #[error(
        "the cache `{}` is of version {found}, expected version {expected}; delete the file and it is made again",
        .path.display()
    )]
    CacheVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// This program's.
        expected: u32,
    },
    /// A cache file of other data, settings or seeds.
    #[error(
        "the cache `{}` has fingerprint {found}, expected {expected}: it was made from other data or settings; delete \
         the file and it is made again",
        .path.display()
    )]
    CacheFingerprint {
        /// The file.
        path: PathBuf,
        /// Its fingerprint.
        found: String,
        /// That of the data and settings at hand.
        expected: String,
    },
    /// A file that cannot be written.
    #[error("cannot write `{}`: {}", .path.display(), Unwritable(.source))]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DataError {
    /// The key of `[data]` that is wrong, where one is.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Self::Setting { key, .. } | Self::NotPositiveSemidefinite { key, .. } => Some(key),
            _ => None,
        }
    }

    /// What to make of an error while reading `path`.
    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    /// What to make of an error while writing `path`.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_owned(), source }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}

/// An I/O error with what helps against it.
struct Unwritable<'a>(&'a io::Error);

impl fmt::Display for Unwritable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                write!(f, "no space left there; free some or name another directory")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                write!(f, "no permission to write there; name another directory")
            }
            _ => write!(f, "{}", self.0),
        }
    }
}
