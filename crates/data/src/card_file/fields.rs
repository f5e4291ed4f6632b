//! `[fields.NAME]`.

use mmtl_plan::{Checker, listed, nearest, suggestion};

use crate::card::{FieldCard, FieldRule, Fill, FillValue, Impute, Keep, TimePart, Transform, VocabularyCard};
use crate::card_file::keys::Keys;
use crate::card_file::roles::{Roles, UNITS};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Categorical,
    Numeric,
    Text,
    Multi,
    Sequence,
    Time,
}

const KINDS: [(&str, Kind); 6] = [
    ("categorical", Kind::Categorical),
    ("numeric", Kind::Numeric),
    ("text", Kind::Text),
    ("multi", Kind::Multi),
    ("sequence", Kind::Sequence),
    ("time", Kind::Time),
];

pub(super) const TRANSFORMS: &[(&str, Transform)] = &[("none", Transform::Identity), ("log1p", Transform::Log1p)];

const PARTS: [TimePart; 4] = [TimePart::Hour, TimePart::Weekday, TimePart::Day, TimePart::Month];
const KEEPS: [(&str, Keep); 2] = [("first", Keep::First), ("last", Keep::Last)];

/// Values seen fewer times in train share the id of unseen ones, which thereby learns what a new value is worth.
const MIN_COUNT: usize = 2;
const MAX_TOKENS: usize = 128;
const MAX_VALUES: usize = 50;
const NEIGHBOURS: usize = 5;

/// Keys of every field, then those of its kind.
fn known(kind: Kind) -> Vec<&'static str> {
    let own: &[&str] = match kind {
        Kind::Categorical => &["min_count", "max_values", "shares"],
        Kind::Numeric => &["transform", "standardise", "clip", "bins", "missing", "indicator"],
        Kind::Text => &["min_count", "max_values", "shares", "max"],
        Kind::Multi | Kind::Sequence => &["min_count", "max_values", "shares", "max", "keep", "separator"],
        Kind::Time => &["parts", "unit"],
    };
    [&["kind", "column"], own].concat()
}

/// The fields in the order of the file, and their vocabularies.
pub(super) fn fields(top: &Keys, roles: &Roles, checker: &mut Checker) -> (Vec<FieldCard>, Vec<VocabularyCard>) {
    let tables = top.tables(checker, "fields");
    if tables.is_empty() {
        top.wrong(checker, "fields", "at least one section like [fields.item]");
    }
    let (mut fields, mut vocabularies): (Vec<FieldCard>, Vec<VocabularyCard>) = (vec![], vec![]);
    // By the name of the field that has it first.
    for (name, keys) in &tables {
        if keys.get("kind").is_none() {
            keys.wrong(checker, "kind", &format!("one of {}", listed(KINDS.map(|(word, _)| word))));
        }
        let Some(kind) = keys.choice(checker, "kind", &KINDS) else { continue };
        keys.only(checker, &known(kind));
        if name == "scene" {
            checker.report(
                &keys.span,
                "a field is called `scene`, expected another name: every data set has a field of its scene",
            );
        }
        let column = keys.text(checker, "column").unwrap_or_else(|| name.clone());
        let mut add = |name: String, rule, impute, separator| {
            fields.push(FieldCard { name, column: column.clone(), rule, impute, separator });
        };
        match kind {
            Kind::Numeric => {
                let (rule, impute) = numeric(keys, roles, checker);
                add(name.clone(), rule, impute, String::new());
            }
            Kind::Time => {
                for part in parts(keys, checker) {
                    let unit = keys.choice(checker, "unit", UNITS).unwrap_or(roles.unit);
                    add(format!("{name}_{}", part.name()), FieldRule::Time(part, unit), Impute::Never, String::new());
                }
            }
            Kind::Categorical | Kind::Text | Kind::Multi | Kind::Sequence => {
                let vocabulary = vocabulary(name, keys, &mut vocabularies, &tables, checker);
                let max_tokens = |checker: &mut Checker, default| keys.count(checker, "max", 1, default);
                let (rule, separator) = match kind {
                    Kind::Text => (FieldRule::Text { vocabulary, max_tokens: max_tokens(checker, MAX_TOKENS) }, None),
                    Kind::Multi | Kind::Sequence => {
                        let default = if kind == Kind::Multi { Keep::First } else { Keep::Last };
                        let keep = keys.choice(checker, "keep", &KEEPS).unwrap_or(default);
                        let max = max_tokens(checker, MAX_VALUES);
                        (FieldRule::List { vocabulary, max, keep }, keys.text(checker, "separator"))
                    }
                    Kind::Categorical | Kind::Numeric | Kind::Time => (FieldRule::Category { vocabulary }, None),
                };
                let default = if kind == Kind::Multi { "|" } else { " " };
                add(name.clone(), rule, Impute::Never, separator.unwrap_or_else(|| default.to_owned()));
            }
        }
    }
    check_twice(&tables, &fields, checker);
    (fields, vocabularies)
}

/// A field that another one makes may not be there already.
fn check_twice(tables: &[(String, Keys)], fields: &[FieldCard], checker: &mut Checker) {
    let indicator = |field: &FieldCard| match field.rule {
        FieldRule::Number { missing, .. } | FieldRule::Bins { missing: Some(missing), .. } if missing.indicator => {
            Some(format!("{}_missing", field.name))
        }
        _ => None,
    };
    let made: Vec<String> = fields.iter().filter_map(indicator).collect();
    let names: Vec<&String> = fields.iter().map(|field| &field.name).chain(&made).collect();
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            let span = tables.iter().find(|(table, _)| table == *name).map_or(0..0, |(_, keys)| keys.span.clone());
            checker.report(&span, format!("two fields are called `{name}`, expected a name for each (parts of times and `_missing` are added to names)"));
        }
    }
}

