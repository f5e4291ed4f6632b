//! The predictions of a trial: each row of a part is predicted once for each task, by the fit that owns its scene.

use mmtl_data::{Dataset, Part};
use mmtl_plan::{Schema, TaskKind};
use mmtl_train::{Model, Prediction, TrainError};

/// Predictions of one part's rows.
#[derive(Clone, Debug)]
pub struct PartPredictions {
    /// Which part.
    pub part: Part,
    /// Row indices of the data set, ascending.
    pub rows: Vec<u32>,
    /// For each task of the schema, predictions in the order of `rows`; `None` for a task that the trial does not
    /// predict.
    pub tasks: Vec<Option<Prediction>>,
}

impl PartPredictions {
    /// Room for the rows of `part`.
    pub fn new(dataset: &Dataset, part: Part) -> Self {
        let rows = dataset.rows(part).to_vec();
        Self { part, rows, tasks: vec![None; dataset.schema().tasks.len()] }
    }

    /// Puts in what a model predicts: the rows of its scene, or all.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn add(&mut self, dataset: &Dataset, scene: Option<usize>, model: &mut Model) -> Result<(), TrainError> {
        let is_its = |row: u32| scene.is_none_or(|scene| dataset.scene(row) == scene);
        let places: Vec<u32> = (0..).zip(&self.rows).filter(|(_, row)| is_its(**row)).map(|(place, _)| place).collect();
        let rows: Vec<u32> = places.iter().map(|place| self.rows[*place as usize]).collect();
        let predictions = model.predict(dataset, &rows)?;
        let plan = model.plan();
        for (output, prediction) in plan.outputs.iter().zip(&predictions) {
            let all = self.tasks[output.task].get_or_insert_with(|| empty(&plan.schema, output.task, self.rows.len()));
            all.scatter(prediction, &places, output.width);
        }
        Ok(())
    }
}

fn empty(schema: &Schema, task: usize, rows: usize) -> Prediction {
    match schema.tasks[task].kind {
        TaskKind::Binary => Prediction::Probabilities(vec![f32::NAN; rows]),
        TaskKind::Multiclass { classes } => Prediction::Probabilities(vec![f32::NAN; rows * classes]),
        TaskKind::Regression { .. } => Prediction::Values(vec![f64::NAN; rows]),
    }
}
