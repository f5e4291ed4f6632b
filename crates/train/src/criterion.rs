//! The keys of `[select]`, typed: what the best weights are chosen by, and for what each choice is made.

use mmtl_metrics::{Better, Metric};
use mmtl_plan::{Plan, Schema, Settings, nearest};
use serde::Serialize;

use crate::error::TrainError;

/// How best weights are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// By what.
    pub score: Criterion,
    /// For what.
    pub per: Per,
}

/// What the best weights are chosen by, always on validation rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Criterion {
    /// The mean over tasks of 2·AUC − 1, 1 − MSE / MSE of the train mean, or 1 − log loss / entropy of the train
    /// rates: see [`mmtl_metrics::skill`].
    Skill,
    /// One metric of one task.
    Metric {
        /// Index of the task in the schema.
        task: usize,
        /// The metric, defined for the task's kind.
        metric: Metric,
    },
}

/// What gets a choice of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Per {
    /// The run: one checkpoint for everything.
    Run,
    /// Each task, by its own skill.
    Task,
    /// Each scene, by the criterion over its rows.
    Scene,
}

impl Selection {
    /// Reads settings of [`crate::select_knobs`].
    ///
    /// # Errors
    /// When the score names no task or metric, a metric that is not defined for the task, or one task while each task
    /// chooses its own.
    pub fn new(settings: &Settings, schema: &Schema) -> Result<Self, TrainError> {
        let text = settings.text("score");
        let score = criterion(text, schema)?;
        let per = settings.chosen("per", &[("run", Per::Run), ("task", Per::Task), ("scene", Per::Scene)]);
        if per == Per::Task && score != Criterion::Skill {
            return Err(TrainError::ScorePerTask { score: text.to_owned() });
        }
        Ok(Self { score, per })
    }
}

impl Criterion {
    /// The criterion of one fit: a fit that does not predict the task goes by its own skill.
    #[must_use]
    pub fn of_fit(self, plan: &Plan) -> Self {
        match self {
            Self::Metric { task, .. } if !plan.outputs.iter().any(|output| output.task == task) => Self::Skill,
            Self::Metric { .. } | Self::Skill => self,
        }
    }

    /// The metric that it takes of a task's output, if it is one.
    pub(crate) fn metric_of(self, task: usize) -> Option<Metric> {
        match self {
            Self::Metric { task: of, metric } => (of == task).then_some(metric),
            Self::Skill => None,
        }
    }

    /// Which of two scores is better.
    pub fn better(self) -> Better {
        match self {
            Self::Skill => Better::Higher,
            Self::Metric { metric, .. } => metric.better(),
        }
    }
}

fn criterion(text: &str, schema: &Schema) -> Result<Criterion, TrainError> {
    if text == "skill" {
        return Ok(Criterion::Skill);
    }
    let unknown = || {
        let choices = choices(schema);
        let names = choices.iter().map(String::as_str);
        TrainError::Score { got: text.to_owned(), nearest: nearest(text, names.chain(["skill"])) }
    };
    // A metric's name has no dot.
    let (name, metric) = text.rsplit_once('.').ok_or_else(unknown)?;
    let task = schema.tasks.iter().position(|task| task.name == name).ok_or_else(unknown)?;
    let metric: Metric = metric.parse().map_err(|_| unknown())?;
    match metric {
        _ if !metric.applies_to(schema.tasks[task].kind.into()) => Err(unknown()),
        _ if !metric.tells_models_apart() => Err(TrainError::EasyScore { got: text.to_owned() }),
        _ => Ok(Criterion::Metric { task, metric }),
    }
}

/// Every TASK.METRIC there is.
fn choices(schema: &Schema) -> Vec<String> {
    let of_task = |task: &mmtl_plan::Task| {
        let name = task.name.clone();
        let metrics = Metric::of(task.kind.into()).filter(|metric| metric.tells_models_apart());
        metrics.map(move |metric| format!("{name}.{}", metric.name()))
    };
    schema.tasks.iter().flat_map(of_task).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use mmtl_metrics::Cutoff;
    use mmtl_plan::Value;

    fn selection(score: &str, per: &str) -> Result<Selection, String> {
        let given = [("score", Value::Text(score.into())), ("per", Value::Text(per.into()))];
        let given = given.iter().map(|(name, value)| (*name, value));
        let settings = Settings::resolve(&crate::select_knobs(), given).unwrap();
        Selection::new(&settings, &fixture::schema()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_score_is_skill_or_a_metric_of_a_task() {
        let run = |score| Selection { score, per: Per::Run };
        assert_eq!(selection("skill", "run"), Ok(run(Criterion::Skill)));
        assert_eq!(selection("click.auc", "run"), Ok(run(Criterion::Metric { task: 0, metric: Metric::Auc })));
        assert_eq!(selection("amount.mse", "run"), Ok(run(Criterion::Metric { task: 1, metric: Metric::Mse })));
        let ndcg = Metric::Ndcg(Cutoff::new(5).unwrap());
        assert_eq!(selection("click.ndcg@5", "run"), Ok(run(Criterion::Metric { task: 0, metric: ndcg })));
        assert_eq!(selection("click.gauc", "run"), Ok(run(Criterion::Metric { task: 0, metric: Metric::Gauc })));
        assert_eq!(selection("skill", "task").unwrap().per, Per::Task);
        assert_eq!(selection("click.logloss", "scene").unwrap().per, Per::Scene);
    }

    #[test]
    fn other_scores_are_refused_with_the_nearest() {
        let expected = "expected `skill` or TASK.METRIC with a metric of the task's kind";
        let slip = |got: &str, near: &str| Err(format!("`score` is \"{got}\", {expected}; did you mean `{near}`?"));
        assert_eq!(selection("clik.auc", "run"), slip("clik.auc", "click.auc"));
        assert_eq!(selection("amount.mes", "run"), slip("amount.mes", "amount.mse"));
        assert_eq!(selection("skil", "run"), slip("skil", "skill"));
        // An AUC of a regression task does not exist.
        assert!(selection("amount.auc", "run").is_err());
    }

    #[test]
    fn what_a_model_can_have_without_knowing_anything_is_refused() {
        for score in ["click.ratio", "click.ece", "click.precision", "click.recall", "amount.ratio"] {
            let error = selection(score, "run").unwrap_err();
            assert!(error.starts_with(&format!("`score` is {score:?}, which")), "{error}");
        }
        assert!(selection("click.f1", "run").is_ok());
    }

    #[test]
    fn one_task_cannot_choose_for_each() {
        let error = selection("click.auc", "task").unwrap_err();
        assert_eq!(
            error,
            "`score` is \"click.auc\" while `per` is \"task\", expected `skill`: each task is chosen by its own"
        );
    }
}
