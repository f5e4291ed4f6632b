//! `[[ablation]]`: some trials of the grid again, with one thing changed.

use mmtl_plan::Value;
use toml::de::DeTable;

use crate::experiment::reader::{Reader, shown};
use crate::key_name::Key;

/// Some trials of the grid again, with some values changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Ablation {
    /// Its name in tables, unique in the file.
    pub name: String,
    /// It starts from the trials of the grid that agree with all of these; empty: from all.
    pub base: Vec<(Key, Value)>,
    /// What it changes, at least one value. An architecture's own knob leaves out trials of other architectures.
    pub set: Vec<(Key, Value)>,
    /// Line of its header.
    pub(crate) line: usize,
}

impl Reader<'_> {
    pub(super) fn ablations(&mut self, top: &DeTable<'_>) -> Vec<Ablation> {
        let mut ablations: Vec<Ablation> = vec![];
        let Some(item) = top.get("ablation") else { return ablations };
        let Some(items) = item.get_ref().as_array() else {
            let message = format!("`ablation` is {}, expected [[ablation]], once for each", shown(item.get_ref()));
            self.checker.report(&item.span(), message);
            return ablations;
        };
        for item in items {
            let Some(table) = self.as_table("ablation", item) else { continue };
            let line = self.checker.line(&item.span());
            let Some(ablation) = self.ablation(table, &item.span(), line) else { continue };
            if ablations.iter().any(|other| other.name == ablation.name) {
                self.checker.report(&item.span(), format!("the ablation `{}` is given twice", ablation.name));
            } else {
                ablations.push(ablation);
            }
        }
        ablations
    }

    fn ablation(&mut self, table: &DeTable<'_>, at: &std::ops::Range<usize>, line: usize) -> Option<Ablation> {
        self.only("ablation", table, &["name", "base", "set"]);
        let name = table.get("name").map(|item| self.text("ablation.name", item));
        if name.is_none() {
            self.checker.report(at, "an ablation has no `name`, expected a text for its row in tables");
        }
        let base = match table.get("base").map(|item| self.as_table("ablation.base", item)) {
            Some(table) => self.choices(table?),
            None => vec![],
        };
        let set = match table.get("set").map(|item| self.as_table("ablation.set", item)) {
            Some(table) => self.changes(table?),
            None => vec![],
        };
        if set.is_empty()
            && table.get("set").is_none_or(|item| item.get_ref().as_table().is_some_and(DeTable::is_empty))
        {
            self.checker.report(at, "an ablation has nothing in `set`, expected at least one value that it changes");
        }
        Some(Ablation { name: name??.to_owned(), base, set, line })
    }

    fn changes(&mut self, table: &DeTable<'_>) -> Vec<(Key, Value)> {
        let set = self.choices(table);
        let architecture = set.iter().find_map(|(key, value)| match (key, value) {
            (Key::Architecture, Value::Text(name)) => Some(name.clone()),
            _ => None,
        });
        for (text, at, _) in self.leaves(table) {
            let Ok(key) = self.words.key(&text) else { continue };
            if matches!(key, Key::Seed) || self.words.one_for_all(key).is_some() {
                self.checker
                    .report(&at, format!("an ablation cannot set `{key}`, expected a key that makes a row of its own"));
            }
            if let (Some(owner), Some(architecture)) = (key.architecture(), &architecture)
                && owner != architecture
            {
                self.checker
                    .report(&at, format!("an ablation cannot set `{key}` for the architecture `{architecture}`"));
            }
        }
        set
    }
}
