//! Columns of other tables, by a key.

use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_schema::DataType;
use arrow_select::interleave::interleave;
use hashbrown::HashMap;

use crate::error::DataError;
use crate::read::alike;
use crate::read::distinct::Distinct;
use crate::read::gather::{Cleaning, Gather};
use crate::read::reading::{Reading, Wanted};
use crate::read::rows::{Batch, rows};
use crate::sub_second::{units, units_a_second, written};

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
        let mut lookup = Self { here: join.here, places, columns, origins: vec![(0, 0)] };
        for (file, path) in join.files.iter().enumerate() {
            let (mut rows, mut before) = (rows(path, &join.reading, &join.wanted, &join.table)?, 0);
            while let Some(batch) = rows.batch()? {
                let rows = batch.rows;
                lookup.origins.push((file, before));
                lookup.add(join, path, &batch)?;
                before += rows;
            }
        }
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
            if let Some(first) = self.places.insert(text.to_owned(), (number, row)) {
                let column = join.wanted[key].name.clone();
                return Err(self.key_twice(join, column, text, first, (number, row)));
            }
        }
        Ok(())
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
        let places = values.map(|key| key.and_then(|key| self.places.get(key)).copied().unwrap_or(NOWHERE)).collect();
        Found { keys, places }
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

/// Keys as texts, each distinct one once.
fn keys(array: &ArrayRef) -> DictionaryArray<Int32Type> {
    if let Some(keys) = array.as_dictionary_opt::<Int32Type>() {
        return keys.clone();
    }
    let texts = if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
        // Whole numbers of which some are missing have become floating point when pandas has written them: 12.0 is 12.
        numbers.iter().map(|n| n.map(|n| n.to_string())).collect::<StringArray>()
    } else {
        let a_second = units_a_second(array.data_type()).unwrap_or(1);
        let units = units(array).expect("moments and spans are whole numbers of their units");
        units.iter().map(|units| units.map(|units| written(units, a_second))).collect::<StringArray>()
    };
    texts.iter().collect()
}

fn texts(keys: &DictionaryArray<Int32Type>) -> impl Iterator<Item = Option<&str>> {
    let values = keys.values().as_string::<i32>();
    keys.keys().iter().map(|key| key.map(|key| values.value(key as usize)))
}
