//! Labels of tasks, read from their columns and checked against their kinds.

use mmtl_plan::{TargetScale, Task, TaskKind};

use crate::card::{Card, LabelRule, TaskCard};
use crate::error::DataError;
use crate::listed::Listed;
use crate::prepare::numbers::numbers;
use crate::prepare::times::times;
use crate::prepare::words::Words;
use crate::table::Piece;

/// The tasks of a card. Target scales are still those of no data.
pub(crate) fn tasks(card: &Card) -> Vec<Task> {
    let task = |task: &TaskCard| Task {
        name: task.name.clone(),
        kind: match &task.label {
            LabelRule::Indicator(_) | LabelRule::When(_) | LabelRule::Within { .. } | LabelRule::Product(_) => {
                TaskKind::Binary
            }
            LabelRule::Number { .. } => TaskKind::Regression { scale: TargetScale { mean: 0.0, deviation: 1.0 } },
            LabelRule::Class { classes, .. } => TaskKind::Multiclass { classes: *classes as usize },
            LabelRule::OneOf { classes, .. } => TaskKind::Multiclass { classes: classes.len() },
        },
        space: task.space.clone(),
        product_of: match &task.label {
            LabelRule::Product(factors) => factors.clone(),
            LabelRule::Indicator(_)
            | LabelRule::When(_)
            | LabelRule::Within { .. }
            | LabelRule::Number { .. }
            | LabelRule::Class { .. }
            | LabelRule::OneOf { .. } => vec![],
        },
    };
    card.tasks.iter().map(task).collect()
}

/// One column of labels for each task, NaN where unknown; nothing follows from other labels yet.
///
/// # Errors
/// When a column is not there, is of another type, or holds a value that its kind does not have.
pub(crate) fn labels(card: &Card, piece: &Piece) -> Result<Vec<Vec<f64>>, DataError> {
    card.tasks.iter().map(|task| label_column(&task.label, piece)).collect()
}

fn label_column(rule: &LabelRule, piece: &Piece) -> Result<Vec<f64>, DataError> {
    match rule {
        LabelRule::Number { column, transform } => {
            let of_column = piece.column(column)?;
            let label = |(at, value): (usize, f64)| {
                let label = transform.apply(value);
                // One that 32 bits cannot hold would make the deviation infinite, and every target 0.
                let is_too_large = label.abs() > f64::from(f32::MAX);
                let wrong = || of_column.value_error(at, value.to_string(), "a number that 32 bits hold, up to 3.4e38");
                if is_too_large { Err(wrong()) } else { Ok(label) }
            };
            numbers(&of_column)?.into_iter().enumerate().map(label).collect()
        }
        LabelRule::Indicator(column) => checked(piece, column, 0.0, 2, || "0 or 1".into()),
        LabelRule::Class { column, first, classes } => {
            let last = first + i64::from(*classes) - 1;
            checked(piece, column, *first as f64, *classes as usize, || {
                format!("a whole number from {first} to {last}")
            })
        }
        LabelRule::OneOf { column, classes } => one_of(piece, column, classes),
        LabelRule::When(condition) => {
            let label = |truth: Option<bool>| truth.map_or(f64::NAN, |holds| f64::from(u8::from(holds)));
            Ok(condition.of(piece)?.into_iter().map(label).collect())
        }
        LabelRule::Within { column, row, unit, window, until } => {
            let of_column = piece.column(column)?;
            let (happened, rows) = (times(&of_column, *unit)?, times(&piece.column(row)?, *unit)?);
            let label = |(at, (then, row)): (usize, (Option<f64>, Option<f64>))| match (then, row) {
                (Some(then), Some(row)) if then < row => {
                    let expected = format!("a time not before the row's own, {row} seconds from 1970 on");
                    Err(of_column.value_error(at, format!("{then} seconds from 1970 on"), expected))
                }
                _ => Ok(within(then, row, *window, *until)),
            };
            happened.into_iter().zip(rows).enumerate().map(label).collect()
        }
        LabelRule::Product(_) => Ok(vec![f64::NAN; piece.rows()]),
    }
}

/// 1 when it happened in time, 0 when it did not and was awaited long enough, else unknown.
fn within(happened: Option<f64>, row: Option<f64>, window: f64, until: Option<f64>) -> f64 {
    match (happened, row) {
        (_, None) => f64::NAN,
        // Also where it happened already: with the others unknown, positives alone would be left.
        (_, Some(row)) if until.is_some_and(|until| row + window > until) => f64::NAN,
        (Some(happened), Some(row)) if (0.0..=window).contains(&(happened - row)) => 1.0,
        (_, Some(_)) => 0.0,
    }
}

fn one_of(piece: &Piece, column: &str, classes: &[Listed]) -> Result<Vec<f64>, DataError> {
    let column = piece.column(column)?;
    let words = Words::of(&column)?;
    let of_word: Vec<Option<usize>> =
        words.values.iter().map(|word| classes.iter().position(|class| class.means(word))).collect();
    let label = |(at, key): (usize, &u32)| match of_word.get(*key as usize) {
        None => Ok(f64::NAN),
        Some(Some(class)) => Ok(*class as f64),
        Some(None) => {
            let value = words.row(at).unwrap_or_default().to_owned();
            Err(column.value_error(at, value, format!("one of {}", joined(classes))))
        }
    };
    words.keys.iter().enumerate().map(label).collect()
}

fn joined(values: &[Listed]) -> String {
    values.iter().map(Listed::as_str).collect::<Vec<_>>().join(", ")
}

/// A column of the whole numbers from `first` on, moved to start at 0.
fn checked(
    piece: &Piece,
    column: &str,
    first: f64,
    classes: usize,
    expected: impl Fn() -> String,
) -> Result<Vec<f64>, DataError> {
    let column = piece.column(column)?;
    let mut labels = numbers(&column)?;
    for (at, label) in labels.iter_mut().enumerate() {
        let class = *label - first;
        let fits = class.is_nan() || (class >= 0.0 && class < classes as f64 && class.fract() == 0.0);
        if !fits {
            return Err(column.value_error(at, label.to_string(), expected()));
        }
        *label = class;
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_what_came_in_time_and_leaves_open_what_may_yet_come() {
        let day = 86_400.0;
        let label = |happened: Option<f64>, row: f64| {
            within(happened.map(|t| t * day), Some(row * day), 7.0 * day, Some(30.0 * day))
        };
        assert_eq!((label(Some(5.0), 1.0), label(Some(8.0), 1.0), label(Some(8.5), 1.0)), (1.0, 1.0, 0.0));
        assert_eq!((label(None, 23.0), label(Some(0.5), 1.0)), (0.0, 0.0));
        assert!(label(None, 24.0).is_nan() && within(Some(1.0), None, day, None).is_nan());
        assert!(label(Some(29.0), 28.0).is_nan());
        assert_eq!(within(None, Some(1e9), day, None), 0.0);
    }
}
