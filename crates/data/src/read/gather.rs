//! Fields of rows become columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Int32Array, ListArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use memchr::memmem::Finder;
use rayon::prelude::*;

use crate::read::distinct::{Distinct, NO_VALUE};
use crate::read::fields::{Field, Fields};
use crate::read::reading::{Reading, Shape, Wanted};
use crate::read::texts::{Texts, offset};

/// What is done to a field before it is a value.
#[derive(Clone, Debug)]
pub(super) struct Cleaning {
    missing: Vec<Vec<u8>>,
    trim: bool,
}

impl Cleaning {
    pub(super) fn new(reading: &Reading) -> Self {
        let trimmed = |text: &String| if reading.trim { text.trim_ascii() } else { text }.as_bytes().to_vec();
        let mut missing: Vec<Vec<u8>> = reading.missing.iter().map(trimmed).collect();
        missing.sort_unstable();
        missing.dedup();
        Self { missing, trim: reading.trim }
    }

    fn trimmed<'a>(&self, field: &'a [u8]) -> &'a [u8] {
        if self.trim { field.trim_ascii() } else { field }
    }

    /// The value of a field; `None`: it has none.
    fn value<'a>(&self, field: &'a [u8]) -> Option<&'a [u8]> {
        let value = self.trimmed(field);
        (!self.missing.iter().any(|text| text == value)).then_some(value)
    }
}

/// A value that is no UTF-8 text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Its row in the column.
    pub at: usize,
    /// The value, with � in the place of what cannot be read.
    pub value: String,
}

/// A column in the making.
pub(super) struct Gather {
    cleaning: Cleaning,
    column: Column,
}

enum Column {
    /// Fields stay what they are until all are there: then values are told apart column by column, each with a table that
    /// stays in the cache, and several columns at once.
    Value {
        fields: Fields,
        distinct: Box<Distinct>,
    },
    Text {
        texts: Texts,
        nulls: NullBufferBuilder,
    },
    List {
        elements: Texts,
        ends: Vec<i32>,
        separator: Option<Box<Finder<'static>>>,
        nulls: NullBufferBuilder,
    },
}

impl Gather {
    pub(super) fn new(wanted: &Wanted, cleaning: &Cleaning) -> Self {
        let nulls = NullBufferBuilder::new(0);
        let column = match wanted.shape {
            Shape::Value => {
                let distinct = Box::new(Distinct::new(&cleaning.missing));
                Column::Value { fields: Fields::default(), distinct }
            }
            Shape::Text => Column::Text { texts: Texts::default(), nulls },
            Shape::List => {
                let separator = wanted.separator.as_bytes();
                let separator = (!separator.is_empty()).then(|| Box::new(Finder::new(separator).into_owned()));
                Column::List { elements: Texts::default(), ends: vec![0], separator, nulls }
            }
        };
        Self { cleaning: cleaning.clone(), column }
    }

    /// Adds the field of the next row.
    pub(super) fn push(&mut self, field: &[u8]) {
        match &mut self.column {
            Column::Value { fields, .. } => fields.push(self.cleaning.trimmed(field)),
            Column::Text { texts, nulls } => {
                let value = self.cleaning.value(field);
                nulls.append(value.is_some());
                texts.push(value.unwrap_or_default());
            }
            Column::List { elements, ends, separator, nulls } => {
                let value = self.cleaning.value(field);
                nulls.append(value.is_some());
                if let Some(value) = value {
                    each_part(value, separator.as_deref(), |part| push_element(elements, &self.cleaning, part));
                }
                ends.push(offset(elements.len()));
            }
        }
    }

    /// Adds the next row, which has no field.
    pub(super) fn push_missing(&mut self) {
        match &mut self.column {
            Column::Value { fields, .. } => fields.push_nothing(),
            Column::Text { texts, nulls } => {
                nulls.append_null();
                texts.push(b"");
            }
            Column::List { elements, ends, nulls, .. } => {
                nulls.append_null();
                ends.push(offset(elements.len()));
            }
        }
    }

    /// Whether the column is of lists.
    pub(super) fn takes_lists(&self) -> bool {
        matches!(self.column, Column::List { .. })
    }

    /// Adds an element of the next row's list, which [`Self::end_list`] ends.
    pub(super) fn push_element(&mut self, element: &[u8]) {
        if let Column::List { elements, .. } = &mut self.column {
            push_element(elements, &self.cleaning, element);
        }
    }

    /// Ends the next row's list.
    pub(super) fn end_list(&mut self) {
        if let Column::List { elements, ends, nulls, .. } = &mut self.column {
            nulls.append_non_null();
            ends.push(offset(elements.len()));
        }
    }

    /// The column of the rows so far, which are then gone.
    ///
    /// # Errors
    /// When a value is no UTF-8 text.
    pub(super) fn take(&mut self) -> Result<ArrayRef, Broken> {
        match &mut self.column {
            Column::Value { fields, distinct } => {
                let keys = keys(fields, distinct);
                fields.clear();
                let values = distinct.take().map_err(|(key, value)| {
                    let at = keys.iter().position(|of_row| of_row == Some(offset(key))).unwrap_or(0);
                    Broken { at, value }
                })?;
                Ok(Arc::new(DictionaryArray::new(keys, Arc::new(values))))
            }
            Column::Text { texts, nulls } => {
                let texts = texts.take(nulls.finish()).map_err(|(at, value)| Broken { at, value })?;
                Ok(Arc::new(texts))
            }
            Column::List { elements, ends, nulls, .. } => {
                let ends = std::mem::replace(ends, vec![0]);
                let elements = elements.take(None).map_err(|(element, value)| {
                    let at = ends.partition_point(|&end| end as usize <= element).saturating_sub(1);
                    Broken { at, value }
                })?;
                let field = Arc::new(arrow_schema::Field::new_list_field(DataType::Utf8, true));
                let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
                Ok(Arc::new(ListArray::new(field, offsets, Arc::new(elements), nulls.finish())))
            }
        }
    }
}

