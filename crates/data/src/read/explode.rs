//! Rows that hold a list of what was shown together: each of the list becomes a row.

use std::ops::Range;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray, UInt32Array};
use arrow_schema::DataType;
use arrow_select::take::take;

use crate::error::DataError;
use crate::read::gather::{Cleaning, Gather};
use crate::read::piece_end::PieceEnd;
use crate::read::reading::{Explode, Reading, Shape, Wanted};
use crate::read::rows::{Batch, Rows};
use crate::table::missing_column;

/// The columns of a file whose rows are exploded: those of the file, then those of the parts.
///
/// # Errors
/// When the column of lists is not there, or a part's name is taken.
pub(super) fn columns(path: &Path, explode: &Explode, mut columns: Vec<String>) -> Result<Vec<String>, DataError> {
    let origin = path.display().to_string();
    if !columns.contains(&explode.column) {
        return Err(missing_column(&origin, &explode.column, columns));
    }
    for name in &explode.into {
        if columns.contains(name) {
            let fault = format!("and `explode.into` both name `{name}`");
            let expected = "names that no column has".to_owned();
            return Err(DataError::BadHeader { origin, fault, expected });
        }
        columns.push(name.clone());
    }
    Ok(columns)
}

/// Rows of a file, exploded.
pub(super) struct Exploded {
    inner: Box<dyn Rows>,
    origin: String,
    explode: Explode,
    /// What is done to parts, as to other cells.
    cleaning: Cleaning,
    /// The columns that the file has, in the order in which they are read; the last is that of lists.
    real: usize,
    /// Where each column wanted is: among those of the file, or (past them) among the parts.
    places: Vec<usize>,
    /// So many parts must be there: the last that is wanted, and those before it.
    least: usize,
    /// Rows of the file so far.
    rows: u64,
    left: Option<Left>,
}

/// What is read of the file for `wanted` of the exploded rows, and the place of each.
pub(super) fn read(explode: &Explode, wanted: &[Wanted]) -> (Vec<Wanted>, Vec<usize>) {
    let part = |wanted: &Wanted| explode.into.iter().position(|name| *name == wanted.name);
    let mut real: Vec<Wanted> = wanted.iter().filter(|wanted| part(wanted).is_none()).cloned().collect();
    let lists = real.len();
    real.push(Wanted { name: explode.column.clone(), shape: Shape::List, separator: explode.separator.clone() });
    let mut of_file = 0;
    let place = |wanted: &Wanted| {
        part(wanted).map_or_else(
            || {
                of_file += 1;
                of_file - 1
            },
            |part| lists + 1 + part,
        )
    };
    (real, wanted.iter().map(place).collect())
}

impl Exploded {
    pub(super) fn new(
        inner: Box<dyn Rows>,
        path: &Path,
        reading: &Reading,
        explode: &Explode,
        places: Vec<usize>,
        real: usize,
    ) -> Self {
        let origin = path.display().to_string();
        // A part of no characters has no value, as an element of none, whatever is missing elsewhere.
        let missing = reading.missing.iter().cloned().chain([String::new()]).collect();
        let cleaning = Cleaning::new(&Reading { missing, ..reading.clone() });
        let parts = places.iter().filter_map(|place| place.checked_sub(real));
        let least = parts.max().map_or(1, |last| last + 1);
        Self { inner, origin, explode: explode.clone(), cleaning, real, places, least, rows: 0, left: None }
    }

