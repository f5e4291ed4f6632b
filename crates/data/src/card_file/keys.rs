//! The keys of one table of a card file, read with complaints that name line, key, expectation and nearest choice.

use std::ops::Range;

use mmtl_plan::{Checker, listed, nearest, suggestion};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::card::TimeUnit;
use crate::listed::Listed;
use crate::prepare::seconds;

/// A table of a card file.
pub(super) struct Keys<'t, 'i> {
    /// Its dotted name; empty at the top.
    path: String,
    /// Where it begins.
    pub(super) span: Range<usize>,
    table: &'t DeTable<'i>,
}

impl<'t, 'i> Keys<'t, 'i> {
    pub(super) fn top(table: &'t DeTable<'i>) -> Self {
        Self { path: String::new(), span: 0..0, table }
    }

    /// The dotted name of a key.
    pub(super) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Complains about keys that are not among `known`.
    pub(super) fn only(&self, checker: &mut Checker, known: &[&str]) {
        for key in self.table.keys() {
            let given: &str = key.get_ref();
            if known.contains(&given) {
                continue;
            }
            let near = nearest(given, known.iter().copied());
            let near = suggestion(near.as_deref());
            checker.report(
                &key.span(),
                format!("unknown key `{}`, expected one of {}{near}", self.name(given), listed(known)),
            );
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.table.get(key)
    }

    /// Where a key's value stands, or the table begins.
    pub(super) fn at(&self, key: &str) -> Range<usize> {
        self.get(key).map_or(self.span.clone(), Spanned::span)
    }

    /// Complains about the value of a key.
    pub(super) fn wrong(&self, checker: &mut Checker, key: &str, expected: &str) {
        let got = self.get(key).map_or_else(|| "missing".to_owned(), |item| shown(item.get_ref()));
        checker.report(&self.at(key), format!("`{}` is {got}, expected {expected}", self.name(key)));
    }

    fn parsed<T>(
        &self,
        checker: &mut Checker,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&'t DeValue<'i>) -> Option<T>,
    ) -> Option<T> {
        let parsed = parse(self.get(key)?.get_ref());
        if parsed.is_none() {
            self.wrong(checker, key, expected);
        }
        parsed
    }

    pub(super) fn text(&self, checker: &mut Checker, key: &str) -> Option<String> {
        let parse = |value: &DeValue| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        self.parsed(checker, key, "text", parse)
    }

    /// Text or numbers, one or a list of them, as texts.
    pub(super) fn texts(&self, checker: &mut Checker, key: &str) -> Option<Vec<String>> {
        Some(self.listed(checker, key)?.iter().map(Listed::to_string).collect())
    }

    /// Text or numbers, one or a list of them.
    pub(super) fn listed(&self, checker: &mut Checker, key: &str) -> Option<Vec<Listed>> {
        self.parsed(checker, key, "text or a list of texts", |value| match value {
            DeValue::Array(items) => items.iter().map(|item| listed_value(item.get_ref())).collect(),
            single => listed_value(single).map(|value| vec![value]),
        })
    }

    /// Values that are all different.
    pub(super) fn listed_once(&self, checker: &mut Checker, key: &str) -> Option<Vec<Listed>> {
        self.names(checker, key)?;
        self.listed(checker, key)
    }

