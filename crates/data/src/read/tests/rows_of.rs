//! What tests make of tables.

use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_cast::cast;
use arrow_schema::DataType;

use crate::error::DataError;
use crate::read::{Join, Reading, Shape, Wanted, open};
use crate::table::Piece;

/// A value of a table: none, one, or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Missing,
    One(String),
    Many(Vec<String>),
}

/// The values of a column.
pub(super) fn cells(array: &ArrayRef) -> Vec<Cell> {
    if let Some(list) = array.as_list_opt::<i32>() {
        let element = |array: ArrayRef| array.as_string::<i32>().iter().map(|e| e.unwrap().to_owned()).collect();
        return list.iter().map(|of_row| of_row.map_or(Cell::Missing, |array| Cell::Many(element(array)))).collect();
    }
    let texts = cast(array, &DataType::Utf8).unwrap();
    let texts = texts.as_string::<i32>().iter();
    texts.map(|text| text.map_or(Cell::Missing, |text| Cell::One(text.to_owned()))).collect()
}

/// All columns of a table, its pieces put together; what pieces say of themselves is checked.
pub(super) fn columns(
    files: &[PathBuf],
    reading: &Reading,
    joins: &[Join],
    wanted: &[Wanted],
) -> Result<Vec<Vec<Cell>>, DataError> {
    let table = open(files, reading, joins, wanted)?;
    let mut columns = vec![vec![]; wanted.len()];
    let (mut rows, mut in_file, mut origin, mut share) = (0, 0, String::new(), 0.0);
    table.scan(&mut |piece: &Piece| {
        if piece.origin != origin {
            (origin, in_file) = (piece.origin.clone(), 0);
        }
        assert_eq!((piece.first_row, piece.first_in_file), (rows, in_file));
        assert!(piece.share >= share && piece.share <= 1.0, "{} after {share}", piece.share);
        share = piece.share;
        rows += piece.rows() as u64;
        in_file += piece.rows() as u64;
        for (column, wanted) in columns.iter_mut().zip(wanted) {
            column.extend(cells(piece.batch.column_by_name(&wanted.name).unwrap()));
        }
        Ok(())
    })?;
    assert!(rows == 0 || share == 1.0, "{share}");
    assert!(table.rows().is_none_or(|known| known == rows));
    Ok(columns)
}

pub(super) fn value(name: &str) -> Wanted {
    Wanted { name: name.into(), shape: Shape::Value, separator: String::new() }
}

pub(super) fn text(name: &str) -> Wanted {
    Wanted { shape: Shape::Text, ..value(name) }
}

pub(super) fn list(name: &str, separator: &str) -> Wanted {
    Wanted { shape: Shape::List, separator: separator.into(), ..value(name) }
}

pub(super) fn write(directory: &Path, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, contents).unwrap();
    path
}

/// Cells from texts, of which `-` is a missing one.
pub(super) fn ones(texts: &[&str]) -> Vec<Cell> {
    texts.iter().map(|text| if *text == "-" { Cell::Missing } else { Cell::One((*text).to_owned()) }).collect()
}

/// Cells of lists, divided by blanks; `-` is a missing one.
pub(super) fn lists(texts: &[&str]) -> Vec<Cell> {
    let list = |text: &str| Cell::Many(text.split_whitespace().map(str::to_owned).collect());
    texts.iter().map(|text| if *text == "-" { Cell::Missing } else { list(text) }).collect()
}

/// The columns of one file.
pub(super) fn of_file(
    name: &str,
    contents: impl AsRef<[u8]>,
    reading: &Reading,
    wanted: &[Wanted],
) -> Result<Vec<Vec<Cell>>, DataError> {
    let directory = tempfile::tempdir().unwrap();
    columns(&[write(directory.path(), name, contents)], reading, &[], wanted)
}

/// The message of an error, without the directory of the files.
pub(super) fn message<T>(result: Result<T, DataError>, directory: &Path) -> String {
    let error = result.map(|_| ()).unwrap_err().to_string();
    error.replace(&format!("{}/", directory.display()), "")
}
