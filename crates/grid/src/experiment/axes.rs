//! `[grid]`: every list is an axis.

use std::ops::Range;

use mmtl_plan::{Value, suggestion};
use toml::de::{DeTable, DeValue};

use crate::experiment::MOST_TRIALS;
use crate::experiment::reader::{Item, Reader, shown};
use crate::experiment::value::value;
use crate::key_name::Key;

/// One axis of the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What varies.
    pub key: Key,
    /// Its values, at least one, all different.
    pub values: Vec<Value>,
}

impl Reader<'_> {
    /// The axes in the order of the file.
    pub(super) fn axes(&mut self, top: &DeTable<'_>, fixed: &[(Key, Value)]) -> Vec<Axis> {
        let mut axes: Vec<Axis> = vec![];
        let Some(table) = self.table(top, "grid") else { return axes };
        for (text, at, item) in self.leaves(table) {
            let Some(key) = self.checker.keep(&at, self.words.key(&text)) else { continue };
            let line = self.checker.line(&at);
            if let Some(why) = self.words.one_for_all(key) {
                self.checker.report(&at, format!("`{key}` cannot be an axis, {why}"));
            } else if axes.iter().any(|axis| axis.key == key) {
                self.checker.report(&at, format!("the axis `{key}` is given twice"));
            } else if fixed.iter().any(|(other, _)| *other == key) {
                let elsewhere = self.lines.get(&key.to_string()).copied().unwrap_or(line);
                let message = format!("`{key}` is an axis but also fixed in line {elsewhere}, expected one of the two");
                self.checker.report(&at, message);
            } else if let Some(values) = self.axis_values(key, &at, item) {
                axes.push(Axis { key, values });
            }
            self.lines.insert(key.to_string(), line);
        }
        axes
    }

    fn axis_values(&mut self, key: Key, at: &Range<usize>, item: &Item<'_>) -> Option<Vec<Value>> {
        if let (Key::Seed, DeValue::Table(table)) = (key, item.get_ref()) {
            return self.seed_range("grid.seed", at, table);
        }
        self.listed_values(&format!("the axis `{key}`"), key, item)
    }

    /// The values of a list that is called `what`: at least one, all different.
    pub(super) fn listed_values(&mut self, what: &str, key: Key, item: &Item<'_>) -> Option<Vec<Value>> {
        let Some(items) = item.get_ref().as_array() else {
            let near = value(item.get_ref()).map(|one| format!("[{one}]")).ok();
            let (got, expected) = (shown(item.get_ref()), self.words.expected(key));
            let message = format!("{what} is {got}, expected a list, each {expected}{}", suggestion(near.as_deref()));
            self.checker.report(&item.span(), message);
            return None;
        };
        if items.is_empty() {
            let message = format!("{what} is empty, expected at least one value: {}", self.words.expected(key));
            self.checker.report(&item.span(), message);
            return None;
        }
        if self.words.is_list(key) && items.iter().all(|item| !item.get_ref().is_array()) {
            let got = shown(item.get_ref());
            let message = format!(
                "{what} is {got}, expected a list of lists, since each of its values is one; did you mean `[{got}]`?"
            );
            self.checker.report(&item.span(), message);
            return None;
        }
        let mut values: Vec<Value> = vec![];
        for item in items {
            let Some(value) = self.value_of(key, item) else { continue };
            if let (Key::Stream(_), Value::Text(word)) = (key, &value) {
                // Its seeds would be the trial's, so that each seed would be a row of its own.
                self.checker.report(&item.span(), format!("{what} lists {word:?}, expected seeds"));
            } else if values.contains(&value) {
                self.checker.report(&item.span(), format!("{what} lists {value} twice"));
            } else {
                values.push(value);
            }
        }
        Some(values)
    }

    /// `seed = { from = 1, count = 5 }`.
    pub(super) fn seed_range(&mut self, of: &str, at: &Range<usize>, table: &DeTable<'_>) -> Option<Vec<Value>> {
        self.only(of, table, &["from", "count"]);
        let mut whole = |name: &str, least: i64, most: i64| {
            let Some(item) = table.get(name) else {
                let message = format!("`{of}` has no `{name}`, expected a list or {{ from = 1, count = 5 }}");
                self.checker.report(at, message);
                return None;
            };
            let given = value(item.get_ref());
            if let Ok(Value::Int(number)) = given
                && (least..=most).contains(&number)
            {
                return Some(number);
            }
            let near = match given {
                Ok(Value::Int(number)) => format!("; did you mean `{}`?", number.clamp(least, most)),
                Ok(Value::Bool(_) | Value::Float(_) | Value::Text(_) | Value::List(_)) | Err(_) => String::new(),
            };
            let got = shown(item.get_ref());
            let message = format!("`{of}.{name}` is {got}, expected a whole number from {least} to {most}{near}");
            self.checker.report(&item.span(), message);
            None
        };
        let most = i64::try_from(MOST_TRIALS).unwrap_or(i64::MAX);
        let from = whole("from", 0, i64::MAX - most);
        let count = whole("count", 1, most);
        let (from, count) = (from?, count?);
        Some((from..from + count).map(Value::Int).collect())
    }
}
