//! The execution of one trial: its fits, one after another, then predictions and scores. It writes no file; whoever
//! calls it keeps a [`Journal`].

mod cells;
mod fits;
mod gather;
mod selected;
mod table;
#[cfg(test)]
mod tests;
mod thresholds;

use std::io;
use std::path::PathBuf;

use mmtl_data::{Dataset, Part};
use mmtl_metrics::Metric;
use mmtl_plan::{Compiling, Engine, KnobError, PlanError};
use mmtl_train::{
    Checkpoint, Command, Evaluation, Fitted, Insight, Model, Outcome, Progress, TrainError, Watcher, fit,
};
use mmtl_zoo::ZooError;
use thiserror::Error;

pub use cells::ALL;
pub(crate) use cells::cells;
pub use fits::{TrialFit, fits};
pub use gather::PartPredictions;
pub(crate) use selected::SKILL;
pub(crate) use table::restored;
pub use table::stored;

use crate::error::GridError;
use crate::round::Round;
use crate::run::selected::selected;
use crate::store::{FitRecord, Record};

/// Whether a fit may go on from a checkpoint.
pub type CheckpointFits<'a> = &'a dyn Fn(&Checkpoint) -> Result<(), TrainError>;

/// Told what a trial does; keeps its checkpoints. Fits go by their number in the trial.
pub trait Journal {
    /// How far a fit is.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn progress(&mut self, fit: usize, progress: &Progress) -> io::Result<()>;

    /// What the engine compiles before there is progress.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn compiling(&mut self, _compiling: Compiling) -> io::Result<()> {
        Ok(())
    }

    /// What an evaluation of a fit found.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn evaluated(&mut self, fit: usize, evaluation: &Evaluation) -> io::Result<()>;

    /// Whether it is to be told of gates and gradients. Finding out moves no number.
    fn wants_insight(&self) -> bool {
        false
    }

    /// What a fit's gates and gradients do.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn insight(&mut self, _fit: usize, _insight: &Insight) -> io::Result<()> {
        Ok(())
    }

    /// To keep in place of the fit's last one.
    ///
    /// # Errors
    /// When it cannot be written.
    fn checkpoint(&mut self, fit: usize, checkpoint: &Checkpoint) -> io::Result<()>;

    /// The checkpoint kept of a fit, if there is one that `fits` allows.
    ///
    /// # Errors
    /// When it cannot be read.
    fn kept(&mut self, fit: usize, fits: CheckpointFits<'_>) -> Result<Option<Checkpoint>, RunError>;

    /// A fit has its final weights.
    ///
    /// # Errors
    /// When they cannot be kept, or that cannot be recorded.
    fn fitted(&mut self, fit: usize, model: &Model) -> io::Result<()>;

    /// Whether the trial is to checkpoint and stop.
    fn stop(&mut self) -> bool;
}

