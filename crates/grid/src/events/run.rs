//! What the worker of a run tells.

use mmtl_metrics::{Metric, Score, Scored};
use mmtl_plan::Schema;
use mmtl_train::{CellScores, Evaluation, Key, Progress};
use serde::{Deserialize, Serialize};

use crate::events::{Insight, Level};

/// What happened to a run. `fit` is a fit's place in the list that [`RunEvent::Started`] gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RunEvent {
    /// A worker began.
    Started {
        /// The machine it runs on.
        host: String,
        /// Its process number.
        pid: u32,
        /// Its threads.
        threads: usize,
        /// Names of the run's fits, in the order in which they run.
        fits: Vec<String>,
    },
    /// It does something that takes a while and is no training: opens data, compiles kernels, predicts, scores.
    Stage {
        /// What it does, as in `opening the data`.
        name: String,
    },
    /// A fit goes on from its checkpoint.
    Resumed {
        /// Which fit.
        fit: usize,
        /// Steps done at the checkpoint.
        step: u64,
    },
    /// How far a fit is.
    Progress {
        /// Which fit.
        fit: usize,
        /// Steps done.
        step: u64,
        /// Steps of the whole fit, if patience lasts.
        steps: u64,
        /// Epochs done, with a fraction.
        epochs: f64,
        /// Train rows a second.
        rows_per_second: f64,
        /// Mean train loss of each objective since the last report; `None` where no batch had a row of it.
        losses: Vec<Option<f64>>,
    },
    /// What a fit scores on validation rows.
    Evaluated(Evaluated),
    /// What a fit's gates and gradients do.
    Insight(Insight),
    /// A fit's checkpoint is kept.
    Checkpointed {
        /// Which fit.
        fit: usize,
        /// Steps done.
        step: u64,
    },
    /// A fit has its final weights.
    Fitted {
        /// Which fit.
        fit: usize,
        /// The step whose weights were chosen.
        best_step: u64,
    },
    /// Something worth reading.
    Log {
        /// How much it matters.
        level: Level,
        /// What was printed.
        text: String,
    },
    /// It checkpointed and stopped, as asked.
    Stopped,
    /// The record is written.
    Finished,
    /// It ended without a record.
    Failed {
        /// Why, as one sentence.
        reason: String,
    },
}

/// What a fit scores on validation rows after a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluated {
    /// Which fit.
    pub fit: usize,
    /// Steps done.
    pub step: u64,
    /// Epochs done, with a fraction.
    pub epochs: f64,
    /// The score that its best weights are chosen by.
    pub score: Score,
    /// Whether that is the best so far.
    pub best: bool,
    /// Mean train loss of each objective since the last evaluation.
    pub losses: Vec<Option<f64>>,
    /// The scores by task and scene.
    pub scores: Vec<ValidScore>,
}

/// One score on validation rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidScore {
    /// Name of the task.
    pub task: String,
    /// Name of the scene; `None` for the rows of all scenes.
    pub scene: Option<String>,
    /// The metric.
    pub metric: Metric,
    /// The score with its counts.
    pub scored: Scored,
}

impl RunEvent {
    /// A fit's report as an event.
    pub fn progress(fit: usize, progress: &Progress) -> Self {
        Self::Progress {
            fit,
            step: progress.step,
            steps: progress.steps,
            epochs: finite(progress.epochs),
            rows_per_second: finite(progress.rows_per_second),
            losses: losses(&progress.losses),
        }
    }

    /// A fit's evaluation as an event, tasks and scenes by name. `fit_scene` is the scene of a fit that has one to
    /// itself: the other scenes' rows, which it does not see, are left out.
    pub fn evaluated(fit: usize, evaluation: &Evaluation, schema: &Schema, fit_scene: Option<usize>) -> Self {
        let run = evaluation.choices.iter().find(|choice| choice.key == Key::Run);
        let mut scores = vec![];
        for output in &evaluation.outputs {
            let Some(task) = schema.tasks.get(output.task) else { continue };
            let mut add = |scene: Option<&String>, cell: &CellScores| {
                scores.extend(cell.metrics.iter().map(|(metric, scored)| ValidScore {
                    task: task.name.clone(),
                    scene: scene.cloned(),
                    metric: *metric,
                    scored: *scored,
                }));
            };
            if fit_scene.is_none() {
                add(None, &output.all);
            }
            for (index, (name, cell)) in schema.scenes.iter().zip(&output.scenes).enumerate() {
                if fit_scene.is_none_or(|scene| scene == index) {
                    add(Some(name), cell);
                }
            }
        }
        Self::Evaluated(Evaluated {
            fit,
            step: evaluation.step,
            epochs: finite(evaluation.epochs),
            score: run.map_or(Score::Undefined(mmtl_metrics::Reason::Empty), |choice| choice.score),
            best: run.is_some_and(|choice| choice.best),
            losses: losses(&evaluation.losses),
            scores,
        })
    }
}

/// JSON has no infinity.
fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}

fn losses(losses: &[Option<f64>]) -> Vec<Option<f64>> {
    losses.iter().map(|loss| loss.filter(|loss| loss.is_finite())).collect()
}
