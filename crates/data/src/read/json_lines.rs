//! JSON lines: one object a row.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::DataError;
use crate::read::bytes::Bytes;
use crate::read::gather::{Broken, Cleaning, Gather, take_all};
use crate::read::piece_end::PieceEnd;
use crate::read::reading::{Reading, Wanted};
use crate::read::records::Lines;
use crate::read::rows::{Batch, Rows, broken};

/// Rows in which the names of columns are looked for.
const NAMING_ROWS: u64 = 10_000;

/// The names of a file's columns in the order in which they first come: `columns` of the card, or those of the first
/// ten thousand rows.
///
/// # Errors
/// When the file cannot be read, is empty or malformed.
pub(super) fn columns(path: &Path, reading: &Reading) -> Result<Vec<String>, DataError> {
    if let Some(columns) = &reading.columns {
        return Ok(columns.clone());
    }
    let mut lines = JsonLines::open(path, reading, &[])?;
    let (mut names, mut places) = (vec![], HashMap::new());
    while lines.rows < NAMING_ROWS && lines.advance()? {
        let mut note = |name: &str| {
            if !places.contains_key(name) {
                places.insert(name.to_owned(), names.len());
                names.push(name.to_owned());
            }
            Ok(None)
        };
        lines.parse(&mut note, &mut [])?;
        lines.rows += 1;
    }
    match lines.rows {
        0 => Err(DataError::EmptyFile { path: path.to_owned(), expected: "one JSON object a line" }),
        _ => Ok(names),
    }
}

/// The rows of one file.
pub(super) struct JsonLines {
    origin: String,
    lines: Lines,
    /// The keys wanted.
    names: Vec<String>,
    places: HashMap<String, usize>,
    /// The columns wanted, each with the place of its key: one key may become several columns.
    columns: Vec<(usize, Gather)>,
    rows: u64,
}

/// What stands at a key: its column, where it is wanted; or why it may not stand there.
type Place<'a> = &'a mut dyn FnMut(&str) -> Result<Option<usize>, String>;

impl JsonLines {
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn open(path: &Path, reading: &Reading, wanted: &[Wanted]) -> Result<Self, DataError> {
        let cleaning = Cleaning::new(reading);
        let mut names: Vec<String> = vec![];
        let mut columns = vec![];
        for wanted in wanted {
            let place = names.iter().position(|name| *name == wanted.name).unwrap_or(names.len());
            if place == names.len() {
                names.push(wanted.name.clone());
            }
            columns.push((place, Gather::new(wanted, &cleaning)));
        }
        let lines = Lines::new(Bytes::open(path, reading.encoding)?);
        let places = names.iter().cloned().zip(0..).collect();
        Ok(Self { origin: path.display().to_string(), lines, places, names, columns, rows: 0 })
    }

