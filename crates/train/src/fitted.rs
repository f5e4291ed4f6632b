//! A trained fit.

use mmtl_data::Dataset;
use mmtl_plan::{Session, Snapshot};

use crate::best::Best;
use crate::error::TrainError;
use crate::evaluation::{Evaluation, Key};
use crate::predict::{Portions, Prediction, predict};

/// The best weights of a fit, ready to predict.
pub struct Fitted {
    session: Box<dyn Session>,
    portions: Portions,
    best: Vec<Best>,
    history: Vec<Evaluation>,
    steps: u64,
    end: End,
}

/// Why a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All epochs were taken.
    Epochs,
    /// Patience ran out.
    Patience,
}

impl Fitted {
    /// Of a session that is then given the run's best weights.
    pub(crate) fn new(
        session: Box<dyn Session>,
        portions: Portions,
        best: Vec<Best>,
        history: Vec<Evaluation>,
        steps: u64,
        end: End,
    ) -> Result<Self, TrainError> {
        let mut fitted = Self { session, portions, best, history, steps, end };
        fitted.session.restore(&fitted.best[0].snapshot)?;
        Ok(fitted)
    }

    /// The chosen weights: the run's first, then those of each task or scene if they were chosen apart.
    pub fn best(&self) -> &[Best] {
        &self.best
    }

    /// All evaluations.
    pub fn history(&self) -> &[Evaluation] {
        &self.history
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Why it ended.
    pub fn end(&self) -> End {
        self.end
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

    /// Hexadecimal BLAKE3 hash of all chosen weights and their state: equal exactly when every bit is.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for best in &self.best {
            hash(&mut hasher, &best.snapshot);
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Lengths are the plan's, so nothing needs to separate one array from the next.
fn hash(hasher: &mut blake3::Hasher, snapshot: &Snapshot) {
    let arrays = std::iter::once(&snapshot.dense).chain(&snapshot.tables).chain(&snapshot.states);
    for values in arrays {
        hasher.update(bytemuck::cast_slice(values));
    }
}

impl std::fmt::Debug for Fitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fitted").field("steps", &self.steps).field("end", &self.end).finish_non_exhaustive()
    }
}