/// Nobody: nothing is kept, and nothing stops the trial.
impl Journal for () {
    fn progress(&mut self, _: usize, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn evaluated(&mut self, _: usize, _: &Evaluation) -> io::Result<()> {
        Ok(())
    }

    fn checkpoint(&mut self, _: usize, _: &Checkpoint) -> io::Result<()> {
        Ok(())
    }

    fn kept(&mut self, _: usize, _: CheckpointFits<'_>) -> Result<Option<Checkpoint>, RunError> {
        Ok(None)
    }

    fn fitted(&mut self, _: usize, _: &Model) -> io::Result<()> {
        Ok(())
    }

    fn stop(&mut self) -> bool {
        false
    }
}

/// Why a trial failed.
#[derive(Debug, Error)]
pub enum RunError {
    /// A fit failed.
    #[error("fit `{fit}`: {error}")]
    Fit {
        /// Its name.
        fit: String,
        /// Why.
        error: TrainError,
    },
    /// Settings that the data does not allow.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The architecture does not exist.
    #[error(transparent)]
    Zoo(#[from] ZooError),
    /// The settings do not make a plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The settings are another program's.
    #[error(transparent)]
    Knob(#[from] KnobError),
    /// The data could not be opened.
    #[error(transparent)]
    Data(#[from] mmtl_data::DataError),
    /// Predictions that cannot be scored.
    #[error(transparent)]
    Metric(#[from] mmtl_metrics::Error),
    /// The engine that the trial names is not to be had.
    #[error("{0}")]
    Engine(String),
    /// The store failed.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// A run that is not done.
    #[error("{} has not finished; `mmtl run` with its experiment file goes on with it", .run.display())]
    NotFinished {
        /// Its folder.
        run: PathBuf,
    },
    /// The weights of a finished run are not to be had.
    #[error(
        "the weights of {0} are not to be had: {reason}; `mmtl repro --keep-weights {0}` trains it again and keeps them",
        .run.display()
    )]
    NoWeights {
        /// Its folder.
        run: PathBuf,
        /// Why.
        reason: String,
    },
    /// What came of a run cannot be written elsewhere.
    #[error("cannot write {}: {error}", .path.display())]
    Export {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The data is not what it was when the grid was made.
    #[error("the data's fingerprint is {found}, and the grid was made for {expected}; start a grid of another name")]
    OtherData {
        /// The fingerprint of the grid.
        expected: String,
        /// The data's now.
        found: String,
    },
}

/// What came of a trial.
#[derive(Debug)]
pub struct TrialResult {
    /// What is stored of it.
    pub record: Record,
    /// Predictions of the rows that its round scores.
    pub predictions: Vec<PartPredictions>,
}

/// Executes a trial's fits, from its journal's checkpoints on, and scores the rows of its `round` by the usual metrics and
/// those `asked` for. `None` when the journal wanted it to stop.
///
/// # Errors
/// When a fit fails, or the journal cannot be kept.
pub fn run_trial(
    fits: &[TrialFit],
    dataset: &Dataset,
    engine: &dyn Engine,
    (round, asked): (Round, &[Metric]),
    journal: &mut dyn Journal,
) -> Result<Option<TrialResult>, RunError> {
    let mut predictions: Vec<PartPredictions> =
        round.parts().iter().map(|part| PartPredictions::new(dataset, *part)).collect();
    let mut records = vec![];
    for (number, TrialFit { name, spec }) in fits.iter().enumerate() {
        let failed = |error| RunError::Fit { fit: name.clone(), error };
        let kept = journal.kept(number, &|checkpoint| checkpoint.check_for(spec, engine, dataset))?;
        let mut watcher = FitJournal { number, journal };
        let outcome = fit(engine, dataset, spec, kept, &mut watcher).map_err(failed)?;
        let Outcome::Finished(mut fitted) = outcome else { return Ok(None) };
        for part in &mut predictions {
            part.add(dataset, spec.rows.scene(), fitted.model()).map_err(failed)?;
        }
        records.push(fit_record(name, &spec.plan, &fitted));
        journal.fitted(number, fitted.model()).map_err(|error| failed(TrainError::Watcher(error)))?;
    }
    let apart = fits.iter().any(|fit| fit.spec.rows.scene().is_some());
    let cells = cells(dataset, &predictions, asked, apart)?;
    let chosen_by = fits.first().filter(|_| round == Round::Tuning).map(|fit| fit.spec.selection.score);
    let valid = predictions.iter().find(|predicted| predicted.part == Part::Valid);
    let selected = match chosen_by.zip(valid) {
        Some((criterion, valid)) => Some(selected(dataset, valid, criterion, apart)?),
        None => None,
    };
    let record = Record { numerics: engine.numerics(), fits: records, cells, selected };
    Ok(Some(TrialResult { record, predictions }))
}

fn fit_record(name: &str, plan: &mmtl_plan::Plan, fitted: &Fitted) -> FitRecord {
    let cost = plan.cost();
    FitRecord {
        name: name.to_owned(),
        steps: fitted.steps(),
        best_step: fitted.best()[0].step,
        weights: fitted.digest(),
        dense_parameters: cost.dense_parameters as u64,
        table_parameters: cost.table_parameters as u64,
        forward_flops_per_row: cost.forward_flops_per_row as u64,
    }
}

/// A fit's watcher that writes to the trial's journal.
struct FitJournal<'a> {
    number: usize,
    journal: &'a mut dyn Journal,
}

impl Watcher for FitJournal<'_> {
    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        self.journal.progress(self.number, progress)
    }

    fn compiling(&mut self, compiling: Compiling) -> io::Result<()> {
        self.journal.compiling(compiling)
    }

    fn evaluated(&mut self, evaluation: &Evaluation) -> io::Result<()> {
        self.journal.evaluated(self.number, evaluation)
    }

    fn wants_insight(&self) -> bool {
        self.journal.wants_insight()
    }

    fn insight(&mut self, insight: &Insight) -> io::Result<()> {
        self.journal.insight(self.number, insight)
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.journal.checkpoint(self.number, checkpoint)
    }

    fn command(&mut self) -> io::Result<Command> {
        Ok(if self.journal.stop() { Command::Stop } else { Command::Continue })
    }
}