    /// Texts that are all different.
    pub(super) fn names(&self, checker: &mut Checker, key: &str) -> Option<Vec<String>> {
        let names = self.texts(checker, key)?;
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            let message = format!("`{}` has `{}` twice, expected each name once", self.name(key), twice.1);
            checker.report(&self.at(key), message);
        }
        Some(names)
    }

    pub(super) fn flag(&self, checker: &mut Checker, key: &str, default: bool) -> bool {
        self.parsed(checker, key, "true or false", DeValue::as_bool).unwrap_or(default)
    }

    /// A number, or nothing where there is something else.
    pub(super) fn number_or_none(&self, key: &str) -> Option<f64> {
        number(self.get(key)?.get_ref())
    }

    pub(super) fn numbers(&self, checker: &mut Checker, key: &str) -> Option<Vec<f64>> {
        self.parsed(checker, key, "a list of numbers", |value| {
            value.as_array()?.iter().map(|item| number(item.get_ref())).collect()
        })
    }

    /// A whole number of at least `least`, and no more than any data has use for.
    pub(super) fn count(&self, checker: &mut Checker, key: &str, least: usize, default: usize) -> usize {
        let most = if matches!(key, "bins" | "classes" | "max" | "neighbours") { 10_000 } else { 1 << 31 };
        let expected = format!("a whole number from {least} to {most}");
        let parse = |value: &DeValue| whole(value)?.try_into().ok().filter(|count| (least..=most).contains(count));
        self.parsed(checker, key, &expected, parse).unwrap_or(default)
    }

    pub(super) fn whole(&self, checker: &mut Checker, key: &str, default: i64) -> i64 {
        // Labels are f64.
        let exact = |value: &DeValue| whole(value).filter(|whole| whole.unsigned_abs() <= 1 << 53);
        self.parsed(checker, key, "a whole number of at most 53 bits", exact).unwrap_or(default)
    }

    /// A share of the rows.
    pub(super) fn share(&self, checker: &mut Checker, key: &str, default: f64) -> f64 {
        let parse = |value: &DeValue| number(value).filter(|share| (0.0..1.0).contains(share));
        self.parsed(checker, key, "a share of at least 0 and below 1", parse).unwrap_or(default)
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&self, checker: &mut Checker, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let given = self.get(key)?.get_ref().as_str();
        let found = choices.iter().find(|(word, _)| Some(*word) == given).map(|(_, choice)| *choice);
        if found.is_none() {
            let words = || choices.iter().map(|(word, _)| *word);
            let near = given.and_then(|given| nearest(given, words()));
            self.wrong(checker, key, &format!("one of {}{}", listed(words()), suggestion(near.as_deref())));
        }
        found
    }

    /// Seconds: a number of them, or `"7d"`, `"12h"`, `"30m"`, `"45s"`.
    pub(super) fn duration(&self, checker: &mut Checker, key: &str) -> Option<f64> {
        let parse = |value: &DeValue| {
            let text = word(value)?;
            let (digits, unit) = match text.char_indices().last()? {
                (at, 'd') => (&text[..at], 86_400.0),
                (at, 'h') => (&text[..at], 3_600.0),
                (at, 'm') => (&text[..at], 60.0),
                (at, 's') => (&text[..at], 1.0),
                _ => (text.as_str(), 1.0),
            };
            digits.trim().parse().ok().map(|number: f64| number * unit).filter(|s| s.is_finite() && *s >= 0.0)
        };
        self.parsed(checker, key, "a time span like \"7d\", \"12h\", \"30m\" or \"45s\"", parse)
    }

    /// A moment, in seconds.
    pub(super) fn moment(&self, checker: &mut Checker, key: &str, unit: TimeUnit) -> Option<f64> {
        let parse = |value: &DeValue| match value {
            DeValue::Datetime(date) => seconds(&date.to_string(), unit),
            other => seconds(&word(other)?, unit),
        };
        self.parsed(
            checker,
            key,
            "a time like 2024-06-01 or 2024-06-01T12:00:00, or a number in the column's unit",
            parse,
        )
    }

    /// A table inside this one.
    pub(super) fn table(&self, checker: &mut Checker, key: &str) -> Option<Keys<'t, 'i>> {
        let item = self.get(key)?;
        let table = item.get_ref().as_table();
        if table.is_none() {
            self.wrong(checker, key, "a section of keys");
        }
        Some(Keys { path: self.name(key), span: item.span(), table: table? })
    }

    /// The tables inside `[key]` with their names, in the order of the file.
    pub(super) fn tables(&self, checker: &mut Checker, key: &str) -> Vec<(String, Keys<'t, 'i>)> {
        let Some(outer) = self.table(checker, key) else { return vec![] };
        let mut tables = vec![];
        for (name, _) in outer.table {
            if let Some(inner) = outer.table(checker, name.get_ref()) {
                tables.push((name.get_ref().to_string(), Keys { span: name.span(), ..inner }));
            }
        }
        tables
    }

    /// Keys and what they list, in the order of the file.
    pub(super) fn lists(&self, checker: &mut Checker) -> Vec<(String, Vec<Listed>)> {
        let names = self.table.keys().map(|name| name.get_ref().to_string());
        names.filter_map(|name| self.listed(checker, &name).map(|values| (name, values))).collect()
    }
}

fn whole(value: &DeValue) -> Option<i64> {
    let DeValue::Integer(digits) = value else { return None };
    i64::from_str_radix(digits.as_str(), digits.radix()).ok()
}

fn number(value: &DeValue) -> Option<f64> {
    let number = match value {
        DeValue::Integer(_) => whole(value)? as f64,
        DeValue::Float(digits) => digits.as_str().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

fn listed_value(value: &DeValue) -> Option<Listed> {
    let text = word(value)?;
    Some(match number(value) {
        Some(number) => Listed::number(text, number),
        None => text.into(),
    })
}

fn word(value: &DeValue) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(_) => whole(value).map(|number| number.to_string()),
        DeValue::Float(digits) => Some(digits.as_str().to_owned()),
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn shown(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(digits) => digits.to_string(),
        DeValue::Float(digits) => digits.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(items) => {
            format!("[{}]", items.iter().map(|item| shown(item.get_ref())).collect::<Vec<_>>().join(", "))
        }
        DeValue::Table(_) => "a section".to_owned(),
    }
}