/// The columns of the rows so far, as [`Gather::take`], several at once.
///
/// # Errors
/// When a value is no UTF-8 text: the number that comes with its column as well.
pub(super) fn take_all(columns: &mut [(usize, Gather)]) -> Result<Vec<ArrayRef>, (usize, Broken)> {
    let take = |(number, column): &mut (usize, Gather)| column.take().map_err(|broken| (*number, broken));
    let arrays: Vec<_> = columns.par_iter_mut().map(take).collect();
    arrays.into_iter().collect()
}

/// The key of each field's value.
fn keys(fields: &Fields, distinct: &mut Distinct) -> Int32Array {
    let (mut keys, mut nulls) = (Vec::with_capacity(fields.len()), NullBufferBuilder::new(fields.len()));
    for field in fields.iter() {
        let key = match field {
            Field::Short(text) => distinct.key_of_short(text),
            Field::Long(text) => distinct.key(text),
            Field::Nothing => NO_VALUE,
        };
        nulls.append(key != NO_VALUE);
        keys.push(key.max(0));
    }
    Int32Array::new(keys.into(), nulls.finish())
}

fn push_element(elements: &mut Texts, cleaning: &Cleaning, element: &[u8]) {
    if let Some(value) = cleaning.value(element).filter(|value| !value.is_empty()) {
        elements.push(value);
    }
}

fn each_part(text: &[u8], separator: Option<&Finder>, mut each: impl FnMut(&[u8])) {
    let mut from = 0;
    if let Some(separator) = separator {
        for at in separator.find_iter(text) {
            each(&text[from..at]);
            from = at + separator.needle().len();
        }
    }
    each(&text[from..]);
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int32Type;

    use super::*;

    fn gather(shape: Shape, separator: &str, fields: &[&[u8]]) -> Result<ArrayRef, Broken> {
        let cleaning = Cleaning::new(&Reading::default());
        let mut gather = Gather::new(&Wanted { name: "x".into(), shape, separator: separator.into() }, &cleaning);
        // What a column has once held leaves no trace.
        gather.push(b"before");
        gather.take().unwrap();
        for field in fields {
            gather.push(field);
        }
        gather.take()
    }

    fn list(array: &ArrayRef, at: usize) -> Option<Vec<String>> {
        let list = array.as_list::<i32>();
        list.is_valid(at).then(|| list.value(at).as_string::<i32>().iter().map(|s| s.unwrap().to_owned()).collect())
    }

    #[test]
    fn distinct_values_are_kept_once_and_missing_texts_are_nulls() {
        let array = gather(Shape::Value, "", &[b"b", b" a", b"NA", b"b ", b"", b"a", b"na"]).unwrap();
        let dictionary = array.as_dictionary::<Int32Type>();
        assert_eq!(dictionary.values().as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["b", "a", "na"]);
        let keys: Vec<Option<i32>> = dictionary.keys().iter().collect();
        assert_eq!(keys, [Some(0), Some(1), None, Some(0), None, Some(1), Some(2)]);
        let nothing = gather(Shape::Value, "", &[b"", b"NA"]).unwrap();
        assert_eq!((nothing.len(), nothing.null_count()), (2, 2));
    }

    #[test]
    fn texts_and_lists_are_trimmed_and_cut() {
        let array = gather(Shape::Text, "", &[b" so nice ", b"null", b"ok"]).unwrap();
        assert_eq!(array.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("so nice"), None, Some("ok")]);
        let array = gather(Shape::List, "||", &[b"a || b||||NA||c|d", b"", b"||", b"e"]).unwrap();
        assert_eq!(list(&array, 0).unwrap(), ["a", "b", "c|d"]);
        assert_eq!(list(&array, 1), None);
        assert_eq!(list(&array, 2).unwrap(), Vec::<String>::new());
        assert_eq!(list(&array, 3).unwrap(), ["e"]);
        let whole = gather(Shape::List, "", &[b"a b"]).unwrap();
        assert_eq!(list(&whole, 0).unwrap(), ["a b"]);
    }

    #[test]
    fn broken_text_is_found_in_its_row() {
        let fields: [&[u8]; 4] = [b"", b"x,y", b"caf\xE9,z", b"u"];
        for shape in [Shape::Value, Shape::Text, Shape::List] {
            let Broken { at, value } = gather(shape, ",", &fields).unwrap_err();
            assert_eq!((at, value.contains("caf\u{FFFD}")), (2, true), "{shape:?} {value}");
        }
        // Two halves of a character are no character.
        assert_eq!(gather(Shape::Text, "", &[b"\xC3", b"\xA9"]).unwrap_err().at, 0);
        assert_eq!(gather(Shape::Value, "", &[b"\xC3", b"\xA9"]).unwrap_err().at, 0);
    }
}
