//! The fold over the events of one fit.

use std::sync::Arc;

use crate::events::{Evaluated, Insight};

/// A fit as told by its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FitState {
    /// Its name.
    pub name: String,
    /// Steps done.
    pub step: u64,
    /// Steps of the whole fit, if patience lasts.
    pub steps: u64,
    /// Epochs done.
    pub epochs: f64,
    /// Train rows a second.
    pub rows_per_second: f64,
    /// Mean train loss of each objective.
    pub losses: Vec<Option<f64>>,
    /// The step of the last checkpoint.
    pub checkpoint: Option<u64>,
    /// The step whose weights were chosen, once the fit is over.
    pub best_step: Option<u64>,
    /// What was seen last of its gates and gradients.
    pub insight: Option<Insight>,
    latest: Option<Arc<Evaluated>>,
    best: Option<Arc<Evaluated>>,
    /// The best at the last checkpoint: what remains when all after it is superseded. Ten thousand runs have no room for
    /// all that once were the best.
    best_kept: Option<Arc<Evaluated>>,
    attempt: u32,
}

impl FitState {
    /// The last evaluation.
    pub fn latest(&self) -> Option<&Evaluated> {
        self.latest.as_deref()
    }

    /// The evaluation with the best score.
    pub fn best(&self) -> Option<&Evaluated> {
        self.best.as_deref()
    }

    /// How much of it is done, from 0 to 1, if patience lasts.
    pub fn fraction(&self) -> f64 {
        if self.best_step.is_some() {
            return 1.0;
        }
        if self.steps == 0 { 0.0 } else { (self.step as f64 / self.steps as f64).min(1.0) }
    }

    /// Goes on from a checkpoint: what earlier attempts told of later steps is superseded.
    pub(super) fn resume(&mut self, attempt: u32, step: u64) {
        if attempt > self.attempt {
            self.attempt = attempt;
            self.best_step = None;
            let stands = |evaluated: &Arc<Evaluated>| evaluated.step <= step;
            self.best_kept = self.best_kept.take().filter(stands);
            self.best = self.best.take().filter(stands).or_else(|| self.best_kept.clone());
            self.latest = self.latest.take().filter(stands).or_else(|| self.best.clone());
            self.insight = self.insight.take().filter(|insight| insight.step <= step);
            self.step = step;
            self.checkpoint = (step > 0).then_some(step);
        }
    }

    /// A fit that a new attempt speaks of without having resumed it begins anew.
    pub(super) fn at_least(&mut self, attempt: u32) {
        self.resume(attempt, 0);
    }

    pub(super) fn at(&mut self, attempt: u32, step: u64, epochs: f64) {
        self.at_least(attempt);
        self.step = step;
        self.epochs = epochs;
    }

    pub(super) fn evaluated(&mut self, mut evaluated: Evaluated) {
        evaluated.scores.shrink_to_fit();
        let evaluated = Arc::new(evaluated);
        if evaluated.best {
            self.best = Some(evaluated.clone());
        }
        self.latest = Some(evaluated);
    }

    pub(super) fn checkpointed(&mut self, attempt: u32, step: u64) {
        self.at_least(attempt);
        self.checkpoint = Some(step);
        self.best_kept = self.best.clone();
    }
}
