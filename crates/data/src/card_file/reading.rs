//! `[read]` and `[join.NAME]`.

use mmtl_plan::Checker;

use crate::card_file::keys::Keys;
use crate::read::{Encoding, Explode, Format, Join, Reading};

const KEYS: [&str; 11] = [
    "file",
    "format",
    "delimiter",
    "header",
    "columns",
    "typed_header",
    "encoding",
    "missing",
    "quote",
    "trim",
    "explode",
];

/// How the main table is read.
pub(super) fn reading(top: &Keys, checker: &mut Checker) -> Reading {
    let Some(keys) = top.table(checker, "read") else { return Reading::default() };
    keys.only(checker, &KEYS);
    of(&keys, checker)
}

/// The tables whose columns are added.
pub(super) fn joins(top: &Keys, checker: &mut Checker) -> Vec<Join> {
    let mut joins = vec![];
    for (name, keys) in top.tables(checker, "join") {
        keys.only(checker, &[&KEYS[..], &["key"]].concat());
        if keys.get("file").is_none() {
            keys.wrong(checker, "file", "a pattern for the names of this table's files");
        }
        if let Some((here, there)) = key(&keys, checker) {
            joins.push(Join { name, reading: of(&keys, checker), here, there });
        }
    }
    joins
}

fn key(keys: &Keys, checker: &mut Checker) -> Option<(String, String)> {
    const EXPECTED: &str = "the name of a column of both tables, or { here = \"…\", there = \"…\" }";
    let item = keys.get("key");
    if item.is_some_and(|item| item.get_ref().is_table()) {
        let both = keys.table(checker, "key")?;
        both.only(checker, &["here", "there"]);
        let (here, there) = (both.text(checker, "here"), both.text(checker, "there"));
        if both.get("here").is_none() || both.get("there").is_none() {
            keys.wrong(checker, "key", EXPECTED);
        }
        return here.zip(there);
    }
    if item.is_none() {
        keys.wrong(checker, "key", EXPECTED);
    }
    keys.text(checker, "key").map(|key| (key.clone(), key))
}

fn of(keys: &Keys, checker: &mut Checker) -> Reading {
    let default = Reading::default();
    let formats = Format::ALL.map(|format| (format.name(), format));
    let encodings = Encoding::ALL.map(|encoding| (encoding.name(), encoding));
    Reading {
        file: keys.text(checker, "file"),
        format: keys.choice(checker, "format", &formats),
        delimiter: keys.text(checker, "delimiter"),
        header: keys.flag(checker, "header", default.header),
        columns: keys.names(checker, "columns"),
        typed_header: keys.flag(checker, "typed_header", default.typed_header),
        encoding: keys.choice(checker, "encoding", &encodings).unwrap_or(default.encoding),
        missing: keys.texts(checker, "missing").unwrap_or(default.missing),
        quote: keys.get("quote").map(|_| keys.flag(checker, "quote", true)),
        trim: keys.flag(checker, "trim", default.trim),
        explode: explode(keys, checker),
    }
}

/// A row for each element of a list, whose parts become columns.
fn explode(keys: &Keys, checker: &mut Checker) -> Option<Explode> {
    let keys = keys.table(checker, "explode")?;
    keys.only(checker, &["column", "separator", "into", "between"]);
    for (key, expected) in [("column", "the column of lists"), ("into", "names for the parts of an element")] {
        if keys.get(key).is_none() {
            keys.wrong(checker, key, expected);
        }
    }
    let (column, into) = (keys.text(checker, "column")?, keys.texts(checker, "into")?);
    let between = keys.text(checker, "between");
    if into.is_empty() || (into.len() > 1) != between.is_some() {
        keys.wrong(checker, "into", "one name, or several and what stands between the parts as `between`");
    }
    let separator = keys.text(checker, "separator").unwrap_or_else(|| " ".to_owned());
    Some(Explode { column, separator, into, between })
}
