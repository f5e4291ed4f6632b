//! Predictions in original units.

use mmtl_data::{Batches, Dataset};
use mmtl_metrics::Column;
use mmtl_plan::{Output, Plan, Session, TaskKind};

use crate::error::TrainError;

/// How rows are handed to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portions {
    /// Rows of a batch at most.
    pub rows: usize,
    /// Batches that are ready while the session works on one: [`mmtl_plan::Engine::batches_ahead`].
    pub ahead: usize,
}

/// One output's predictions, row after row.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// Of a binary task, `[rows]`: the probability of 1. Of a multiclass task, `[rows, classes]`.
    Probabilities(Vec<f32>),
    /// Of a regression task, `[rows]`, in the target's own unit; in f64, since restoring a large mean would round
    /// away what the model predicts about a small deviation.
    Values(Vec<f64>),
}

impl Prediction {
    /// Room for `rows` rows of `output`.
    pub(crate) fn zeros(plan: &Plan, output: &Output, rows: usize) -> Self {
        match plan.schema.tasks[output.task].kind {
            TaskKind::Binary | TaskKind::Multiclass { .. } => Self::Probabilities(vec![0.0; rows * output.width]),
            TaskKind::Regression { .. } => Self::Values(vec![0.0; rows]),
        }
    }

    /// As a column for [`mmtl_metrics::Sample`].
    pub fn column(&self) -> Column<'_> {
        match self {
            Self::Probabilities(values) => values.into(),
            Self::Values(values) => values.into(),
        }
    }

    /// The rows at `places`, of `width` numbers each.
    #[must_use]
    pub fn gather(&self, places: &[u32], width: usize) -> Self {
        match self {
            Self::Probabilities(values) => Self::Probabilities(gather(values, places, width)),
            Self::Values(values) => Self::Values(gather(values, places, width)),
        }
    }

    /// Puts the rows of `from` at `places`: the inverse of [`Prediction::gather`]. Both are of one output.
    pub fn scatter(&mut self, from: &Self, places: &[u32], width: usize) {
        match (self, from) {
            (Self::Probabilities(to), Self::Probabilities(from)) => scatter(to, from, places, width),
            (Self::Values(to), Self::Values(from)) => scatter(to, from, places, width),
            (Self::Probabilities(_) | Self::Values(_), _) => unreachable!("an output has one kind"),
        }
    }
}

fn gather<T: Copy>(values: &[T], places: &[u32], width: usize) -> Vec<T> {
    places.iter().flat_map(|&place| &values[place as usize * width..][..width]).copied().collect()
}

fn scatter<T: Copy>(to: &mut [T], from: &[T], places: &[u32], width: usize) {
    for (&place, row) in places.iter().zip(from.chunks_exact(width)) {
        to[place as usize * width..][..width].copy_from_slice(row);
    }
}

/// Predictions of `rows` by the session's weights: one for each output of its plan, in the order of `rows`. A portion
/// has no more rows than the session was made for.
///
/// # Errors
/// When the engine fails.
pub fn predict(
    session: &mut dyn Session,
    dataset: &Dataset,
    rows: &[u32],
    portions: Portions,
) -> Result<Vec<Prediction>, TrainError> {
    let plan = session.plan().clone();
    let mut predictions: Vec<_> = plan.outputs.iter().map(|o| Prediction::zeros(&plan, o, rows.len())).collect();
    let mut out = vec![vec![]; plan.outputs.len()];
    let mut order = vec![];
    let mut batches = Batches::pass(dataset, rows, portions.rows, portions.ahead);
    let mut first = 0;
    while let Some(prepared) = batches.next() {
        session.predict(&prepared.batch, &mut out)?;
        dataset.scene_order(&prepared.rows, &mut order);
        for place in &mut order {
            *place += first;
        }
        for ((prediction, output), values) in predictions.iter_mut().zip(&plan.outputs).zip(&mut out) {
            let restored = restore(&plan, output, std::mem::take(values));
            prediction.scatter(&restored, &order, output.width);
        }
        first += prepared.rows.len() as u32;
        batches.give_back(prepared);
    }
    Ok(predictions)
}

/// Standardised values back to the target's own unit.
fn restore(plan: &Plan, output: &Output, values: Vec<f32>) -> Prediction {
    match plan.schema.tasks[output.task].kind {
        TaskKind::Binary | TaskKind::Multiclass { .. } => Prediction::Probabilities(values),
        TaskKind::Regression { scale } => {
            Prediction::Values(values.into_iter().map(|z| scale.restore(f64::from(z))).collect())
        }
    }
}
