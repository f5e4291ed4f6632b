//! A card as a user writes it: a TOML file that says how files are read and what their columns mean.

mod fields;
#[cfg(test)]
mod fuzz;
mod keys;
mod reading;
mod roles;
mod scene;
mod split;
mod tasks;

use std::ops::Range;
use std::path::Path;

use mmtl_plan::{Checker, Fault, Faults, line_at, listed};
use toml::de::DeTable;

use crate::card::{Card, FieldCard, Identity, LabelRule, SceneCard, SliceCard, Use};
use crate::card_file::keys::Keys;
use crate::read::{Explode, Join, Reading};

/// The slice that is always there.
const ALL: &str = "all";

/// Keys that say what a data set is, not what is in it.
const WORDS: [&str; 5] = ["name", "about", "source", "licence", "cite"];
const SECTIONS: [&str; 8] = ["read", "join", "columns", "scene", "slices", "tasks", "fields", "split"];

/// A card file, checked.
#[derive(Clone, Debug)]
pub(crate) struct CardFile {
    /// What the columns mean.
    pub card: Card,
    /// How the main table's files are read.
    pub reading: Reading,
    /// The tables whose columns are added.
    pub joins: Vec<Join>,
    /// One sentence on what it is.
    pub about: String,
    /// Everything that decides the contents, without comments and the order of blanks.
    pub canonical: String,
}

impl CardFile {
    /// Checks the text of the card file `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it, by line.
    pub(crate) fn parse(file: &str, bytes: &[u8]) -> Result<Self, Faults> {
        let fault = |line, message: String| Faults::from(Fault { file: file.to_owned(), line, message });
        let text = std::str::from_utf8(bytes).map_err(|error| {
            fault(line_at(bytes, error.valid_up_to()), "this is not UTF-8, expected a TOML file".to_owned())
        })?;
        let mut checker = Checker::new(file, text);
        let table = DeTable::parse(text).map_err(|error| {
            let line = checker.line(&error.span().unwrap_or(0..0));
            fault(line, format!("this is not TOML: {}", error.message().replace('\n', " ")))
        })?;
        let top = Keys::top(table.get_ref());
        top.only(&mut checker, &[&WORDS[..], &SECTIONS, &["allow_label_as_feature"]].concat());
        let parsed = parsed(&top, file, &mut checker);
        checker.finish()?;
        Ok(Self { canonical: canonical(text), ..parsed })
    }
}

fn parsed(top: &Keys, file: &str, checker: &mut Checker) -> CardFile {
    let roles = roles::roles(top, checker);
    let (fields, vocabularies) = fields::fields(top, &roles, checker);
    let stem = Path::new(file).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let card = Card {
        name: top.text(checker, "name").unwrap_or(stem),
        scene: scene::scene(top, checker),
        vocabularies,
        fields,
        tasks: tasks::tasks(top, &roles, checker),
        slices: slices(top, checker),
        split: split::split(top, &roles, checker),
        unseen_scenes: false,
        identity: roles.row.map_or(Identity::Contents(vec![]), Identity::Column),
        group: roles.request.or(roles.user),
        weight: roles.weight,
        allowed_labels: top.texts(checker, "allow_label_as_feature").unwrap_or_default(),
    };
    if card.name.is_empty() || card.name.contains(['/', '\\']) || card.name.starts_with('.') {
        top.wrong(checker, "name", "a name that a file may have");
    }
    let (reading, joins) = (reading::reading(top, checker), reading::joins(top, checker));
    let cut: Vec<&Explode> =
        std::iter::once(&reading).chain(joins.iter().map(|join| &join.reading)).flat_map(|of| &of.explode).collect();
    check_labels(top, &card, &cut, checker);
    check_separators(top, &card, checker);
    let card = known_by_all(card);
    for word in ["source", "licence", "cite"] {
        top.text(checker, word);
    }
    let about = top.text(checker, "about").unwrap_or_default();
    CardFile { card, reading, joins, about, canonical: String::new() }
}

fn slices(top: &Keys, checker: &mut Checker) -> Vec<SliceCard> {
    let Some(keys) = top.table(checker, "slices") else { return vec![] };
    let mut slices = vec![];
    for (name, conditions) in keys.lists(checker) {
        if name == ALL {
            checker.report(&keys.at(&name), format!("`slices.{ALL}` is the slice of all rows, expected another name"));
            continue;
        }
        let [condition] = &conditions[..] else {
            keys.wrong(checker, &name, "one condition");
            continue;
        };
        if let Some(test) = checker.keep(&keys.at(&name), condition.as_str().parse()) {
            slices.push(SliceCard { name, test });
        }
    }
    slices
}

