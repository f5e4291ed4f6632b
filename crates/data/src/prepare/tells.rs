//! Finds columns that tell a label: a model that is given one learns nothing else.

use std::collections::HashMap;

use arrow_array::Array;
use arrow_schema::DataType;

use crate::card::{Card, FieldRule, Keep, LabelRule, SceneCard};
use crate::error::DataError;
use crate::prepare::lists::Lists;
use crate::prepare::words::Words;
use crate::table::{Column, Piece};

/// With fewer known train rows nothing is said: two columns of few rows may agree by chance (with 32 rows of two equally
/// frequent values, once in 2³¹).
const LEAST_ROWS: u64 = 32;
/// A column of more values than this is no renamed label.
const MOST_VALUES: usize = 64;
/// Values that each occur once go together with anything.
const ROWS_A_VALUE: u64 = 4;

/// What was seen of every pair of a column that the model is given and a task.
pub(crate) struct Tells(Vec<Watched>);

/// A column that the model is given.
struct Watched {
    /// What makes use of it, in messages.
    name: String,
    column: String,
    /// Of a column of lists.
    separator: Option<String>,
    /// By task; `None` once a row has told them apart, or where they need not be.
    pairs: Vec<Option<Pair>>,
}

/// What still holds for all rows.
struct Pair {
    /// The value is the label.
    equal: bool,
    /// Each value has one label, and each label one value.
    renamed: Option<OneToOne>,
    rows: u64,
    /// Rows without a value, and the label of all of them if they have one.
    missing: u64,
    of_missing: Option<u64>,
}

#[derive(Default)]
struct OneToOne {
    label_of: HashMap<String, u64>,
    value_of: HashMap<u64, String>,
}

impl Tells {
    pub(crate) fn of(card: &Card) -> Self {
        let watched = |name: String, column: &String, separator: Option<&String>| {
            let pair = || (!card.allowed_labels.contains(column)).then(Pair::new);
            let pairs = card.tasks.iter().map(|_| pair()).collect();
            Watched { name, column: column.clone(), separator: separator.cloned(), pairs }
        };
        // A part of a time is the same for many times, and so tells none apart.
        let fields = card.fields.iter().filter(|field| !matches!(field.rule, FieldRule::Time(..)));
        let fields = fields.map(|field| {
            let separator = matches!(field.rule, FieldRule::List { .. }).then_some(&field.separator);
            watched(format!("field `{}`", field.name), &field.column, separator)
        });
        let scenes = match &card.scene {
            SceneCard::By(rule) => rule.columns.as_slice(),
            SceneCard::One(_) => &[],
        };
        Self(fields.chain(scenes.iter().map(|column| watched("the scene".to_owned(), column, None))).collect())
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
        for Watched { column, separator, pairs, .. } in &mut self.0 {
            if pairs.iter().all(Option::is_none) {
                continue;
            }
            let words = words(&piece.column(column)?, separator.as_deref())?;
            for ((pair, labels), task) in pairs.iter_mut().zip(labels).zip(&card.tasks) {
                let mut rows = (0..piece.rows()).filter(|&at| train[at] && !labels[at].is_nan());
                let fits =
                    pair.as_mut().is_none_or(|pair| rows.all(|at| pair.add(words.row(at), &task.label, labels[at])));
                if !fits {
                    *pair = None;
                }
            }
        }
        Ok(())
    }

    /// # Errors
    /// When a column tells a label.
    pub(crate) fn check(&self, card: &Card) -> Result<(), DataError> {
        for Watched { name, column, pairs, .. } in &self.0 {
            for (task, pair) in card.tasks.iter().zip(pairs) {
                if let Some(told) = pair.as_ref().and_then(Pair::tells) {
                    return Err(DataError::TellsLabel {
                        what: name.clone(),
                        column: column.clone(),
                        task: task.name.clone(),
                        told,
                    });
                }
            }
        }
        Ok(())
    }
}

