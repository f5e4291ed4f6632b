//! What can be drawn over steps.

use std::borrow::Cow;

use mmtl_metrics::{Kind, Metric};

use crate::history::{FitHistory, Point};
use crate::state::State;

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Quantity {
    /// Mean train loss of all objectives.
    #[default]
    TrainLoss,
    /// The score on validation rows that weights are chosen by.
    Selection,
    /// A task's log loss, on train and on validation rows.
    LogLoss(String),
    /// A regression's train loss. It is of the standardised target, while scores are in original units: no axis has both.
    SquaredError(String),
    /// A task's score on validation rows.
    Score(String, Metric),
}

/// Train and validation values of a quantity in one fit, ascending by step.
pub struct Points<'a> {
    /// On train rows, means since the report before.
    pub train: Cow<'a, [Point]>,
    /// On validation rows.
    pub valid: Cow<'a, [Point]>,
}

impl Quantity {
    /// All that a grid's fits have, in the order in which one goes through them. `fit` tells the tasks until the state does.
    pub fn all(state: &State, fit: Option<&FitHistory>) -> Vec<Self> {
        let mut all = vec![Self::TrainLoss, Self::Selection];
        for subject in &state.subjects().tasks {
            let loss = match subject.kind {
                Kind::Binary | Kind::Multiclass { .. } => Self::LogLoss,
                Kind::Regression => Self::SquaredError,
            };
            all.push(loss(subject.name.clone()));
            let others = subject.looked_at().into_iter().filter(|metric| *metric != Metric::LogLoss);
            all.extend(others.map(|metric| Self::Score(subject.name.clone(), metric)));
        }
        if state.subjects().tasks.is_empty()
            && let Some(evaluated) = fit.and_then(|fit| fit.evaluations().next())
        {
            for score in &evaluated.scores {
                let quantity = Self::Score(score.task.clone(), score.metric);
                if !all.contains(&quantity) {
                    all.push(quantity);
                }
            }
        }
        all
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Self::TrainLoss => "train loss, mean of the objectives".to_owned(),
            Self::Selection => "selection score".to_owned(),
            Self::LogLoss(task) => format!("{task} log loss"),
            Self::SquaredError(task) => format!("{task} train loss, squared error of the standardised target"),
            Self::Score(task, metric) => format!("{task} {}", metric.name()),
        }
    }

    /// Whether there is a value on train rows, and one on validation rows.
    pub fn is_on(&self) -> (bool, bool) {
        match self {
            Self::TrainLoss | Self::SquaredError(_) => (true, false),
            Self::Selection | Self::Score(..) => (false, true),
            Self::LogLoss(_) => (true, true),
        }
    }

    /// A value of it.
    pub fn number(&self, value: f64) -> String {
        match self {
            Self::TrainLoss | Self::LogLoss(_) | Self::SquaredError(_) | Self::Selection => {
                crate::digits::number(value)
            }
            Self::Score(_, metric) => crate::digits::score(*metric, value),
        }
    }

    /// Its values in a fit of a grid with these tasks.
    pub fn points<'a>(&self, fit: &'a FitHistory, tasks: &[&str]) -> Points<'a> {
        let train = |task: &str| fit.objective_of(task, tasks).map_or(&[][..], |at| fit.objective_loss(at));
        let (train, valid) = match self {
            Self::TrainLoss => (fit.train_loss(), vec![]),
            Self::SquaredError(task) => (train(task), vec![]),
            Self::Selection => (&[][..], fit.selection()),
            Self::LogLoss(task) => (train(task), fit.score(task, Metric::LogLoss)),
            Self::Score(task, metric) => (&[][..], fit.score(task, *metric)),
        };
        Points { train: Cow::Borrowed(train), valid: Cow::Owned(valid) }
    }
}
