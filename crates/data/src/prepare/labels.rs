//! Labels of tasks, read from their columns and checked against their kinds.

use mmtl_plan::{TargetScale, Task, TaskKind};

use crate::card::{Card, LabelRule, TaskCard};
use crate::error::DataError;
use crate::prepare::numbers::numbers;
use crate::prepare::words::Words;
use crate::table::Piece;

/// The tasks of a card. Target scales are still those of no data.
pub(crate) fn tasks(card: &Card) -> Vec<Task> {
    let task = |task: &TaskCard| Task {
        name: task.name.clone(),
        kind: match &task.label {
            LabelRule::Indicator(_) | LabelRule::OneOf(..) | LabelRule::Product(_) => TaskKind::Binary,
            LabelRule::Number(_) => TaskKind::Regression { scale: TargetScale { mean: 0.0, deviation: 1.0 } },
            LabelRule::Class { classes, .. } => TaskKind::Multiclass { classes: *classes as usize },
        },
        space: task.space.clone(),
        product_of: match &task.label {
            LabelRule::Product(factors) => factors.clone(),
            LabelRule::Indicator(_) | LabelRule::OneOf(..) | LabelRule::Number(_) | LabelRule::Class { .. } => vec![],
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
        LabelRule::Number(column) => numbers(&piece.column(column)?),
        LabelRule::Indicator(column) => checked(piece, column, 0.0, 2, || "0 or 1".into()),
        LabelRule::Class { column, first, classes } => {
            let last = first + i64::from(*classes) - 1;
            checked(piece, column, *first as f64, *classes as usize, || {
                format!("a whole number from {first} to {last}")
            })
        }
        LabelRule::OneOf(column, positive) => {
            let words = Words::of(&piece.column(column)?)?;
            let label =
                |at: usize| words.row(at).map_or(f64::NAN, |word| f64::from(u8::from(positive.contains(&word))));
            Ok((0..piece.rows()).map(label).collect())
        }
        LabelRule::Product(_) => Ok(vec![f64::NAN; piece.rows()]),
    }
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
