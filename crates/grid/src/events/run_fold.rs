//! The fold over the events of one fit.

use crate::events::RunEvent;

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
    /// The last [`RunEvent::Evaluated`], with its step.
    latest: Option<(u64, RunEvent)>,
    /// Those that were the best so far, ascending by step: what remains when the last are superseded.
    bests: Vec<(u64, RunEvent)>,
    attempt: u32,
}

impl FitState {
    /// The last [`RunEvent::Evaluated`].
    pub fn latest(&self) -> Option<&RunEvent> {
        self.latest.as_ref().map(|(_, event)| event)
    }

    /// The [`RunEvent::Evaluated`] with the best score.
    pub fn best(&self) -> Option<&RunEvent> {
        self.bests.last().map(|(_, event)| event)
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
            self.bests.retain(|(at, _)| *at <= step);
            if self.latest.as_ref().is_some_and(|(at, _)| *at > step) {
                self.latest = self.bests.last().cloned();
            }
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

    pub(super) fn evaluated(&mut self, event: &RunEvent, best: bool) {
        let told = (self.step, event.clone());
        if best {
            self.bests.retain(|(at, _)| *at < self.step);
            self.bests.push(told.clone());
        }
        self.latest = Some(told);
    }
}
