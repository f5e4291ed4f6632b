//! Chosen weights in a session, ready to predict.

use mmtl_data::Dataset;
use mmtl_plan::{Engine, Plan, Session, Snapshot};

use crate::best::Best;
use crate::error::TrainError;
use crate::evaluation::Key;
use crate::predict::{Portions, Prediction, predict};
use crate::spec::FitSpec;

/// The chosen weights of a fit, ready to predict.
pub struct Model {
    session: Box<dyn Session>,
    portions: Portions,
    best: Vec<Best>,
}

impl Model {
    /// Of a session that is then given the run's best weights.
    pub(crate) fn new(session: Box<dyn Session>, portions: Portions, best: Vec<Best>) -> Result<Self, TrainError> {
        let mut model = Self { session, portions, best };
        model.session.restore(&model.best[0].snapshot)?;
        Ok(model)
    }

    /// Of weights that were kept, in a session of their own. Nothing of `spec` but its plan and the size of its batches
    /// matters.
    ///
    /// # Errors
    /// When memory or the device does not suffice, or the weights are not those of the plan.
    pub fn load(engine: &dyn Engine, spec: &FitSpec, best: Vec<Best>) -> Result<Self, TrainError> {
        let portions = Portions { rows: spec.max_rows(), ahead: engine.batches_ahead() };
        Self::new(engine.session(spec.plan.clone(), spec.session_options())?, portions, best)
    }

    /// What it is a model of.
    pub fn plan(&self) -> &Plan {
        self.session.plan()
    }

    /// The chosen weights: the run's first, then those of each task or scene if they were chosen apart.
    pub fn best(&self) -> &[Best] {
        &self.best
    }

    /// Predictions of `rows` in original units, one for each output of the plan, in the order of `rows`. Each output
    /// or scene is predicted by the weights chosen for it, where they were chosen apart.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn predict(&mut self, dataset: &Dataset, rows: &[u32]) -> Result<Vec<Prediction>, TrainError> {
        let mut predictions = predict(self.session.as_mut(), dataset, rows, self.portions)?;
        let run = self.best[0].clone();
        let apart: Vec<Best> = self.best.iter().filter(|best| best.step != run.step).cloned().collect();
        if apart.is_empty() {
            return Ok(predictions);
        }
        for best in apart {
            self.session.restore(&best.snapshot)?;
            self.replace(best.key, &mut predictions, dataset, rows)?;
        }
        self.session.restore(&run.snapshot)?;
        Ok(predictions)
    }

    /// Predicts what belongs to `key` anew.
    fn replace(
        &mut self,
        key: Key,
        predictions: &mut [Prediction],
        dataset: &Dataset,
        rows: &[u32],
    ) -> Result<(), TrainError> {
        let is_of = |row: u32| match key {
            Key::Run | Key::Output(_) => true,
            Key::Scene(scene) => dataset.scene(row) == scene,
        };
        let places: Vec<u32> = (0..).zip(rows).filter(|(_, row)| is_of(**row)).map(|(place, _)| place).collect();
        let rows: Vec<u32> = places.iter().map(|place| rows[*place as usize]).collect();
        let anew = predict(self.session.as_mut(), dataset, &rows, self.portions)?;
        let plan = self.session.plan().clone();
        for (o, output) in plan.outputs.iter().enumerate() {
            if matches!(key, Key::Run | Key::Scene(_)) || key == Key::Output(o) {
                predictions[o].scatter(&anew[o], &places, output.width);
            }
        }
        Ok(())
    }

    /// [`digest`] of its weights.
    pub fn digest(&self) -> String {
        digest(&self.best)
    }
}

/// Hexadecimal BLAKE3 hash of all chosen weights and their state: equal exactly when every bit is.
pub fn digest(best: &[Best]) -> String {
    let mut hasher = blake3::Hasher::new();
    for best in best {
        hash(&mut hasher, &best.snapshot);
    }
    hasher.finalize().to_hex().to_string()
}

/// Lengths are the plan's, so nothing needs to separate one array from the next.
fn hash(hasher: &mut blake3::Hasher, snapshot: &Snapshot) {
    let arrays = std::iter::once(&snapshot.dense).chain(&snapshot.tables).chain(&snapshot.states);
    for values in arrays {
        hasher.update(bytemuck::cast_slice(values));
    }
}
