//! From the tables of an experiment file to its typed parts.

use std::collections::BTreeMap;
use std::ops::Range;

use mmtl_plan::{Checker, Purpose, Value, listed, nearest, suggestion};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::catalogue::Catalogue;
use crate::experiment::value::value;
use crate::experiment::vocabulary::Vocabulary;
use crate::key_name::{Key, Section};

/// Sections that hold no knobs.
const FRAME: [&str; 6] = ["seeds", "grid", "tune", "eval", "compare", "ablation"];

/// Reads the parts of one file, collecting what is wrong.
pub(super) struct Reader<'a> {
    pub(super) words: Vocabulary<'a>,
    pub(super) checker: Checker<'a>,
    /// The line of each key given, by its dotted name.
    pub(super) lines: BTreeMap<String, usize>,
}

/// The names of an experiment file's sections.
pub(super) fn sections(catalogue: &Catalogue) -> impl Iterator<Item = &'static str> + Clone {
    Section::SHARED.map(Section::name).into_iter().chain(FRAME).chain(catalogue.architecture_names())
}

pub(super) type Item<'i> = Spanned<DeValue<'i>>;

impl Reader<'_> {
    /// Complains about tables and keys at the top that mean nothing.
    pub(super) fn check_top(&mut self, top: &DeTable<'_>) {
        for key in top.keys() {
            let name: &str = key.get_ref();
            if name == "name" || FRAME.contains(&name) || self.words.catalogue.section(name).is_some() {
                continue;
            }
            let sections = || sections(self.words.catalogue);
            let near = nearest(name, sections().chain(["name"]));
            let message = format!(
                "unknown key `{name}`, expected `name` or one of the sections {}{}",
                listed(sections()),
                suggestion(near.as_deref())
            );
            self.checker.report(&key.span(), message);
        }
    }

    /// The table called `name`, if the file has it.
    pub(super) fn table<'t, 'i>(&mut self, top: &'t DeTable<'i>, name: &str) -> Option<&'t DeTable<'i>> {
        let (key, item) = top.get_key_value(name)?;
        self.lines.insert(name.to_owned(), self.checker.line(&key.span()));
        self.as_table(name, item)
    }

    /// `item` as a table, or a complaint.
    pub(super) fn as_table<'t, 'i>(&mut self, name: &str, item: &'t Item<'i>) -> Option<&'t DeTable<'i>> {
        let table = item.get_ref().as_table();
        if table.is_none() {
            let message = format!("`{name}` is {}, expected a section of keys", shown(item.get_ref()));
            self.checker.report(&item.span(), message);
        }
        table
    }

    /// The values that sections and `[seeds]` fix for every trial.
    pub(super) fn fixed(&mut self, top: &DeTable<'_>) -> Vec<(Key, Value)> {
        let own = self.words.catalogue.architecture_names().map(Section::Architecture);
        let sections: Vec<Section> = Section::SHARED.into_iter().chain(own).collect();
        let mut fixed = vec![];
        for section in sections {
            let Some(table) = self.table(top, section.name()) else { continue };
            for (name, item) in table {
                let key = self
                    .words
                    .knob(section, name.get_ref())
                    .ok_or_else(|| self.words.unknown_in(section, name.get_ref()));
                let Some(key) = self.checker.keep(&name.span(), key) else { continue };
                fixed.extend(self.accepted(key, &name.span(), item));
            }
        }
        fixed.extend(self.pins(top));
        fixed
    }

    fn pins(&mut self, top: &DeTable<'_>) -> Vec<(Key, Value)> {
        let mut pins = vec![];
        let Some(table) = self.table(top, "seeds") else { return pins };
        for (name, item) in table {
            let names = || Purpose::ALL.into_iter().map(Purpose::name);
            let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.name() == name.get_ref());
            let purpose = purpose.ok_or_else(|| {
                let near = suggestion(nearest(name.get_ref(), names()).as_deref());
                format!("unknown key `seeds.{}`, expected one of {}{near}", name.get_ref(), listed(names()))
            });
            let Some(purpose) = self.checker.keep(&name.span(), purpose) else { continue };
            pins.extend(self.accepted(Key::Stream(purpose), &name.span(), item));
        }
        pins
    }

    /// One value for each key of a table that picks or changes trials.
    pub(super) fn choices(&mut self, table: &DeTable<'_>) -> Vec<(Key, Value)> {
        let mut choices: Vec<(Key, Value)> = vec![];
        for (text, at, item) in self.leaves(table) {
            let Some(key) = self.checker.keep(&at, self.words.key(&text)) else { continue };
            if choices.iter().any(|(other, _)| *other == key) {
                self.checker.report(&at, format!("`{key}` is given twice"));
            } else if let Some(value) = self.value_of(key, item) {
                choices.push((key, value));
            }
        }
        choices
    }

    /// The key with its value, its line noted.
    fn accepted(&mut self, key: Key, at: &Range<usize>, item: &Item<'_>) -> Option<(Key, Value)> {
        self.lines.insert(key.to_string(), self.checker.line(at));
        self.value_of(key, item).map(|value| (key, value))
    }

    /// A value in the key's own type, or a complaint.
    pub(super) fn value_of(&mut self, key: Key, item: &Item<'_>) -> Option<Value> {
        let accepted = value(item.get_ref())
            .map_err(|got| format!("`{key}` is {got}, expected {}", self.words.expected(key)))
            .and_then(|value| self.words.accept(key, &value));
        self.checker.keep(&item.span(), accepted)
    }

    /// Text that is given under a key of the frame.
    pub(super) fn text<'t>(&mut self, name: &str, item: &'t Item<'_>) -> Option<&'t str> {
        let text = item.get_ref().as_str();
        if text.is_none() {
            self.checker.report(&item.span(), format!("`{name}` is {}, expected text", shown(item.get_ref())));
        }
        text
    }

    /// Complains about keys of a table of the frame that are not among `known`.
    pub(super) fn only(&mut self, name: &str, table: &DeTable<'_>, known: &[&str]) {
        for key in table.keys() {
            if known.contains(&key.get_ref().as_ref()) {
                continue;
            }
            let near = nearest(key.get_ref(), known.iter().copied());
            let near = suggestion(near.as_deref());
            let message = format!("unknown key `{name}.{}`, expected one of {}{near}", key.get_ref(), listed(known));
            self.checker.report(&key.span(), message);
        }
    }

    /// The values below a table with their dotted names, in the order of the file: `"train.lr" = 1` and `train.lr = 1`
    /// are the same. A table is a section's where that has its name, and a value elsewhere.
    pub(super) fn leaves<'t, 'i: 't>(
        &self,
        table: impl IntoIterator<Item = (&'t Spanned<DeString<'i>>, &'t Item<'i>)>,
    ) -> Vec<(String, Range<usize>, &'t Item<'i>)> {
        let mut found = vec![];
        for (key, item) in table {
            let name: &str = key.get_ref();
            match item.get_ref().as_table().filter(|_| self.words.is_section(name)) {
                Some(inner) => {
                    let inner = inner.iter();
                    found.extend(inner.map(|(own, item)| (format!("{name}.{}", own.get_ref()), own.span(), item)));
                }
                None => found.push((name.to_owned(), key.span(), item)),
            }
        }
        found
    }
}

/// A TOML value in a message.
pub(super) fn shown(item: &DeValue<'_>) -> String {
    value(item).map_or_else(|got| got, |value| value.to_string())
}
