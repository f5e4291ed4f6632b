//! What can go wrong in a fit.

use std::io;

use mmtl_plan::EngineError;
use thiserror::Error;

/// Why a fit could not be set up, finished or resumed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Numbers of tasks that are not one a task.
    #[error("`{knob}` has {got} numbers, expected one for each of the {expected} tasks ({names}) or none")]
    TaskWeights {
        /// The knob.
        knob: &'static str,
        /// Numbers given.
        got: usize,
        /// Tasks there are.
        expected: usize,
        /// Their names.
        names: String,
    },
    /// A task's weight that grows beyond what a number can be.
    #[error(
        "`task_weight_decay` of `{task}` is {decay}, by which its weight outgrows every number in {epochs} epochs, expected 1 or \
         less, or fewer epochs"
    )]
    WeightGrows {
        /// The task.
        task: String,
        /// What its weight is multiplied by after each epoch.
        decay: f64,
        /// Epochs.
        epochs: u64,
    },
    /// An average of weights that would stand still.
    #[error(
        "`ema_every` is {every}, expected at least {least} with an `ema` of {decay}: less of the weights at a time is lost to rounding"
    )]
    Averaging {
        /// What is left of the average after a step.
        decay: f64,
        /// Steps from one averaging to the next.
        every: u64,
        /// The fewest that would do.
        least: u64,
    },
    /// A selection score that does not exist.
    #[error(
        "`score` is {got:?}, expected `skill` or TASK.METRIC with a metric of the task's kind{}",
        nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
    )]
    Score {
        /// The score given.
        got: String,
        /// The closest one there is.
        nearest: Option<String>,
    },
    /// A selection score that says nothing about what a model knows.
    #[error(
        "`score` is {got:?}, which a model that tells no row from another can have at its best, expected `skill` or \
         TASK.METRIC with another metric; for precision and recall together there is `f1`"
    )]
    EasyScore {
        /// The score given.
        got: String,
    },
    /// One task's score, while each task chooses its own weights.
    #[error("`score` is {score:?} while `per` is \"task\", expected `skill`: each task is chosen by its own")]
    ScorePerTask {
        /// The score given.
        score: String,
    },
    /// A fit without a row to train on.
    #[error("fit `{fit}` has no train row{}", scene.as_ref().map_or_else(String::new, |s| format!(" of scene `{s}`")))]
    NoRows {
        /// The plan's name.
        fit: String,
        /// The scene that it is restricted to.
        scene: Option<String>,
    },
    /// A loss that is no number.
    #[error("the loss of task `{objective}` is not finite at step {step}; a lower `lr` or a `clip` may help")]
    NotFinite {
        /// The first step of which that is true.
        step: u64,
        /// The objective's name.
        objective: String,
    },
    /// A checkpoint, or weights that were kept, that are not what was written.
    #[error("the {file} is damaged: {reason}")]
    Damaged {
        /// What it is.
        file: &'static str,
        /// How it shows.
        reason: String,
    },
    /// A checkpoint, or weights that were kept, of a later version of this program.
    #[error("the {file} has format {got}, expected at most {known}: it was written by a newer version")]
    Newer {
        /// What it is.
        file: &'static str,
        /// Its format.
        got: u32,
        /// The newest that is known.
        known: u32,
    },
    /// A checkpoint of something else.
    #[error("the checkpoint belongs to another {what}: it has {got}, expected {expected}")]
    Foreign {
        /// What differs.
        what: &'static str,
        /// The checkpoint's.
        got: String,
        /// This fit's.
        expected: String,
    },
    /// Weights of another model.
    #[error(
        "the weights belong to another plan: they have {got}, expected {expected}; another version of the program wrote them"
    )]
    OtherPlan {
        /// The hash of theirs.
        got: String,
        /// That of the one that they were to be given to.
        expected: String,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Predictions that cannot be scored.
    #[error(transparent)]
    Metric(#[from] mmtl_metrics::Error),
    /// The watcher could not record what happened.
    #[error("the fit's progress could not be recorded: {0}")]
    Watcher(#[source] io::Error),
}
