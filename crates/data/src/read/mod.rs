//! Files of users: delimited text, JSON lines and Parquet, also compressed, several to a table, and tables joined by
//! a key. They become pieces of raw columns, read ahead on a thread of their own; memory is bounded however large the
//! files are, but for the tables that are joined.

mod ahead;
mod alike;
mod batch_rows;
mod bytes;
mod delimited;
mod distinct;
mod explode;
mod fields;
mod files;
mod gather;
mod gzip;
mod join;
mod json_lines;
mod keys;
mod parquet_rows;
mod pattern;
mod piece_end;
mod reading;
mod records;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod texts;
mod typed;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arrow_array::ArrayRef;

pub(crate) use bytes::Bytes;
pub(crate) use pattern::{depth, picks};
pub(crate) use reading::{Encoding, Explode, Format, Join, Reading, Shape, Wanted};

use crate::error::DataError;
use crate::read::files::Files;
use crate::read::join::JoinFiles;
use crate::read::pattern::{MAIN, pick, table_of};
use crate::read::rows::{columns, rows};
use crate::table::{Table, missing_column};

/// The table of the columns `wanted`, whose names are unique: rows of the main table's files, sorted by name, with
/// columns of the tables that are joined. A row whose key a joined table lacks is without values there. Columns that
/// are not wanted are never materialised.
///
/// # Errors
/// When the keys of a table do not fit each other, files are missing, unreadable, claimed by two tables or of
/// different columns, a column or key is not there, or a column wanted is in two tables.
pub(crate) fn open(
    files: &[PathBuf],
    reading: &Reading,
    joins: &[Join],
    wanted: &[Wanted],
) -> Result<Box<dyn Table>, DataError> {
    let files = open_tables(&Tables::of(files, reading, joins)?, reading, joins, wanted)?;
    Ok(Box::new(Files { keys_must_match: true, ..files }))
}

/// As [`open`], with the main table's files in the order in which they are given. A few rows may be of keys that are all
/// new.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_as_given(
    files: &[PathBuf],
    reading: &Reading,
    joins: &[Join],
    wanted: &[Wanted],
) -> Result<Box<dyn Table>, DataError> {
    let mut tables = Tables::of(files, reading, joins)?;
    tables.0[0].files.sort_by_key(|path| files.iter().position(|given| given == path));
    Ok(Box::new(open_tables(&tables, reading, joins, wanted)?))
}

fn open_tables(tables: &Tables, reading: &Reading, joins: &[Join], wanted: &[Wanted]) -> Result<Files, DataError> {
    let mut read: Vec<Vec<Wanted>> = vec![vec![]; tables.0.len()];
    let mut places = vec![];
    for wanted in wanted {
        let table = tables.with(&wanted.name)?;
        places.push((table, add(&mut read[table], wanted)));
    }
    let by_value = |name: &str| Wanted { name: name.to_owned(), shape: Shape::Value, separator: String::new() };
    let mut joined = vec![];
    for (at, join) in joins.iter().enumerate() {
        tables.0[0].check(&join.here)?;
        tables.0[at + 1].check(&join.there)?;
        let here = add(&mut read[0], &by_value(&join.here));
        let mut wanted = std::mem::take(&mut read[at + 1]);
        wanted.push(by_value(&join.there));
        let OneTable { name: table, files, .. } = &tables.0[at + 1];
        joined.push(JoinFiles {
            table: table.clone(),
            files: files.clone(),
            reading: join.reading.clone(),
            here,
            wanted,
        });
    }
    let main = &tables.0[0];
    let mut starts = vec![0];
    for path in &main.files {
        let bytes = fs::metadata(path).map_err(DataError::reading(path))?.len();
        starts.push(starts.last().copied().unwrap_or(0) + bytes);
    }
    Ok(Files {
        paths: main.files.clone(),
        reading: reading.clone(),
        read: read.swap_remove(0),
        joins: joined,
        places,
        names: wanted.iter().map(|wanted| wanted.name.clone()).collect(),
        starts,
        keys_must_match: false,
        lookups: Mutex::new(None),
    })
}

/// The place of a column among those that are read, where it is added if it is not there.
fn add(read: &mut Vec<Wanted>, wanted: &Wanted) -> usize {
    read.iter().position(|other| other == wanted).unwrap_or_else(|| {
        read.push(wanted.clone());
        read.len() - 1
    })
}

/// The names of all columns: those of the main table, then what each join adds.
///
/// # Errors
/// As [`open`].
pub(crate) fn header(files: &[PathBuf], reading: &Reading, joins: &[Join]) -> Result<Vec<String>, DataError> {
    let mut all: Vec<String> = vec![];
    for table in Tables::of(files, reading, joins)?.0 {
        let new = table.columns.into_iter().filter(|name| !all.contains(name)).collect::<Vec<_>>();
        all.extend(new);
    }
    Ok(all)
}

