//! Columns of other tables, by a key.

use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array};
use arrow_schema::DataType;
use arrow_select::interleave::interleave;
use hashbrown::HashMap;

use crate::error::DataError;
use crate::read::alike;
use crate::read::distinct::Distinct;
use crate::read::gather::{Cleaning, Gather};
use crate::read::keys::{keys, texts, whole};
use crate::read::reading::{Reading, Wanted};
use crate::read::rows::{Batch, rows};

/// A table that is joined: where it comes from and what is wanted of it.
#[derive(Debug)]
pub(super) struct JoinFiles {
    /// What errors call it.
    pub table: String,
    pub files: Vec<PathBuf>,
    pub reading: Reading,
    /// Place of the key among the columns that are read of the main table.
    pub here: usize,
    /// Of this table; its key comes last, by its value.
    pub wanted: Vec<Wanted>,
}

/// A row of a table in memory: its batch, and its place there.
type Place = (usize, usize);

/// The row without a value, of the keys that a table lacks.
const NOWHERE: Place = (0, 0);

/// A table that is joined, in memory.
pub(super) struct Lookup {
    here: usize,
    places: HashMap<String, Place>,
    /// For each column its batches, of which the first is [`NOWHERE`].
    columns: Vec<Vec<ArrayRef>>,
    /// The first key, and the number of its file.
    example: Option<(usize, String)>,
    /// For each batch the file it is of, and the rows of that file before it.
    origins: Vec<(usize, u64)>,
}

/// Where some rows of the main table find their rows in another.
pub(super) struct Found {
    keys: DictionaryArray<Int32Type>,
    /// By key.
    places: Vec<Place>,
}

impl Found {
    /// Whether a row finds one.
    pub(super) fn any(&self) -> bool {
        self.keys.keys().iter().flatten().any(|key| self.places[key as usize] != NOWHERE)
    }

    /// The first key of some row.
    pub(super) fn example(&self) -> Option<String> {
        texts(&self.keys).flatten().next().map(str::to_owned)
    }

    fn row(&self, at: usize) -> Place {
        self.keys.key(at).map_or(NOWHERE, |key| self.places[key])
    }
}

impl Lookup {
    /// Reads the whole table.
    ///
    /// # Errors
    /// When a file cannot be read, or two rows have the same key.
    pub(super) fn read(join: &JoinFiles) -> Result<Self, DataError> {
        let (places, columns) = (HashMap::new(), vec![vec![]; join.wanted.len()]);
        let mut lookup = Self { here: join.here, places, columns, example: None, origins: vec![(0, 0)] };
        for (file, path) in join.files.iter().enumerate() {
            let (mut rows, mut before) = (rows(path, &join.reading, &join.wanted, &join.table)?, 0);
            while let Some(batch) = rows.batch()? {
                let rows = batch.rows;
                lookup.origins.push((file, before));
                lookup.add(join, path, &batch)?;
                before += rows;
            }
        }
        lookup.add_whole(join)?;
        for (wanted, column) in join.wanted.iter().zip(&mut lookup.columns) {
            let nothing = match column.first() {
                Some(batch) => arrow_array::new_null_array(batch.data_type(), 1),
                None => no_value(wanted),
            };
            column.insert(0, nothing);
        }
        Ok(lookup)
    }

    /// Adds the batch that `origins` names last.
    fn add(&mut self, join: &JoinFiles, path: &Path, batch: &Batch) -> Result<(), DataError> {
        let (number, key) = (self.origins.len() - 1, join.wanted.len() - 1);
        for ((column, array), wanted) in self.columns.iter_mut().zip(&batch.arrays).zip(&join.wanted) {
            if !alike::push(column, array) {
                return Err(DataError::ColumnType {
                    origin: path.display().to_string(),
                    column: wanted.name.clone(),
                    got: array.data_type().to_string(),
                    expected: "what it holds in the other files of the table",
                });
            }
        }
        for (row, text) in texts(&keys(&batch.arrays[key])).enumerate() {
            let Some(text) = text else { continue };
            self.example.get_or_insert_with(|| (self.origins[number].0, text.to_owned()));
            if let Some(first) = self.places.insert(text.to_owned(), (number, row)) {
                let column = join.wanted[key].name.clone();
                return Err(self.key_twice(join, column, text, first, (number, row)));
            }
        }
        Ok(())
    }

