//! What a fit will cost, known before it is trained.

use mmtl_data::Dataset;
use mmtl_plan::{Batch, Engine, Footprint, Plan, TaskKind};

use crate::criterion::Per;
use crate::error::TrainError;
use crate::looks::{MOST_GATE_ROWS, MOST_GRADIENT_ROWS};
use crate::spec::FitSpec;

/// Bytes of a row's place, label and weight, which validation keeps for the run and once more for its scene.
const LABELLED: usize = 2 * (4 + 8 + 4);

/// Bytes that a fit takes at the moment when it takes most: while it predicts validation rows, or while it writes a
/// checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitMemory {
    /// The engine's; `None` where it cannot tell.
    pub session: Option<Footprint>,
    /// Copies of weights: the best so far, and a checkpoint with its file's bytes.
    pub snapshots: u64,
    /// Batches ahead of training and of predictions, and those that are looked at with their gradients.
    pub batches: u64,
    /// Lists of rows; labels and predictions of validation rows.
    pub rows: u64,
}

impl FitMemory {
    /// All but the session.
    pub fn around_session(&self) -> u64 {
        self.snapshots + self.batches + self.rows
    }
}

impl FitSpec {
    /// The memory that training takes. A batch of train rows and one of validation rows are filled to see how large they are.
    ///
    /// # Errors
    /// When the engine does not execute the plan.
    pub fn memory(&self, engine: &dyn Engine, dataset: &Dataset) -> Result<FitMemory, TrainError> {
        let session = engine.footprint(&self.plan, self.session_options())?;
        let (train, valid) = (self.rows.train(), self.rows.valid());
        let (weights, moments) = snapshot_bytes(&self.plan, self.training.optimiser.moments());
        // The average, and what it is put in the place of.
        let averaged = if self.training.averaging.is_some() { 2 * weights } else { 0 };
        let kept = self.most_kept() * weights + averaged;
        let batches = batches(engine.batches_ahead());
        let ahead = batch_bytes(dataset, train, self.training.batch_size, Dataset::fill) * batches;
        let predicting = batch_bytes(dataset, valid, self.max_rows(), Dataset::gather)
            * batches.min(valid.len().div_ceil(self.max_rows()));
        let looks = looked_at(&self.plan)
            + batch_bytes(dataset, valid, MOST_GATE_ROWS as usize, Dataset::gather)
            + batch_bytes(dataset, train, MOST_GRADIENT_ROWS as usize, Dataset::fill);
        let outputs: usize =
            self.plan.outputs.iter().map(|output| LABELLED + prediction_bytes(&self.plan, output.task)).sum();
        // The train rows in the data's order and in the epoch's; the validation rows here and in their queue.
        let rows = 2 * 4 * (train.len() + valid.len()) + outputs * valid.len();
        let at_prediction = FitMemory {
            session,
            snapshots: kept as u64,
            batches: (ahead + predicting + looks) as u64,
            rows: rows as u64,
        };
        // The session's copy, then the bytes of it and of what is kept.
        let checkpoint = kept + 2 * (weights + moments) + kept;
        let at_checkpoint =
            FitMemory { snapshots: checkpoint as u64, batches: (ahead + looks) as u64, ..at_prediction };
        let later_is_more = at_checkpoint.around_session() > at_prediction.around_session();
        Ok(if later_is_more { at_checkpoint } else { at_prediction })
    }

    /// Floating-point operations of one epoch's steps.
    pub fn epoch_flops(&self) -> u128 {
        self.plan.cost().training_flops_per_row() as u128 * self.rows.train().len() as u128
    }

    /// Floating-point operations of training with its evaluations, all epochs taken.
    pub fn training_flops(&self) -> u128 {
        let timetable = self.training.timetable(self.rows.train().len());
        let scored = u128::from(timetable.evaluations()) * self.rows.valid().len() as u128;
        u128::from(timetable.epochs) * self.epoch_flops() + self.plan.cost().forward_flops_per_row as u128 * scored
    }

    /// Different weights that are kept at most.
    fn most_kept(&self) -> usize {
        let keys = match self.selection.per {
            Per::Run => 1,
            Per::Task => 1 + self.plan.outputs.len(),
            Per::Scene => 1 + self.plan.schema.scenes.len(),
        };
        let evaluations = self.training.timetable(self.rows.train().len()).evaluations();
        keys.min(usize::try_from(evaluations).unwrap_or(usize::MAX))
    }
}

/// Bytes of a prediction of one row.
pub fn prediction_bytes(plan: &Plan, task: usize) -> usize {
    match plan.schema.tasks[task].kind {
        TaskKind::Binary => size_of::<f32>(),
        TaskKind::Regression { .. } => size_of::<f64>(),
        TaskKind::Multiclass { classes } => size_of::<f32>() * classes,
    }
}

/// Bytes of a snapshot: of weights and state, and of the optimiser's memory.
fn snapshot_bytes(plan: &Plan, moments: usize) -> (usize, usize) {
    let tables: usize = plan.tables.iter().map(|table| table.rows * table.dim).sum();
    let states: usize = plan.states.iter().map(|state| state.len).sum();
    let trained = plan.arena_len + tables;
    (4 * (trained + states), 4 * moments * trained)
}

/// Bytes of the objectives' gradients, each kept apart while they are compared.
fn looked_at(plan: &Plan) -> usize {
    let touched = plan.most_touched_rows(MOST_GRADIENT_ROWS as usize).into_iter().zip(&plan.tables);
    let gradient = plan.arena_len + touched.map(|(rows, table)| rows * table.dim).sum::<usize>();
    if plan.objectives.len() > 1 { 4 * gradient * plan.objectives.len() } else { 0 }
}

/// Batches that exist at a time: one in use and, where others wait, one being filled.
fn batches(ahead: usize) -> usize {
    if ahead == 0 { 1 } else { ahead + 2 }
}

/// Bytes of a batch that `fill` makes of the first of `rows`, with the list of its rows.
fn batch_bytes(dataset: &Dataset, rows: &[u32], batch_rows: usize, fill: fn(&Dataset, &[u32], &mut Batch)) -> usize {
    let first = &rows[..batch_rows.min(rows.len())];
    let mut batch = Batch::default();
    fill(dataset, first, &mut batch);
    batch.bytes() + size_of_val(first)
}
