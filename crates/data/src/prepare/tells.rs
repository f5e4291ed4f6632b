//! Finds fields that tell a label: a model that is given one learns nothing else.

use std::collections::HashMap;

use crate::card::{Card, FieldRule};
use crate::error::DataError;
use crate::prepare::words::{MISSING, Words};
use crate::table::Piece;

/// With fewer known train rows nothing is said: two columns of few rows may agree by chance (with 32 rows of two equally
/// frequent values, once in 2³¹).
const LEAST_ROWS: u64 = 32;
/// A column of more values than this is no renamed label.
const MOST_VALUES: usize = 64;

/// What was seen of every pair of a field and a task.
pub(crate) struct Tells {
    /// By field, then task; `None` once a row has told them apart, or where they need not be.
    pairs: Vec<Vec<Option<Pair>>>,
}

/// A one-to-one map so far.
#[derive(Default)]
struct Pair {
    label_of: HashMap<String, u64>,
    value_of: HashMap<u64, String>,
    rows: u64,
}

impl Tells {
    pub(crate) fn of(card: &Card) -> Self {
        let single = |rule: &FieldRule| match rule {
            FieldRule::Category { .. } | FieldRule::Number { .. } | FieldRule::Bins { .. } => true,
            FieldRule::Text { .. } | FieldRule::List { .. } | FieldRule::Time(..) => false,
        };
        let watched = |column: &String| !card.allowed_labels.contains(column);
        let pairs = card.fields.iter().map(|field| {
            let pair = || (single(&field.rule) && watched(&field.column)).then(Pair::default);
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
            for (pair, labels) in pairs.iter_mut().zip(labels) {
                let rows = (0..piece.rows()).filter(|&at| train[at] && !labels[at].is_nan());
                let fits = pair.as_mut().is_none_or(|pair| {
                    rows.filter(|&at| words.keys[at] != MISSING)
                        .all(|at| pair.add(&words.values[words.keys[at] as usize], labels[at]))
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
                let told = pair.as_ref().filter(|pair| pair.rows >= LEAST_ROWS && pair.label_of.len() > 1);
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
    /// Whether value and label still go together one to one.
    fn add(&mut self, value: &str, label: f64) -> bool {
        let label = label.to_bits();
        self.rows += 1;
        match (self.label_of.get(value), self.value_of.get(&label)) {
            (Some(known), _) => *known == label,
            (None, Some(_)) => false,
            (None, None) => {
                self.label_of.insert(value.to_owned(), label);
                self.value_of.insert(label, value.to_owned());
                self.label_of.len() <= MOST_VALUES
            }
        }
    }
}