    /// The row each element is from, and its parts.
    fn elements(&self, lists: &ArrayRef) -> Result<(UInt32Array, Vec<ArrayRef>), DataError> {
        let lists = lists.as_list::<i32>();
        let (values, offsets): (&StringArray, _) = (lists.values().as_string(), lists.value_offsets());
        let count = self.explode.into.len();
        let column = |name: &String| Wanted { name: name.clone(), shape: Shape::Value, separator: String::new() };
        let gather = |name: &String| Gather::new(&column(name), &self.cleaning);
        let mut parts: Vec<Gather> = self.explode.into.iter().map(gather).collect();
        let mut from = vec![];
        for row in 0..lists.len() {
            for at in offsets[row] as usize..offsets[row + 1] as usize {
                let element = values.value(at);
                let cut: Vec<&str> = match &self.explode.between {
                    Some(between) => element.rsplitn(count, between.as_str()).collect(),
                    None => vec![element],
                };
                if cut.len() < self.least {
                    return Err(DataError::BadValue {
                        origin: format!("`{}`", self.origin),
                        row: self.rows + row as u64 + 1,
                        column: self.explode.column.clone(),
                        value: element.to_owned(),
                        expected: format!(
                            "{} parts, between which stands `{}`",
                            self.least,
                            self.explode.between.as_deref().unwrap_or_default()
                        ),
                    });
                }
                from.push(row as u32);
                // From the right, as an id may hold what stands between.
                let mut texts = cut.into_iter().rev();
                for part in &mut parts {
                    match texts.next() {
                        Some(text) => part.push(text.as_bytes()),
                        None => part.push_missing(),
                    }
                }
            }
        }
        let array = |mut part: Gather| part.take().expect("parts of texts are texts");
        Ok((UInt32Array::from(from), parts.into_iter().map(array).collect()))
    }
}

/// Rows that were read, some of whose elements are still to become rows.
struct Left {
    batch: Batch,
    /// The row of the file that is the first of the batch.
    first: u64,
    /// The row of the batch that each element is from, and its parts.
    from: UInt32Array,
    parts: Vec<ArrayRef>,
    /// Elements that have become rows.
    done: usize,
}

impl Left {
    /// The next rows. What stands beside a long list is copied for each of its elements, so that rows that were read within
    /// bounds may come to much more.
    fn next(&mut self, places: &[usize], real: usize) -> Batch {
        let of_file = || places.iter().filter(|place| **place < real).map(|place| &self.batch.arrays[*place]);
        let mut end = PieceEnd::default();
        let rows = &self.from.values()[self.done..];
        let fits = |row: &&u32| {
            let is_room = !end.reached();
            end.rows += 1;
            end.bytes += of_file().map(|array| bytes(array, **row as usize)).sum::<usize>();
            is_room
        };
        let count = rows.iter().take_while(fits).count();
        let from = self.from.slice(self.done, count);
        let array = |place: &usize| match place.checked_sub(real) {
            Some(part) => self.parts[part].slice(self.done, count),
            None => take(&self.batch.arrays[*place], &from, None).expect("rows of bounded size are taken"),
        };
        let arrays = places.iter().map(array).collect();
        let made_of = from.values().iter().map(|row| self.first + u64::from(*row)).collect();
        self.done += count;
        Batch { rows: count as u64, arrays, share: self.batch.share, made_of: Some(made_of) }
    }
}

/// Bytes of a row.
fn bytes(array: &ArrayRef, row: usize) -> usize {
    let text = |texts: &ArrayRef, rows: Range<usize>| {
        let offsets = texts.as_string::<i32>().value_offsets();
        (offsets[rows.end] - offsets[rows.start]) as usize
    };
    match array.data_type() {
        DataType::Utf8 => text(array, row..row + 1),
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            let (from, to) = (lists.value_offsets()[row] as usize, lists.value_offsets()[row + 1] as usize);
            let is_text = lists.value_type() == DataType::Utf8;
            4 * (to - from) + if is_text { text(lists.values(), from..to) } else { 8 * (to - from) }
        }
        _ => 8,
    }
}

impl Rows for Exploded {
    fn batch(&mut self) -> Result<Option<Batch>, DataError> {
        loop {
            if let Some(left) = self.left.as_mut().filter(|left| left.done < left.from.len()) {
                return Ok(Some(left.next(&self.places, self.real)));
            }
            let Some(batch) = self.inner.batch()? else { return Ok(None) };
            let (from, parts) = self.elements(&batch.arrays[self.real - 1])?;
            let first = self.rows;
            self.rows += batch.rows;
            self.left = Some(Left { batch, first, from, parts, done: 0 });
        }
    }
}