/// The first rows of a file, `limit` at most: how many, whether there are more, and their columns, a batch at a time.
///
/// # Errors
/// When the file cannot be read, or lacks a column.
pub(crate) fn sample(
    path: &Path,
    reading: &Reading,
    wanted: &[Wanted],
    limit: usize,
) -> Result<(usize, bool, Vec<Vec<ArrayRef>>), DataError> {
    let (mut rows, mut count, mut batches) = (rows(path, reading, wanted, MAIN)?, 0, vec![]);
    while let Some(batch) = rows.batch()? {
        let (of_batch, left) = (batch.rows as usize, limit - count);
        batches.push(batch.arrays.iter().map(|array| array.slice(0, left.min(of_batch))).collect());
        count += left.min(of_batch);
        if of_batch > left {
            return Ok((count, true, batches));
        }
    }
    Ok((count, false, batches))
}

/// The main table, then those that are joined.
struct Tables(Vec<OneTable>);

struct OneTable {
    /// What errors call it.
    name: String,
    files: Vec<PathBuf>,
    columns: Vec<String>,
    /// The column that is another table's key, under the same name.
    key: Option<String>,
    /// Whether its first file may lack a header.
    text: bool,
}

impl Tables {
    fn of(files: &[PathBuf], reading: &Reading, joins: &[Join]) -> Result<Self, DataError> {
        let (main, joined) = pick(files, reading, joins)?;
        let mut tables = vec![OneTable::of(MAIN.to_owned(), main, reading, None)?];
        for (join, files) in joins.iter().zip(joined) {
            let key = (join.here == join.there).then(|| join.there.clone());
            tables.push(OneTable::of(table_of(join), files, &join.reading, key)?);
        }
        Ok(Self(tables))
    }

    /// The table that has a column.
    fn with(&self, column: &str) -> Result<usize, DataError> {
        let has = |table: &OneTable| table.key.as_deref() != Some(column) && table.columns.iter().any(|c| c == column);
        let mut with = self.0.iter().enumerate().filter(|(_, table)| has(table));
        match (with.next(), with.next()) {
            (Some((at, _)), None) => Ok(at),
            (Some((_, first)), Some((_, second))) => Err(DataError::ColumnTwice {
                column: column.to_owned(),
                first: first.name.clone(),
                second: second.name.clone(),
            }),
            (None, _) => {
                self.0[0].check_header()?;
                let all = self.0.iter().flat_map(|table| table.columns.iter().cloned()).collect();
                Err(missing_column(&self.0[0].origin(), column, all))
            }
        }
    }
}

impl OneTable {
    fn of(name: String, files: Vec<PathBuf>, reading: &Reading, key: Option<String>) -> Result<Self, DataError> {
        let mut all: Vec<String> = vec![];
        for path in &files {
            let names = columns(path, reading, &name)?;
            if reading.format_of(path) == Format::JsonLines {
                // Each object may lack keys.
                let new = names.into_iter().filter(|name| !all.contains(name)).collect::<Vec<_>>();
                all.extend(new);
            } else if all.is_empty() {
                all = names;
            } else {
                same(path, &names, &files[0], &all)?;
            }
        }
        let text = matches!(reading.format_of(&files[0]), Format::Csv | Format::Tsv);
        Ok(Self { name, text: text && reading.header && reading.columns.is_none(), files, columns: all, key })
    }

    fn origin(&self) -> String {
        self.files[0].display().to_string()
    }

    fn check(&self, column: &str) -> Result<(), DataError> {
        if self.columns.iter().any(|name| name == column) {
            return Ok(());
        }
        self.check_header()?;
        Err(missing_column(&self.origin(), column, self.columns.clone()))
    }

    /// That a column is not there may be because its header is not.
    fn check_header(&self) -> Result<(), DataError> {
        match self.columns.iter().find(|name| name.parse::<f64>().is_ok()) {
            Some(number) if self.text => Err(DataError::BadHeader {
                origin: self.origin(),
                fault: format!("has `{number}` for a name, as if it were a row"),
                expected: "names of columns, or `header = false` and `columns` in the card's `[read]`".into(),
            }),
            _ => Ok(()),
        }
    }
}

/// # Errors
/// When two files of a table do not have the same columns, in whatever order.
fn same(path: &Path, names: &[String], first: &Path, expected: &[String]) -> Result<(), DataError> {
    let lacks = expected.iter().find(|name| !names.contains(name)).map(|name| format!("it lacks `{name}`"));
    let more = || names.iter().find(|name| !expected.contains(name)).map(|name| format!("it has `{name}`"));
    lacks.or_else(more).map_or(Ok(()), |difference| {
        Err(DataError::OtherColumns { path: path.to_owned(), first: first.to_owned(), difference })
    })
}
