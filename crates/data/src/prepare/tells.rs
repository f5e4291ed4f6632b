//! Finds fields that tell a label: a model that is given one learns nothing else.

use std::collections::HashMap;

use crate::card::{Card, FieldRule, LabelRule};
use crate::error::DataError;
use crate::prepare::words::{MISSING, Words};
use crate::table::Piece;

/// With fewer known train rows nothing is said: two columns of few rows may agree by chance (with 32 rows of two equally
/// frequent values, once in 2³¹).
const LEAST_ROWS: u64 = 32;
/// A column of more values than this is no renamed label.
const MOST_VALUES: usize = 64;
/// Values that each occur once go together with anything.
const ROWS_A_VALUE: u64 = 4;

/// What was seen of every pair of a field and a task.
pub(crate) struct Tells {
    /// By field, then task; `None` once a row has told them apart, or where they need not be.
    pairs: Vec<Vec<Option<Pair>>>,
}

/// What still holds for all rows.
struct Pair {
    /// The value is the label.
    equal: bool,
    /// Each value has one label, and each label one value.
    renamed: Option<OneToOne>,
    rows: u64,
}

#[derive(Default)]
struct OneToOne {
    label_of: HashMap<String, u64>,
    value_of: HashMap<u64, String>,
}

impl Tells {
    pub(crate) fn of(card: &Card) -> Self {
        let single = |rule: &FieldRule| match rule {
            FieldRule::Category { .. } | FieldRule::Number { .. } | FieldRule::Bins { .. } => true,
            FieldRule::Text { .. } | FieldRule::List { .. } | FieldRule::Time(..) => false,
        };
        let watched = |column: &String| !card.allowed_labels.contains(column);
        let pairs = card.fields.iter().map(|field| {
            let pair = || (single(&field.rule) && watched(&field.column)).then(Pair::new);
            card.tasks.iter().map(|_| pair()).collect()
        });
        Self { pairs: pairs.collect() }
    }

    /// Adds the rows of a piece for which `train` holds.
    ///
    /// # Errors
    /// When a column is not there.
    pub(crate) fn add(
        &mut self,
        card: &Card,
        piece: &Piece,
        train: &[bool],
        labels: &[Vec<f64>],
    ) -> Result<(), DataError> {
        for (field, pairs) in card.fields.iter().zip(&mut self.pairs) {
            if pairs.iter().all(Option::is_none) {
                continue;
            }
            let column = piece.column(&field.column)?;
            // Numbers that are no codes have no words; as a label's equals they would have to be labels themselves.
            let words =
                if column.array.data_type().is_floating() { Words::of_numbers(&column)? } else { Words::of(&column)? };
            for ((pair, labels), task) in pairs.iter_mut().zip(labels).zip(&card.tasks) {
                let rows = (0..piece.rows()).filter(|&at| train[at] && !labels[at].is_nan());
                let fits = pair.as_mut().is_none_or(|pair| {
                    rows.filter(|&at| words.keys[at] != MISSING)
                        .all(|at| pair.add(&words.values[words.keys[at] as usize], &task.label, labels[at]))
                });
                if !fits {
                    *pair = None;
                }
            }
        }
        Ok(())
    }

    /// # Errors
    /// When a field tells a label.
    pub(crate) fn check(&self, card: &Card) -> Result<(), DataError> {
        for (field, pairs) in card.fields.iter().zip(&self.pairs) {
            for (task, pair) in card.tasks.iter().zip(pairs) {
                let told = pair.as_ref().filter(|pair| pair.tells());
                if let Some(pair) = told {
                    return Err(DataError::FieldTellsLabel {
                        field: field.name.clone(),
                        column: field.column.clone(),
                        task: task.name.clone(),
                        rows: pair.rows,
                    });
                }
            }
        }
        Ok(())
    }
}

impl Pair {
    fn new() -> Self {
        Self { equal: true, renamed: Some(OneToOne::default()), rows: 0 }
    }

    fn tells(&self) -> bool {
        let varies = |map: &OneToOne| map.label_of.len() > 1 && self.rows >= ROWS_A_VALUE * map.label_of.len() as u64;
        let renamed = self.renamed.as_ref().is_some_and(varies);
        // A map that was given up had many values.
        self.rows >= LEAST_ROWS
            && (renamed || self.equal && self.renamed.as_ref().is_none_or(|map| map.label_of.len() > 1))
    }

    /// Whether value and label still go together.
    fn add(&mut self, value: &str, rule: &LabelRule, label: f64) -> bool {
        self.rows += 1;
        self.equal = self.equal && value.parse().is_ok_and(|value| as_label(rule, value) == label);
        if self.renamed.as_mut().is_some_and(|map| !map.add(value, label.to_bits())) {
            self.renamed = None;
        }
        self.equal || self.renamed.is_some()
    }
}

/// A number of a label's column as the label it makes.
fn as_label(rule: &LabelRule, value: f64) -> f64 {
    match rule {
        LabelRule::Number { transform, .. } => transform.apply(value),
        LabelRule::Class { first, .. } => value - *first as f64,
        LabelRule::Indicator(_)
        | LabelRule::When(_)
        | LabelRule::Within { .. }
        | LabelRule::OneOf { .. }
        | LabelRule::Product(_) => value,
    }
}

impl OneToOne {
    /// Whether it still is one, of few values.
    fn add(&mut self, value: &str, label: u64) -> bool {
        match (self.label_of.get(value), self.value_of.contains_key(&label)) {
            (Some(known), _) => *known == label,
            (None, true) => false,
            (None, false) => {
                self.label_of.insert(value.to_owned(), label);
                self.value_of.insert(label, value.to_owned());
                self.label_of.len() <= MOST_VALUES
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tells(rows: impl Iterator<Item = (String, f64)>) -> bool {
        let mut pair = Pair::new();
        let rule = LabelRule::Indicator("label".into());
        rows.fold(true, |fits, (value, label)| fits && pair.add(&value, &rule, label)) && pair.tells()
    }

    #[test]
    fn equal_and_renamed_labels_tell() {
        assert!(tells((0..40).map(|at| (format!("word{}", at % 3), f64::from(at % 3)))));
        assert!(tells((0..400).map(|at| (format!("{at}.5"), f64::from(at) + 0.5))));
        assert!(!tells((0..40).map(|at| (format!("word{}", at % 3), f64::from(at % 2)))));
        assert!(!tells((0..400).map(|at| (format!("{}.5", at / 2), f64::from(at)))));
    }

    #[test]
    fn few_rows_and_values_that_never_recur_tell_nothing() {
        assert!(!tells((0..31).map(|at| (format!("{}", at % 2), f64::from(at % 2)))));
        assert!(!tells((0..60).map(|at| (format!("word{at}"), f64::from(at)))));
        assert!(!tells((0..60).map(|_| ("1".to_owned(), 1.0))));
    }
}
