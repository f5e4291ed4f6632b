//! A finished run's weights in sessions of their own, to predict rows that it never saw.

use mmtl_data::{Cells, Dataset, Part, Preprocessing, SheetColumn};
use mmtl_plan::{Engine, Task};
use mmtl_train::{Key, Model, Prediction};

use crate::finished::FinishedRun;
use crate::run::{PartPredictions, RunError};
use crate::store::predictions::Numbers;

/// The models of a finished run.
pub struct Predictor {
    /// Each with the one scene that it is of, if it is of one.
    models: Vec<(Option<usize>, Model)>,
}

impl Predictor {
    /// Loads the weights that the run kept.
    ///
    /// # Errors
    /// As [`FinishedRun::weights`], and when memory or the device does not suffice.
    pub fn open(run: &FinishedRun, fitted: &Preprocessing, engine: &dyn Engine) -> Result<Self, RunError> {
        let mut models = vec![];
        for (number, fit) in run.fits(&fitted.no_rows())?.iter().enumerate() {
            let best = run.weights(number, &fit.spec.plan)?;
            models.push((fit.spec.rows.scene(), Model::load(engine, &fit.spec, best)?));
        }
        Ok(Self { models })
    }

    /// Whether the scene of a row changes nothing of what is predicted of it.
    pub fn takes_any_scene(&self) -> bool {
        let of_scene = |model: &Model| model.best().iter().any(|best| matches!(best.key, Key::Scene(_)));
        self.models.iter().all(|(scene, model)| scene.is_none() && !model.plan().reads_scene() && !of_scene(model))
    }

    /// Predictions of all rows of `dataset`, which are all of its part of test rows.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn predict(&mut self, dataset: &Dataset) -> Result<PartPredictions, RunError> {
        let mut predictions = PartPredictions::new(dataset, Part::Test);
        for (scene, model) in &mut self.models {
            predictions.add(dataset, *scene, model)?;
        }
        Ok(predictions)
    }
}

/// Predictions of one task, `[rows, width]`, row-major.
#[derive(Clone, Copy, Debug)]
pub enum Predicted<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
}

impl<'a> From<&'a Prediction> for Predicted<'a> {
    fn from(prediction: &'a Prediction) -> Self {
        match prediction {
            Prediction::Probabilities(values) => Self::F32(values),
            Prediction::Values(values) => Self::F64(values),
        }
    }
}

impl<'a> From<&'a Numbers> for Predicted<'a> {
    fn from(numbers: &'a Numbers) -> Self {
        match numbers {
            Numbers::F32(values) => Self::F32(values),
            Numbers::F64(values) => Self::F64(values),
        }
    }
}

impl Predicted<'_> {
    /// The columns of a task: `prediction.TASK`, or one for each class, `prediction.TASK.CLASS`. Classes without names are
    /// counted from 0.
    pub fn columns(self, task: &Task, classes: &[String]) -> Vec<SheetColumn<'static>> {
        let width = task.kind.width();
        let column = |at: usize| match self {
            Self::F32(values) => Cells::Single(values.iter().skip(at).step_by(width).copied().collect()),
            Self::F64(values) => Cells::Double(values.iter().skip(at).step_by(width).copied().collect()),
        };
        column_names(task, classes).into_iter().enumerate().map(|(at, name)| (name, column(at))).collect()
    }
}

/// The names of [`Predicted::columns`].
pub fn column_names(task: &Task, classes: &[String]) -> Vec<String> {
    let name = &task.name;
    match task.kind.width() {
        1 => vec![format!("prediction.{name}")],
        width => {
            let class = |at: usize| classes.get(at).cloned().unwrap_or_else(|| at.to_string());
            (0..width).map(|at| format!("prediction.{name}.{}", class(at))).collect()
        }
    }
}