    /// Goes to the next line that is not blank.
    fn advance(&mut self) -> Result<bool, DataError> {
        loop {
            if !self.lines.advance().map_err(|error| self.lines.bytes().fault(error, self.rows))? {
                return Ok(false);
            }
            if !self.lines.line().trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// Reads the object of the line.
    fn parse<'a>(&'a self, place: Place, values: &mut [Option<&'a RawValue>]) -> Result<(), DataError> {
        let (line, at) = (self.lines.line(), Cell::new(None));
        let mut deserializer = serde_json::Deserializer::from_slice(line);
        let object = Object { place, values, at: &at };
        let read = object.deserialize(&mut deserializer).and_then(|()| deserializer.end());
        read.map_err(|error| match (std::str::from_utf8(line), at.get()) {
            (Err(_), Some(column)) => {
                let value = String::from_utf8_lossy(line).into_owned();
                broken(&self.origin, &self.names[column], self.rows, Broken { at: 0, value })
            }
            (text, _) => {
                let message = error.to_string();
                let reason = message.split_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
                let encoding = if text.is_err() { " or in another encoding than UTF-8" } else { "" };
                self.bad_row(format!("is malformed{encoding}: {reason} (character {})", error.column()))
            }
        })
    }

    fn bad_row(&self, fault: String) -> DataError {
        let (origin, row) = (self.origin.clone(), self.rows + 1);
        DataError::BadRow { origin, row, fault, expected: "one JSON object a line" }
    }

    /// Adds the row of the line to the columns.
    fn push_row(&mut self) -> Result<usize, DataError> {
        let mut columns = std::mem::take(&mut self.columns);
        let mut values = vec![None; self.names.len()];
        let mut seen = vec![false; self.names.len()];
        let mut place = |name: &str| match self.places.get(name) {
            Some(&at) if std::mem::replace(&mut seen[at], true) => Err(format!("`{name}` is there twice")),
            at => Ok(at.copied()),
        };
        self.parse(&mut place, &mut values)?;
        let mut bytes = 0;
        for (place, column) in &mut columns {
            let name = &self.names[*place];
            let Some(value) = values[*place].map(RawValue::get) else {
                column.push_missing();
                continue;
            };
            bytes += value.len();
            push(column, value).map_err(|fault| match fault {
                Fault::Kind(got, expected) => DataError::BadValue {
                    origin: format!("`{}`", self.origin),
                    row: self.rows + 1,
                    column: name.clone(),
                    value: got.into(),
                    expected: expected.into(),
                },
                Fault::Text(reason) => self.bad_row(format!("is malformed: column `{name}` has {reason}")),
            })?;
        }
        self.columns = columns;
        Ok(bytes)
    }
}

enum Fault {
    /// What it is, and what it should be.
    Kind(&'static str, &'static str),
    /// Why it is no text.
    Text(String),
}

const ONE_VALUE: &str = "one value: a text, a number, true, false or null";
const LIST: &str = "a list of texts, numbers, true and false";

/// Adds a value, written as JSON, to its column.
fn push(column: &mut Gather, value: &str) -> Result<(), Fault> {
    match scalar(value) {
        Ok(Some(text)) => column.push(text?.as_bytes()),
        Ok(None) => column.push_missing(),
        Err("a list") if column.takes_lists() => {
            let elements: Vec<&RawValue> =
                serde_json::from_str(value).map_err(|error| Fault::Text(error.to_string()))?;
            for element in elements {
                match scalar(element.get()) {
                    Ok(Some(text)) => column.push_element(text?.as_bytes()),
                    Ok(None) => {}
                    Err(_) => return Err(Fault::Kind("a list of lists or objects", LIST)),
                }
            }
            column.end_list();
        }
        Err(kind) if column.takes_lists() => return Err(Fault::Kind(kind, LIST)),
        Err(kind) => return Err(Fault::Kind(kind, ONE_VALUE)),
    }
    Ok(())
}

/// The text of a value that is one: numbers as written, `true` and `false` as 1 and 0. `Err`: what else it is.
fn scalar(value: &str) -> Result<Option<Result<Cow<'_, str>, Fault>>, &'static str> {
    match value.as_bytes().first() {
        Some(b'{') => Err("an object"),
        Some(b'[') => Err("a list"),
        Some(b't') => Ok(Some(Ok("1".into()))),
        Some(b'f') => Ok(Some(Ok("0".into()))),
        Some(b'n') => Ok(None),
        Some(b'"') if !value.contains('\\') => Ok(Some(Ok(value[1..value.len() - 1].into()))),
        Some(b'"') => {
            Ok(Some(serde_json::from_str(value).map(Cow::Owned).map_err(|error| Fault::Text(error.to_string()))))
        }
        _ => Ok(Some(Ok(value.into()))),
    }
}

/// An object, of which the values of some keys are kept as they are written.
struct Object<'p, 'v, 'a, 'c> {
    place: Place<'p>,
    values: &'v mut [Option<&'a RawValue>],
    /// The column that is being read.
    at: &'c Cell<Option<usize>>,
}

impl<'a> DeserializeSeed<'a> for Object<'_, '_, 'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Object<'_, '_, 'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(at) = map.next_key_seed(Key(&mut *self.place))? {
            self.at.set(at);
            match at {
                Some(at) => self.values[at] = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
            self.at.set(None);
        }
        Ok(())
    }
}

struct Key<'p>(Place<'p>);

impl<'a> DeserializeSeed<'a> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        (self.0)(name).map_err(E::custom)
    }
}

impl Rows for JsonLines {
    fn batch(&mut self) -> Result<Option<Batch>, DataError> {
        let (first, mut end) = (self.rows, PieceEnd::default());
        while !end.reached() && self.advance()? {
            end.bytes += self.push_row()?;
            end.rows += 1;
            self.rows += 1;
        }
        if end.rows == 0 {
            return Ok(None);
        }
        let arrays = take_all(&mut self.columns);
        let arrays = arrays.map_err(|(place, value)| broken(&self.origin, &self.names[place], first, value))?;
        Ok(Some(Batch { rows: end.rows, arrays, share: self.lines.bytes().share(), made_of: None }))
    }
}