fn parts(keys: &Keys, checker: &mut Checker) -> Vec<TimePart> {
    let Some(words) = keys.texts(checker, "parts") else { return vec![TimePart::Hour, TimePart::Weekday] };
    let part = |word: &String| PARTS.into_iter().find(|part| part.name() == word);
    let parts: Vec<TimePart> = words.iter().filter_map(part).collect();
    if parts.len() < words.len() || parts.is_empty() {
        keys.wrong(checker, "parts", &format!("some of {}", listed(PARTS.map(TimePart::name))));
    }
    parts
}

/// The field's own vocabulary, or that of the field it shares with, which may stand after it.
fn vocabulary(
    name: &str,
    keys: &Keys,
    vocabularies: &mut Vec<VocabularyCard>,
    tables: &[(String, Keys)],
    checker: &mut Checker,
) -> usize {
    let owner = keys.text(checker, "shares").unwrap_or_else(|| name.to_owned());
    if owner != name {
        for key in ["min_count", "max_values"] {
            if keys.get(key).is_some() {
                keys.wrong(checker, key, &format!("no such key beside `shares`: `{owner}` has it"));
            }
        }
        let words = |keys: &Keys| {
            let kind = keys.get("kind").and_then(|item| item.get_ref().as_str());
            keys.get("shares").is_none() && matches!(kind, Some("categorical" | "text" | "multi" | "sequence"))
        };
        let others =
            || tables.iter().filter(|(other, keys)| other != name && words(keys)).map(|(other, _)| other.as_str());
        if !others().any(|other| other == owner) {
            let near = suggestion(nearest(&owner, others()).as_deref());
            let expected = format!("a field with values of its own: one of {}{near}", listed(others()));
            keys.wrong(checker, "shares", &expected);
        }
    }
    if let Some(known) = vocabularies.iter().position(|vocabulary| vocabulary.name == owner) {
        return known;
    }
    let of_owner = tables.iter().find(|(table, _)| *table == owner).map_or(keys, |(_, keys)| keys);
    vocabularies.push(VocabularyCard {
        name: owner,
        min_count: of_owner.count(checker, "min_count", 0, MIN_COUNT) as u64,
        max_words: of_owner.count(checker, "max_values", 1, usize::MAX),
    });
    vocabularies.len() - 1
}

fn numeric(keys: &Keys, roles: &Roles, checker: &mut Checker) -> (FieldRule, Impute) {
    let (with, impute) = missing(keys, roles, checker);
    let indicator = keys.flag(checker, "indicator", true);
    if keys.get("bins").is_some() {
        for key in ["transform", "standardise", "clip"] {
            if keys.get(key).is_some() {
                keys.wrong(checker, key, "no such key beside `bins`, whose bounds are quantiles");
            }
        }
        let missing = with.map(|with| Fill { with, indicator });
        return (FieldRule::Bins { bins: keys.count(checker, "bins", 2, 10), missing }, impute);
    }
    let clip = keys.numbers(checker, "clip").and_then(|ends| match ends[..] {
        [low, high] if low < high => Some((low, high)),
        _ => {
            keys.wrong(checker, "clip", "two rising numbers");
            None
        }
    });
    let rule = FieldRule::Number {
        clip,
        transform: keys.choice(checker, "transform", TRANSFORMS).unwrap_or(Transform::Identity),
        standardise: keys.flag(checker, "standardise", true),
        missing: Fill { with: with.unwrap_or(FillValue::Mean), indicator },
    };
    (rule, impute)
}

/// What stands in for missing numbers; `None`: they are a category of their own (bins only).
fn missing(keys: &Keys, roles: &Roles, checker: &mut Checker) -> (Option<FillValue>, Impute) {
    const EXPECTED: &str = "\"mean\", \"median\", a number, \"own\" (beside `bins`), { neighbours = 5, by = [\"…\"] } or \
                            { interpolate = \"user\" }";
    let bins = keys.get("bins").is_some();
    let Some(item) = keys.get("missing") else {
        return (if bins { None } else { Some(FillValue::Mean) }, Impute::Never);
    };
    if item.get_ref().is_table() {
        let impute = keys.table(checker, "missing").and_then(|table| imputed(&table, roles, checker));
        return (Some(FillValue::Mean), impute.unwrap_or(Impute::Never));
    }
    let fill = match item.get_ref().as_str() {
        Some("mean") => Some(FillValue::Mean),
        Some("median") => Some(FillValue::Median),
        Some("own") if bins => return (None, Impute::Never),
        Some(_) => None,
        None => keys.number_or_none("missing").map(FillValue::Constant),
    };
    if fill.is_none() {
        keys.wrong(checker, "missing", EXPECTED);
    }
    (fill.or(Some(FillValue::Mean)), Impute::Never)
}

fn imputed(keys: &Keys, roles: &Roles, checker: &mut Checker) -> Option<Impute> {
    if keys.get("interpolate").is_some() {
        keys.only(checker, &["interpolate"]);
        let Some(over) = roles.time.clone() else {
            keys.wrong(checker, "interpolate", "`time` in [columns], along which it goes");
            return None;
        };
        let within = keys.text(checker, "interpolate")?;
        return Some(Impute::Interpolate { within, over, unit: roles.unit });
    }
    keys.only(checker, &["neighbours", "by"]);
    let by = keys.texts(checker, "by").unwrap_or_default();
    if by.is_empty() {
        keys.wrong(checker, "by", "the numeric columns that say which rows are near");
    }
    Some(Impute::Neighbours { count: keys.count(checker, "neighbours", 1, NEIGHBOURS), by })
}
