//! What an evaluation found on validation rows.

use mmtl_metrics::{Mean, Metric, Reason, Score, Scored};
use serde::{Deserialize, Serialize};

use crate::criterion::Criterion;

/// The scores after one step, in original units, and the train losses that led to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// After which step.
    pub step: u64,
    /// Epochs done, with a fraction.
    pub epochs: f64,
    /// Mean train loss of each objective over the steps since the last evaluation; `None` where no batch had a row of
    /// it.
    pub losses: Vec<Option<f64>>,
    /// The criterion for everything that gets weights of its own; the run comes first.
    pub choices: Vec<Choice>,
    /// Scores of each output of the plan.
    pub outputs: Vec<OutputScores>,
}

/// One key's score in an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// For what weights are chosen.
    pub key: Key,
    /// The criterion's score for it.
    pub score: Score,
    /// Whether this is the best so far.
    pub best: bool,
}

/// What weights are chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// Everything.
    Run,
    /// One output of the plan, by its index.
    Output(usize),
    /// One scene of the schema, by its index.
    Scene(usize),
}

/// Scores of one output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputScores {
    /// Index of its task in the schema.
    pub task: usize,
    /// Over all validation rows of the task's space.
    pub all: CellScores,
    /// Over those of each scene of the schema.
    pub scenes: Vec<CellScores>,
}

/// All scores of one output on one set of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellScores {
    /// The skill.
    pub skill: Scored,
    /// The usual metrics of the task's kind, and those that were asked for.
    pub metrics: Vec<(Metric, Scored)>,
}

impl OutputScores {
    fn cell(&self, key: Key) -> &CellScores {
        match key {
            Key::Run | Key::Output(_) => &self.all,
            Key::Scene(scene) => &self.scenes[scene],
        }
    }
}

/// The score of `key` by `criterion`. A mean over tasks leaves out what the data leaves undefined; it is undefined
/// itself where the model is to blame.
pub(crate) fn score_of(outputs: &[OutputScores], criterion: Criterion, key: Key) -> Score {
    match (criterion, key) {
        (_, Key::Output(o)) => outputs[o].all.skill.score,
        (Criterion::Skill, Key::Run | Key::Scene(_)) => {
            Mean::over(&outputs.iter().map(|output| output.cell(key).skill).collect::<Vec<_>>()).score
        }
        (Criterion::Metric { task, metric }, Key::Run | Key::Scene(_)) => {
            let cells = outputs.iter().filter(|output| output.task == task).map(|output| output.cell(key));
            let scored = cells.flat_map(|cell| &cell.metrics).find(|(name, _)| *name == metric);
            scored.map_or(Score::Undefined(Reason::Empty), |(_, scored)| scored.score)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(skill: Score, mse: f64) -> CellScores {
        let scored = |score| Scored::over(score, 9);
        CellScores { skill: scored(skill), metrics: vec![(Metric::Mse, scored(Score::Value(mse)))] }
    }

    fn outputs(second: Score) -> Vec<OutputScores> {
        let output = |task, all, scene| OutputScores { task, all: cell(all, 4.0), scenes: vec![cell(scene, 5.0)] };
        vec![output(2, Score::Value(0.5), Score::Value(0.25)), output(0, second, Score::Value(0.75))]
    }

    #[test]
    fn skill_is_the_mean_over_tasks() {
        let of = |second, key| score_of(&outputs(second), Criterion::Skill, key);
        assert_eq!(of(Score::Value(0.25), Key::Run), Score::Value(0.375));
        assert_eq!(of(Score::Value(0.25), Key::Scene(0)), Score::Value(0.5));
        assert_eq!(of(Score::Value(0.25), Key::Output(1)), Score::Value(0.25));
    }

    #[test]
    fn the_data_leaves_a_mean_and_the_model_unmakes_it() {
        let of = |reason| score_of(&outputs(Score::Undefined(reason)), Criterion::Skill, Key::Run);
        assert_eq!(of(Reason::SingleClass), Score::Value(0.5));
        assert_eq!(of(Reason::PredictionNotFinite), Score::Undefined(Reason::PredictionNotFinite));
    }

    #[test]
    fn a_metric_is_found_by_its_task() {
        let of =
            |task, key| score_of(&outputs(Score::Value(0.0)), Criterion::Metric { task, metric: Metric::Mse }, key);
        assert_eq!(of(0, Key::Run), Score::Value(4.0));
        assert_eq!(of(2, Key::Scene(0)), Score::Value(5.0));
        assert_eq!(of(1, Key::Run), Score::Undefined(Reason::Empty));
    }
}
