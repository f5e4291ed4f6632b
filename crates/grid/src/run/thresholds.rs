//! The thresholds of a trial's decisions, chosen on validation rows: one a task for a fit of all scenes, and one a task
//! and scene where each scene has its own fit.

use mmtl_data::Dataset;
use mmtl_metrics::{Error, Reason, Score, best_threshold};

use crate::run::cells::{Known, Scorer};
use crate::run::gather::PartPredictions;

/// For each task, one threshold for each scene; empty for a task that has none, since it is not binary or not
/// predicted.
pub(super) struct Thresholds(Vec<Vec<Score>>);

impl Thresholds {
    /// None are needed.
    pub(super) fn none(dataset: &Dataset) -> Self {
        Self(vec![vec![]; dataset.schema().tasks.len()])
    }

    /// Chosen on `valid`'s rows, scene by scene where fits were kept `apart`.
    pub(super) fn choose(dataset: &Dataset, valid: &PartPredictions, apart: bool) -> Result<Self, Error> {
        let schema = dataset.schema();
        let of_task = |task: usize| {
            let is_binary = schema.tasks[task].kind == mmtl_plan::TaskKind::Binary;
            let Some(prediction) = valid.tasks[task].as_ref().filter(|_| is_binary) else { return Ok(vec![]) };
            let scorer = Scorer { dataset, predicted: valid, task, prediction };
            let choose = |known: Known| best_threshold(&known.sample()?).map(of_validation);
            if apart {
                let of_scene = |scene| choose(scorer.rows(|row| dataset.scene(row) == scene));
                return (0..schema.scenes.len()).map(of_scene).collect();
            }
            Ok(vec![choose(scorer.rows(|_| true))?; schema.scenes.len()])
        };
        (0..schema.tasks.len()).map(of_task).collect::<Result<_, _>>().map(Self)
    }

    /// Of one task: `[scenes]`.
    pub(super) fn of(&self, task: usize) -> &[Score] {
        &self.0[task]
    }
}

/// What validation rows lack, told as theirs: beside a score of test rows it would read as if these lacked it.
fn of_validation(chosen: Score) -> Score {
    match chosen {
        Score::Undefined(Reason::Empty) => Score::Undefined(Reason::NoValidationRows),
        Score::Undefined(Reason::NoPositive) => Score::Undefined(Reason::NoPositiveValidationRow),
        Score::Value(_) | Score::Undefined(_) => chosen,
    }
}
