//! What can be wrong with data: one sentence each, with what was expected and the nearest valid choice.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use mmtl_plan::{Faults, KnobError};

use crate::read::Format;

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
    /// A card that is wrong.
    #[error("{0}")]
    Card(Faults),
    /// No such card.
    #[error(
        "there is no card `{given}`{}; expected the path of a TOML file, or one of those that ship: {}",
        did_you_mean(.nearest.as_deref()), .shipped.join(", ")
    )]
    UnknownCard {
        /// What was given.
        given: String,
        /// The closest name of one that ships.
        nearest: Option<String>,
        /// Those that ship.
        shipped: Vec<&'static str>,
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
    #[error("`{origin}` has no column `{column}`{}", what_it_has(.origin, .nearest.as_deref(), .columns))]
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
    #[error("row {row} of {origin}: column `{column}` is {value}, expected {expected}")]
    BadValue {
        /// The file, in backquotes, and what is joined to it.
        origin: String,
        /// The row of the file, counted from 1 after the header.
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
        "scene `{scene}` of `{name}` has no train row ({rows} rows in all); expected at least one, or `unseen_scenes = \
         true` in `[data]` (with `data import`, `--unseen-scenes`) to score it without training on it"
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
    #[error(
        "task `{task}` of `{name}` has no known label in train, expected at least one, of a row whose weight is not 0"
    )]
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
    /// A column that the model is given has a value of its own for each label.
    #[error(
        "{what} tells the label of task `{task}` by column `{column}`: {told}; expected what is known before the label; \
         leave it out, or list the column in `allow_label_as_feature`"
    )]
    TellsLabel {
        /// What makes use of the column.
        what: String,
        /// The column.
        column: String,
        /// The task.
        task: String,
        /// The rows that say so.
        told: String,
    },
    /// A file whose name does not say to which part its rows belong.
    #[error("file `{file}` belongs to no part, or to two, expected a name like one of {expected}")]
    FileOfNoPart {
        /// The file.
        file: String,
        /// The patterns of the card.
        expected: String,
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
    /// Rows that are not those of a fingerprint.
    #[error(
        "the data is not what it was: its fingerprint is {found}, expected {expected}; the preprocessing that was fitted then \
         is not in the cache, and can only be fitted again on the same rows"
    )]
    OtherData {
        /// The fingerprint asked for.
        expected: String,
        /// That of the data as it is.
        found: String,
    },
    /// What was fitted by a program that reads values otherwise.
    #[error(
        "the run's data was prepared by another version of mmtl, which reads some values otherwise, so that new rows could get the \
         ids of others; expected a run by this version: run the experiment again"
    )]
    OtherPreprocessing,
    /// Rows that are in no file.
    #[error(
        "the rows of `{source_name}` are generated, not read from files; expected a run on data from files, such as a card's"
    )]
    Generated {
        /// The source.
        source_name: &'static str,
    },
    /// Whoever was given rows wanted no more.
    #[error("reading was stopped")]
    Stopped,
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
    /// A key of a card's `[read]` or `[join.NAME]` that does not fit the others.
    #[error("`[{table}]`: `{key}` is {got}, expected {expected}")]
    ReadingKey {
        /// `read` or `join.NAME`.
        table: String,
        /// The key.
        key: &'static str,
        /// What it is.
        got: String,
        /// What fits.
        expected: String,
    },
    /// A table without a file.
    #[error("`[{table}]`: {fault}, expected one of those given: {}", none_or(.given))]
    NoFile {
        /// `read` or `join.NAME`.
        table: String,
        /// Which pattern fits none.
        fault: String,
        /// The files given.
        given: Vec<String>,
    },
    /// A file that changed while it was read.
    #[error("`{}` was written to while it was read, expected a file that nobody writes to", .path.display())]
    FileWrittenTo {
        /// The file.
        path: PathBuf,
    },
    /// A file given more than once.
    #[error("`{}` is given twice, expected each file once", .path.display())]
    FileTwice {
        /// The file.
        path: PathBuf,
    },
    /// A file that is part of two tables.
    #[error(
        "`{}` belongs to both `[{first}]` and `[{second}]`; expected `file` patterns of which only one fits",
        .path.display()
    )]
    PickedTwice {
        /// The file.
        path: PathBuf,
        /// One table.
        first: String,
        /// The other.
        second: String,
    },
    /// A file without anything in it.
    #[error("`{}` is empty, expected {expected}", .path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
        /// What it should begin with.
        expected: &'static str,
    },
    /// A header that does not name the columns.
    #[error("the header of `{origin}` {fault}, expected {expected}")]
    BadHeader {
        /// The file.
        origin: String,
        /// What is wrong with it.
        fault: String,
        /// What it should be.
        expected: String,
    },
    /// Files of one table that have different columns.
    #[error(
        "`{}` has other columns than `{}`: {difference}; expected the same in every file of a table",
        .path.display(), .first.display()
    )]
    OtherColumns {
        /// The file.
        path: PathBuf,
        /// The first file of the table.
        first: PathBuf,
        /// A column that only one of them has.
        difference: String,
    },
    /// A compressed file whose end is missing.
    #[error("`{}` ends in the middle of its {format} data, as after a download cut short; expected a whole file", .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// How it is compressed.
        format: &'static str,
    },
    /// A row of another number of fields than there are columns.
    #[error("row {row} of `{origin}` has {got} fields, expected {expected}, one for each column{hint}")]
    RaggedRow {
        /// The file.
        origin: String,
        /// The row of the file, counted from 1 after the header.
        row: u64,
        /// Its fields.
        got: usize,
        /// The columns.
        expected: usize,
        /// What may have caused it.
        hint: &'static str,
    },
    /// A row that cannot be read.
    #[error("row {row} of `{origin}` {fault}; expected {expected}")]
    BadRow {
        /// The file.
        origin: String,
        /// The row of the file, counted from 1 after the header.
        row: u64,
        /// What is wrong with it.
        fault: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Bytes that are no text.
    #[error("row {row} of `{origin}`: column `{column}` is {}", no_text(.origin, .value))]
    BrokenText {
        /// The file.
        origin: String,
        /// The row of the file, counted from 1 after the header.
        row: u64,
        /// The column.
        column: String,
        /// The value, with � for what cannot be read.
        value: String,
    },
    /// Two rows of a joined table with the same key.
    #[error("`[{table}]`: key {value} of column `{column}` is in {rows}, expected one row a key")]
    KeyTwice {
        /// `join.NAME`.
        table: String,
        /// The key's column.
        column: String,
        /// The key.
        value: String,
        /// The two rows and their files.
        rows: String,
    },
    /// A joined table of which the main table has not one key.
    #[error(
        "`[{table}]`: no row finds its key: {here}, and {there}; expected keys that are written alike, or other columns as \
         `key`"
    )]
    NoKeyFound {
        /// `join.NAME`.
        table: String,
        /// The key's column in the main table, with its first value.
        here: String,
        /// The key's column in the joined table, with its first value.
        there: String,
    },
    /// A column that two tables have.
    #[error(
        "column `{column}` is in both `[{first}]` and `[{second}]`, expected one of them; `columns` under `[{second}]` \
         gives other names"
    )]
    ColumnTwice {
        /// The column.
        column: String,
        /// One table.
        first: String,
        /// The other.
        second: String,
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

fn none_or(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}

/// The columns that there are in the place of one that is not.
fn what_it_has(origin: &str, nearest: Option<&str>, columns: &[String]) -> String {
    let named: Vec<&str> = columns.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let in_objects = Format::of(Path::new(origin)) == Format::JsonLines;
    if named.is_empty() && !in_objects {
        return ": its header is blank; expected a line with the names of the columns, and rows below it".to_owned();
    }
    let nearest = did_you_mean(nearest.filter(|name| !name.is_empty()));
    let later = if in_objects {
        "; columns are looked for in the first 10,000 rows: where some first come later, name all that are needed by \
         `columns = [...]` in the card's `[read]`"
    } else {
        ""
    };
    format!("{nearest}; it has {}{later}", named.join(", "))
}

/// A value that is no text, and what to do about it.
fn no_text(origin: &str, value: &str) -> String {
    match Format::of(Path::new(origin)) {
        // They say themselves what is text; in their other columns of bytes no encoding is looked for.
        Format::Parquet => "bytes that are no UTF-8 text, expected UTF-8; write the column as text".to_owned(),
        Format::Csv | Format::Tsv | Format::JsonLines => {
            format!("{value:?}, expected UTF-8 text, or `encoding = \"latin-1\"` in the card's `[read]`")
        }
    }
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
