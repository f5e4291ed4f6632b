//! What a sample says of each column.

use std::collections::HashMap;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef};

use crate::error::DataError;
use crate::guess::SAMPLE_ROWS;
use crate::read::{Format, Reading, Shape, Wanted, header, sample};

/// What separates the elements of lists that are written as text, the likeliest first.
const SEPARATORS: [&str; 4] = ["|", ";", ",", " "];
/// Values that are kept to be shown.
const SHOWN: usize = 3;

/// The columns of a file.
pub(super) struct Sample {
    pub rows: usize,
    /// Whether the file has more.
    pub more: bool,
    pub columns: Vec<Profile>,
    /// Columns that hold what no field can be made of, and what that is.
    pub unusable: Vec<(String, String)>,
}

/// What a sample says of a column.
#[derive(Debug)]
pub(super) struct Profile {
    pub name: String,
    /// Its value in each row, the elements of lists joined by blanks.
    pub values: Vec<Option<String>>,
    /// How many rows have each value.
    pub counts: HashMap<String, usize>,
    /// The most frequent values, and how many rows have them.
    pub top: Vec<(String, usize)>,
    pub missing: usize,
    /// Least and greatest value and the mean, where all are numbers.
    pub numbers: Option<Numbers>,
    /// Words of a value, on average.
    pub words: f64,
    /// Whether values are lists.
    pub list: Option<List>,
}

/// Numbers of a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub least: f64,
    pub greatest: f64,
    pub mean: f64,
    pub whole: bool,
}

/// Whole numbers that span more than this are no classes in a row.
const MAX_SPAN: f64 = 100.0;

impl Numbers {
    /// How many whole numbers there are from the least to the greatest.
    pub(super) fn span(&self) -> f64 {
        self.greatest - self.least + 1.0
    }

    /// Whether most of the numbers in between are likely to be in no row.
    pub(super) fn far_apart(&self) -> bool {
        self.span() > MAX_SPAN
    }
}

/// Lists of a column.
#[derive(Debug)]
pub(super) struct List {
    /// What separates elements; `None`: the file has lists.
    pub separator: Option<&'static str>,
    pub longest: usize,
    pub elements: HashMap<String, usize>,
}

/// Looks at the first rows of a file.
///
/// # Errors
/// When it cannot be read.
pub(super) fn profiles(path: &Path, reading: &Reading) -> Result<Sample, DataError> {
    let mut names = header(&[path.to_owned()], reading, &[])?;
    // What becomes a column of its own is said there.
    let exploded = |name: &String| reading.explode.as_ref().is_some_and(|explode| explode.column == *name);
    names.retain(|name| !name.is_empty() && !exploded(name));
    // Any value is a list of one element, so this takes columns of every kind.
    let ((rows, more, batches), unusable) = fitting(path, reading, &mut names, Shape::List)?;
    let column = |at: usize| batches.iter().map(|batch| batch[at].clone()).collect::<Vec<_>>();
    let profile = |(at, name): (usize, &String)| Profile::of(name, &column(at), rows);
    let mut columns: Vec<Profile> = names.iter().enumerate().map(profile).collect();
    if matches!(reading.format.unwrap_or_else(|| Format::of(path)), Format::Parquet | Format::JsonLines) {
        mark_lists(path, reading, &mut columns)?;
    }
    Ok(Sample { rows, more, columns, unusable })
}

/// Tells lists of one element each from values: as values, lists are refused.
///
/// # Errors
/// When the file cannot be read.
fn mark_lists(path: &Path, reading: &Reading, columns: &mut [Profile]) -> Result<(), DataError> {
    let in_doubt = |column: &&Profile| column.list.as_ref().is_none_or(|list| list.separator.is_some());
    let mut names: Vec<String> = columns.iter().filter(in_doubt).map(|column| column.name.clone()).collect();
    let (_, lists) = fitting(path, reading, &mut names, Shape::Value)?;
    for column in columns.iter_mut().filter(|column| lists.iter().any(|(name, _)| *name == column.name)) {
        column.numbers = None;
        column.list = Some(List { separator: None, longest: 1, elements: column.counts.clone() });
    }
    Ok(())
}

/// How many rows, whether there are more, and their columns, a batch at a time.
type Rows = (usize, bool, Vec<Vec<ArrayRef>>);

/// The first rows of the columns `names` that can have a shape; the others are taken out, and handed back with what they
/// hold.
///
/// # Errors
/// When the file cannot be read.
fn fitting(
    path: &Path,
    reading: &Reading,
    names: &mut Vec<String>,
    shape: Shape,
) -> Result<(Rows, Vec<(String, String)>), DataError> {
    let mut unfit = vec![];
    loop {
        // Parts of what is exploded are values.
        let part = |name: &String| reading.explode.as_ref().is_some_and(|explode| explode.into.contains(name));
        let shape = |name: &String| if part(name) { Shape::Value } else { shape };
        let wanted = |name: &String| Wanted { name: name.clone(), shape: shape(name), separator: String::new() };
        let wanted: Vec<Wanted> = names.iter().map(wanted).collect();
        match sample(path, reading, &wanted, SAMPLE_ROWS) {
            Ok(rows) => return Ok((rows, unfit)),
            Err(DataError::ColumnType { column, got, .. } | DataError::BadValue { column, value: got, .. })
                if names.contains(&column) =>
            {
                names.retain(|name| *name != column);
                unfit.push((column, got));
            }
            Err(error) => return Err(error),
        }
    }
}