/// What a column holds in each row, whatever is made of it.
fn words<'a>(column: &Column<'a>, separator: Option<&'a str>) -> Result<Words<'a>, DataError> {
    match separator {
        Some(separator) if matches!(column.array.data_type(), DataType::List(_)) => {
            let (lists, mut items) = (Lists::of(column, separator)?, vec![]);
            let mut list = |at| {
                lists.row(at, usize::MAX, Keep::First, &mut items);
                (!items.is_empty()).then(|| items.join(separator))
            };
            Ok(Words::each((0..column.array.len()).map(&mut list)))
        }
        _ => Words::of_any(column),
    }
}

impl Pair {
    fn new() -> Self {
        Self { equal: true, renamed: Some(OneToOne::default()), rows: 0, missing: 0, of_missing: None }
    }

    /// How it tells, if it does.
    fn tells(&self) -> Option<String> {
        let varies = |values: usize, rows: u64| {
            (2..=MOST_VALUES).contains(&values) && rows >= LEAST_ROWS.max(ROWS_A_VALUE * values as u64)
        };
        let (rows, all) = (self.rows, self.rows + self.missing);
        let renamed = self.renamed.as_ref().is_some_and(|map| varies(map.label_of.len(), rows));
        // A map that was given up had many values.
        let equal = self.equal && rows >= LEAST_ROWS && self.renamed.as_ref().is_none_or(|map| map.label_of.len() > 1);
        // Having no value is one more where no value has its label.
        let filled = self
            .renamed
            .as_ref()
            .zip(self.of_missing)
            .is_some_and(|(map, label)| !map.value_of.contains_key(&label) && varies(map.label_of.len() + 1, all));
        match (renamed || equal, filled) {
            (true, _) => Some(format!("in all {rows} train rows where both are known it has one value for each label")),
            (false, true) => {
                Some(format!("in all {all} train rows with a label it has one value for each label, or none for one"))
            }
            (false, false) => None,
        }
    }

    /// Whether value and label still go together.
    fn add(&mut self, value: Option<&str>, rule: &LabelRule, label: f64) -> bool {
        let Some(value) = value else {
            let same = |of_missing: &u64| self.missing == 0 || self.of_missing == Some(*of_missing);
            self.of_missing = Some(label.to_bits()).filter(same);
            self.missing += 1;
            return true;
        };
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
        rows.fold(true, |fits, (value, label)| fits && pair.add(Some(&value), &rule, label)) && pair.tells().is_some()
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

    #[test]
    fn having_no_value_is_one() {
        let told = |rows: &mut dyn Iterator<Item = (Option<&'static str>, f64)>| {
            let mut pair = Pair::new();
            let rule = LabelRule::Indicator("label".into());
            rows.fold(true, |fits, (value, label)| fits && pair.add(value, &rule, label))
                .then(|| pair.tells())
                .flatten()
        };
        let expected = "in all 40 train rows with a label it has one value for each label, or none for one";
        let one_or_none = |at: u32| (at.is_multiple_of(2).then_some("1"), f64::from(u8::from(at.is_multiple_of(2))));
        assert_eq!(told(&mut (0..40).map(one_or_none)).as_deref(), Some(expected));
        // Neither of them alone says anything, and a value that is also missing elsewhere still may.
        assert_eq!(told(&mut (0..40).map(|_| (None, 1.0))), None);
        let mixed = |at: u32| (at.is_multiple_of(2).then_some("1"), f64::from(u8::from(at.is_multiple_of(3))));
        assert_eq!(told(&mut (0..40).map(mixed)), None);
        let holes =
            |at: u32| (Some(["no", "yes"][at as usize % 2]).filter(|_| !at.is_multiple_of(5)), f64::from(at % 2));
        let expected = "in all 32 train rows where both are known it has one value for each label";
        assert_eq!(told(&mut (0..40).map(holes)).as_deref(), Some(expected));
    }
}
