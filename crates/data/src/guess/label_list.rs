//! A label that stands in lists.

use crate::guess::detect::{Detected, quoted};
use crate::guess::names::Unique;
use crate::guess::profile::Sample;
use crate::guess::purpose::is_label_list;
use crate::read::Explode;

/// Where each row has a label as a list of one element, has the file read with that element in a column of its own, as
/// a label is one value; false where there is none.
pub(super) fn unpack(detected: &mut Detected, sample: &Sample) -> bool {
    // A row without an element would be left out.
    let fits = |elements: usize, rows: usize| elements == rows && rows > 0;
    let label = sample.columns.iter().find(|column| {
        let elements = column.list.as_ref().map_or(0, |list| list.elements.values().sum());
        is_label_list(column) && column.distinct() > 1 && fits(elements, sample.rows)
    });
    let Some(label) = label else { return false };
    let names: Vec<&str> = sample.columns.iter().map(|column| column.name.as_str()).collect();
    let value = Unique::besides(&names).name(&format!("{} value", label.name), &[]);
    let table = format!("{{ column = {}, into = [{}] }}", quoted(&label.name), quoted(&value));
    detected.note("explode", table, "a label is one value, and this one is in lists of one".into());
    let separator = " ".to_owned();
    detected.reading.explode =
        Some(Explode { column: label.name.clone(), separator, into: vec![value], between: None });
    true
}