/// The elements of each row's list; a value is one.
fn elements_of(array: &ArrayRef) -> Vec<Option<Vec<String>>> {
    if let Some(values) = array.as_dictionary_opt::<Int32Type>() {
        let texts = values.values().as_string::<i32>();
        let text = |key: usize| texts.is_valid(key).then(|| vec![texts.value(key).to_owned()]);
        return values.keys().iter().map(|key| key.and_then(|key| text(key as usize))).collect();
    }
    let list = |of_row: ArrayRef| of_row.as_string::<i32>().iter().flatten().map(str::to_owned).collect();
    array.as_list::<i32>().iter().map(|of_row| of_row.map(list)).collect()
}

fn word_count(text: &str) -> usize {
    text.split_whitespace().count()
}

impl Profile {
    fn of(name: &str, batches: &[ArrayRef], rows: usize) -> Self {
        let (mut values, mut lists, mut longest) = (vec![], false, 0);
        let mut elements = HashMap::new();
        for batch in batches {
            for texts in elements_of(batch) {
                if let Some(texts) = &texts {
                    lists |= texts.len() != 1;
                    longest = longest.max(texts.len());
                }
                for text in texts.iter().flatten() {
                    *elements.entry(text.clone()).or_insert(0) += 1;
                }
                values.push(texts.map(|texts| texts.join(" ")));
            }
        }
        values.truncate(rows);
        let mut counts = HashMap::new();
        for value in values.iter().flatten() {
            *counts.entry(value.clone()).or_insert(0) += 1;
        }
        let mut top: Vec<(String, usize)> = counts.iter().map(|(value, count)| (value.clone(), *count)).collect();
        top.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let known = values.iter().flatten().count();
        let words = values.iter().flatten().map(|value| word_count(value)).sum::<usize>() as f64 / known.max(1) as f64;
        let missing = values.len() - known;
        let mut new = Self { name: name.to_owned(), values, counts, top, missing, numbers: None, words, list: None };
        if lists {
            new.list = Some(List { separator: None, longest, elements });
        } else {
            new.numbers = new.numbers();
            new.list = if new.numbers.is_none() { new.separated(known) } else { None };
        }
        new.top.truncate(SHOWN.max(2));
        new
    }

    /// Number of distinct values.
    pub(super) fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// Rows with a value.
    pub(super) fn known(&self) -> usize {
        self.values.len() - self.missing
    }

    /// Whether every row has a value of its own.
    pub(super) fn unique(&self) -> bool {
        self.distinct() == self.values.len() && self.values.len() > 1
    }

    /// Whether the values are 0 and 1.
    pub(super) fn binary(&self) -> bool {
        self.distinct() == 2 && self.counts.keys().all(|value| matches!(value.parse(), Ok(0.0 | 1.0)))
    }

    /// Whether the file has it in lists of which none has two elements.
    pub(super) fn lists_of_one(&self) -> bool {
        self.list.as_ref().is_some_and(|list| list.separator.is_none() && list.longest <= 1)
    }

    fn numbers(&self) -> Option<Numbers> {
        let mut numbers = Numbers { least: f64::INFINITY, greatest: f64::NEG_INFINITY, mean: 0.0, whole: true };
        // By row, not by the map's order: sums of floating point must not change from run to run.
        for value in self.values.iter().flatten() {
            let number: f64 = value.parse().ok().filter(|number: &f64| number.is_finite())?;
            numbers.least = numbers.least.min(number);
            numbers.greatest = numbers.greatest.max(number);
            numbers.whole &= number.fract() == 0.0;
            numbers.mean += number / self.known() as f64;
        }
        (self.known() > 0).then_some(numbers)
    }

    /// The elements of texts that are lists: a fifth of them have several, which come again and again.
    fn separated(&self, known: usize) -> Option<List> {
        SEPARATORS.iter().find_map(|&separator| {
            let several = self.values.iter().flatten().filter(|value| value.contains(separator)).count();
            if several * 5 < known || several == 0 {
                return None;
            }
            let (mut elements, mut longest, mut total) = (HashMap::new(), 0, 0);
            for value in self.values.iter().flatten() {
                let parts = || value.split(separator).map(str::trim).filter(|part| !part.is_empty());
                longest = longest.max(parts().count());
                for part in parts() {
                    *elements.entry(part.to_owned()).or_insert(0) += 1;
                    total += 1;
                }
            }
            // Sentences have commas and blanks, too: their parts are many and in part long, or the words of prose.
            let short = elements.keys().all(|part: &String| word_count(part) <= 3);
            let codes = separator != " " || elements.keys().all(|part| part.chars().any(|c| c.is_ascii_digit()));
            let again = elements.len() * 2 <= total && elements.len() < self.distinct();
            (short && codes && again).then_some(List { separator: Some(separator), longest, elements })
        })
    }
}