    /// A key that has become floating point (`12.0`) is found by its whole number as well, unless that is a key of its own.
    fn add_whole(&mut self, join: &JoinFiles) -> Result<(), DataError> {
        let mut added: HashMap<&str, Place> = HashMap::new();
        for (key, place) in &self.places {
            let Some(whole) = whole(key).filter(|whole| !self.places.contains_key(*whole)) else { continue };
            if let Some(other) = added.insert(whole, *place) {
                let column = join.wanted[join.wanted.len() - 1].name.clone();
                return Err(self.key_twice(join, column, whole, other.min(*place), other.max(*place)));
            }
        }
        let added: Vec<_> = added.into_iter().map(|(key, place)| (key.to_owned(), place)).collect();
        self.places.extend(added);
        Ok(())
    }

    /// The error where no key of the main table, like `given`, is one of this.
    pub(super) fn no_key_found(
        &self,
        join: &JoinFiles,
        column: &str,
        (path, given): (PathBuf, String),
    ) -> Option<DataError> {
        let (file, known) = self.example.as_ref()?;
        let keys = |column: &str, path: &Path, key: &str| {
            format!("column `{column}` of `{}` has keys like `{key}`", path.display())
        };
        let here = keys(column, &path, &given);
        let there = keys(&join.wanted[join.wanted.len() - 1].name, &join.files[*file], known);
        Some(DataError::NoKeyFound { table: join.table.clone(), here, there })
    }

    fn key_twice(&self, join: &JoinFiles, column: String, value: &str, first: Place, second: Place) -> DataError {
        let place = |(batch, row): Place| {
            let (file, before) = self.origins[batch];
            format!("row {} of `{}`", before + row as u64 + 1, join.files[file].display())
        };
        let (rows, table) = (format!("{} and {}", place(first), place(second)), join.table.clone());
        DataError::KeyTwice { table, column, value: value.to_owned(), rows }
    }

    /// Where rows of the main table, given by their columns, find their rows in this one.
    pub(super) fn find(&self, main: &[ArrayRef]) -> Found {
        let keys = keys(&main[self.here]);
        let values = keys.values().as_string::<i32>().iter();
        let places = values.map(|key| key.and_then(|key| self.place(key)).unwrap_or(NOWHERE)).collect();
        Found { keys, places }
    }

    fn place(&self, key: &str) -> Option<Place> {
        self.places.get(key).or_else(|| self.places.get(whole(key)?)).copied()
    }

    /// Bytes that a row's columns of texts and lists take.
    pub(super) fn bytes(&self, found: &Found, at: usize) -> usize {
        let (batch, row) = found.row(at);
        self.columns.iter().map(|batches| text_bytes(&batches[batch], row)).sum()
    }

    /// The columns of some rows.
    pub(super) fn columns(&self, found: &Found, rows: Range<usize>) -> Vec<ArrayRef> {
        let places: Vec<Place> = rows.clone().map(|at| found.row(at)).collect();
        let column = |batches: &Vec<ArrayRef>| {
            if matches!(batches[0].data_type(), DataType::Dictionary(..)) {
                return distinct(batches, found, rows.clone());
            }
            let batches: Vec<&dyn Array> = batches.iter().map(AsRef::as_ref).collect();
            interleave(&batches, &places).expect("the batches of a column are of one type")
        };
        self.columns.iter().map(column).collect()
    }
}

/// A column of one row without a value.
fn no_value(wanted: &Wanted) -> ArrayRef {
    let mut column = Gather::new(wanted, &Cleaning::new(&Reading::default()));
    column.push_missing();
    column.take().expect("there is no text that could be broken")
}

/// Rows of a column of distinct values. Only those that some row's key asks for are among them: else every piece
/// would come with all values of the table.
fn distinct(batches: &[ArrayRef], found: &Found, rows: Range<usize>) -> ArrayRef {
    let mut distinct = Distinct::new(&[]);
    let mut key = |(batch, row): &Place| {
        let dictionary = batches[*batch].as_dictionary::<Int32Type>();
        let value = dictionary.key(*row)?;
        Some(distinct.key(dictionary.values().as_string::<i32>().value(value).as_bytes()))
    };
    let of_place: Vec<Option<i32>> = found.places.iter().map(&mut key).collect();
    let keys: Int32Array = rows.map(|at| found.keys.key(at).and_then(|key| of_place[key])).collect();
    let values = distinct.take().expect("the values are texts already");
    std::sync::Arc::new(DictionaryArray::new(keys, std::sync::Arc::new(values)))
}

fn text_bytes(array: &ArrayRef, row: usize) -> usize {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value_length(row) as usize,
        DataType::List(_) => {
            let (list, offsets) = (array.as_list::<i32>(), array.as_list::<i32>().value_offsets());
            let ends = list.values().as_string::<i32>().value_offsets();
            (ends[offsets[row + 1] as usize] - ends[offsets[row] as usize]) as usize
        }
        _ => 0,
    }
}