/// Without a column of ids, rows are known by all columns of the card: a choice among its tasks divides them alike.
fn known_by_all(card: Card) -> Card {
    if let Identity::Column(_) = card.identity {
        return card;
    }
    let columns = card.columns().iter().map(|(column, _)| (*column).to_owned()).collect();
    Card { identity: Identity::Contents(columns), ..card }
}

/// A column that a label is made of, or cut out of, is no field, no scene and guesses no number, unless the card allows it.
fn check_labels(top: &Keys, card: &Card, cut: &[&Explode], checker: &mut Checker) {
    let tables = top.tables(checker, "fields");
    let span = |field: &FieldCard| span_of(&tables, field);
    let helpers = card.fields.iter().flat_map(|field| field.impute.columns());
    let scene = if let SceneCard::By(rule) = &card.scene { rule.columns.as_slice() } else { &[] };
    let others = scene.iter().map(|column| (column, "scene")).chain(helpers.map(|column| (column, "fields")));
    for (column, key) in others {
        if let Some(told) = told(card, cut, column) {
            let message = format!(
                "`{key}` reads column `{column}`, which {told}, expected a column that is known before the label, or the \
                 column in `allow_label_as_feature`",
            );
            checker.report(&top.at(key), message);
        }
    }
    for field in &card.fields {
        let Some(told) = told(card, cut, &field.column) else { continue };
        let message = format!(
            "field `{}` is made of column `{}`, which {told}, expected a column that is known before the label; leave the \
             field out, or list the column in `allow_label_as_feature`",
            field.name, field.column
        );
        checker.report(&span(field), message);
    }
    let columns: Vec<&str> = card.columns().iter().map(|(column, _)| *column).collect();
    if let Some(stranger) = card.allowed_labels.iter().find(|column| !columns.contains(&column.as_str())) {
        let expected = format!("columns that are fields; `{stranger}` is none of {}", listed(columns));
        top.wrong(checker, "allow_label_as_feature", &expected);
    }
}

/// What a column tells of a label, if the card does not allow it.
fn told(card: &Card, cut: &[&Explode], column: &String) -> Option<String> {
    if card.allowed_labels.contains(column) {
        return None;
    }
    let parts = cut.iter().filter(|explode| explode.column == *column).flat_map(|explode| &explode.into);
    // A list holds the labels of all rows that are made of it.
    let holds = parts.map(|part| (part, format!("holds `{part}`, which ")));
    std::iter::once((column, String::new())).chain(holds).find_map(|(column, holds)| {
        let task = card.tasks.iter().find(|task| label_columns(&task.label).contains(&column.as_str()))?;
        Some(format!("{holds}tells the label of task `{}`", task.name))
    })
}

/// A column is split once, whatever number of fields are made of it.
fn check_separators(top: &Keys, card: &Card, checker: &mut Checker) {
    let tables = top.tables(checker, "fields");
    let lists: Vec<&FieldCard> = card.fields.iter().filter(|field| matches!(field.used(), Use::List(_))).collect();
    for (at, field) in lists.iter().enumerate() {
        let other = |before: &&&FieldCard| before.column == field.column && before.separator != field.separator;
        if let Some(before) = lists[..at].iter().find(other) {
            let message = format!(
                "field `{}` splits column `{}` by {:?} and field `{}` by {:?}, expected the same `separator`",
                field.name, field.column, field.separator, before.name, before.separator
            );
            checker.report(&span_of(&tables, field), message);
        }
    }
}

/// Where a field is described; several are made of a column of times, each named after the table with an ending.
fn span_of(tables: &[(String, Keys)], field: &FieldCard) -> Range<usize> {
    let has = |(name, _): &&(String, Keys)| {
        field.name.strip_prefix(name.as_str()).is_some_and(|ending| ending.is_empty() || ending.starts_with('_'))
    };
    let longest = tables.iter().filter(has).max_by_key(|(name, _)| name.len());
    longest.map_or(0..0, |(_, keys)| keys.span.clone())
}

fn label_columns(rule: &LabelRule) -> Vec<&str> {
    if let LabelRule::Within { column, .. } = rule {
        // The row's own time is known before.
        return vec![column];
    }
    let mut columns = vec![];
    rule.each_column(&mut |column, _| columns.push(column));
    columns
}

/// The file without comments, blanks and words on what it is; the order of keys stays, as it is that of fields.
fn canonical(text: &str) -> String {
    let mut table: toml::Table = toml::from_str(text).unwrap_or_default();
    for word in WORDS {
        table.remove(word);
    }
    table.to_string()
}
