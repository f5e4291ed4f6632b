//! The curves of a run: losses and scores over steps, as its events tell them.

use std::collections::BTreeMap;

use mmtl_grid::events::{Evaluated, RunEvent, RunLine, ValidScore};
use mmtl_metrics::Metric;

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The step.
    pub step: u64,
    /// The value.
    pub value: f64,
}

/// Everything that was told of a run, by step. What a later attempt supersedes is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    fits: Vec<FitHistory>,
    stamp: (u32, u64),
}

/// The curves of one fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FitHistory {
    /// Its name.
    pub name: String,
    /// As reports of progress tell them, which come by time.
    progress: Losses,
    /// As evaluations tell them, which come by step.
    evaluated: Losses,
    /// Evaluations by step.
    evaluations: BTreeMap<u64, Evaluated>,
    attempt: u32,
}

/// Mean train losses since the report before, in columns that can be drawn as they are.
#[derive(Clone, Debug, Default, PartialEq)]
struct Losses {
    mean: Vec<Point>,
    objectives: Vec<Vec<Point>>,
}

/// A number that no trial has, from a damaged line, must not fill the memory.
const MOST_FITS: usize = 10_000;

impl History {
    /// Takes in a line; one that was taken in before changes nothing.
    pub fn apply(&mut self, line: &RunLine) {
        if (line.attempt, line.seq) <= self.stamp {
            return;
        }
        self.stamp = (line.attempt, line.seq);
        let attempt = line.attempt;
        match &line.event {
            RunEvent::Started { fits, .. } => {
                self.fits.truncate(fits.len());
                for (number, name) in fits.iter().enumerate() {
                    if let Some(fit) = self.fit_mut(number) {
                        fit.name.clone_from(name);
                    }
                }
            }
            RunEvent::Resumed { fit, step } => self.at(*fit, attempt, *step),
            RunEvent::Progress { fit, step, losses, .. } => {
                self.at(*fit, attempt, 0);
                if let Some(fit) = self.fit_mut(*fit) {
                    fit.progress.add(*step, losses);
                }
            }
            RunEvent::Evaluated(evaluated) => {
                self.at(evaluated.fit, attempt, 0);
                if let Some(fit) = self.fit_mut(evaluated.fit) {
                    fit.evaluated.add(evaluated.step, &evaluated.losses);
                    fit.evaluations.insert(evaluated.step, evaluated.clone());
                }
            }
            RunEvent::Stage { .. }
            | RunEvent::Insight(_)
            | RunEvent::Checkpointed { .. }
            | RunEvent::Fitted { .. }
            | RunEvent::Log { .. }
            | RunEvent::Stopped
            | RunEvent::Finished
            | RunEvent::Failed { .. } => {}
        }
    }

    /// The fits, in the order in which they run.
    pub fn fits(&self) -> &[FitHistory] {
        &self.fits
    }

    /// An attempt that is new to a fit goes on from `step`: what was told of later ones is superseded.
    fn at(&mut self, fit: usize, attempt: u32, step: u64) {
        let Some(fit) = self.fit_mut(fit) else { return };
        if attempt > fit.attempt {
            fit.attempt = attempt;
            fit.progress.cut(step);
            fit.evaluated.cut(step);
            fit.evaluations.retain(|at, _| *at <= step);
        }
    }

    fn fit_mut(&mut self, number: usize) -> Option<&mut FitHistory> {
        if number >= MOST_FITS {
            return None;
        }
        if self.fits.len() <= number {
            self.fits.resize_with(number + 1, FitHistory::default);
        }
        Some(&mut self.fits[number])
    }
}

impl FitHistory {
    /// Mean train loss over the objectives that had one, ascending by step.
    pub fn train_loss(&self) -> &[Point] {
        &self.losses().mean
    }

    /// Train loss of one objective, ascending by step.
    pub fn objective_loss(&self, objective: usize) -> &[Point] {
        self.losses().objectives.get(objective).map_or(&[], Vec::as_slice)
    }

    /// How many objectives it has.
    pub fn objectives(&self) -> usize {
        self.progress.objectives.len().max(self.evaluated.objectives.len())
    }

    /// The tasks that it scores, in the order of its plan's outputs.
    pub fn tasks(&self) -> Vec<&str> {
        let mut tasks: Vec<&str> = vec![];
        for score in self.evaluations.values().next().into_iter().flat_map(|evaluated| &evaluated.scores) {
            if !tasks.contains(&score.task.as_str()) {
                tasks.push(&score.task);
            }
        }
        tasks
    }

    /// The objective that a task's loss is. Where there are more tasks than objectives (a task that is trained through a
    /// product has none) its number does not tell. Before the first evaluation the tasks are taken to be `all`.
    pub fn objective_of(&self, task: &str, all: &[&str]) -> Option<usize> {
        let scored = self.tasks();
        let tasks = if scored.is_empty() { all } else { &scored };
        tasks.iter().position(|other| *other == task).filter(|_| tasks.len() == self.objectives())
    }

    /// The score that weights are chosen by, on validation rows, ascending by step.
    pub fn selection(&self) -> Vec<Point> {
        self.evaluations.values().filter_map(|e| Some(Point { step: e.step, value: e.score.value()? })).collect()
    }

    /// A score on all validation rows that the fit sees, ascending by step.
    pub fn score(&self, task: &str, metric: Metric) -> Vec<Point> {
        let of = |e: &Evaluated| Some(Point { step: e.step, value: overall(e, task, metric)?.scored.score.value()? });
        self.evaluations.values().filter_map(of).collect()
    }

    /// The evaluations, by step.
    pub fn evaluations(&self) -> impl DoubleEndedIterator<Item = &Evaluated> {
        self.evaluations.values()
    }

    /// Reports of progress come every second or so and evaluations every so many steps: the one that tells more makes the
    /// curve. Both in one curve would mix means over few steps with means over many.
    fn losses(&self) -> &Losses {
        let progress_tells_more = self.progress.mean.len() > self.evaluated.mean.len();
        if progress_tells_more { &self.progress } else { &self.evaluated }
    }
}

/// A score over the rows of all scenes; of a fit that has a scene to itself, over those of that scene.
fn overall<'a>(evaluated: &'a Evaluated, task: &str, metric: Metric) -> Option<&'a ValidScore> {
    let mut of_task = evaluated.scores.iter().filter(|score| score.task == task && score.metric == metric);
    let first = of_task.next()?;
    if first.scene.is_none() { Some(first) } else { of_task.next().is_none().then_some(first) }
}

impl Losses {
    fn add(&mut self, step: u64, losses: &[Option<f64>]) {
        let known: Vec<f64> = losses.iter().flatten().copied().collect();
        put(&mut self.mean, step, (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64));
        if self.objectives.len() < losses.len() {
            self.objectives.resize_with(losses.len(), Vec::new);
        }
        for (of, loss) in self.objectives.iter_mut().zip(losses) {
            put(of, step, *loss);
        }
    }

    fn cut(&mut self, step: u64) {
        for points in self.objectives.iter_mut().chain([&mut self.mean]) {
            points.truncate(points.partition_point(|point| point.step <= step));
        }
    }
}

/// Puts a value at its step; `None` and what is not finite leave a gap.
fn put(points: &mut Vec<Point>, step: u64, value: Option<f64>) {
    let Some(value) = value.filter(|value| value.is_finite()) else { return };
    let at = points.partition_point(|point| point.step < step);
    match points.get_mut(at) {
        Some(point) if point.step == step => point.value = value,
        _ => points.insert(at, Point { step, value }),
    }
}
