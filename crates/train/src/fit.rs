//! The loop of one fit.

use std::io;
use std::sync::Arc;

use mmtl_data::{Batches, Dataset, Order};
use mmtl_plan::{Batch, Engine, Session, Snapshot, Update};

use crate::average::Average;
use crate::best::BestSoFar;
use crate::checkpoint::{Checkpoint, State};
use crate::error::TrainError;
use crate::evaluation::Evaluation;
use crate::fitted::{End, Fitted};
use crate::looks::Looks;
use crate::losses::{LossSums, first_not_finite};
use crate::model::Model;
use crate::pace::Pace;
use crate::plateau::plateaus;
use crate::predict::{Portions, predict};
use crate::schedule::Schedule;
use crate::spec::FitSpec;
use crate::timetable::Timetable;
use crate::validation::Validation;
use crate::watcher::{Command, Progress, Watcher};

/// How a call of [`fit`] ended.
#[derive(Debug)]
pub enum Outcome {
    /// With the best weights.
    Finished(Box<Fitted>),
    /// By [`Command::Stop`], after the watcher was given a checkpoint.
    Stopped,
}

/// Trains one fit, from its start or from a checkpoint of it. What comes out is a function of the specification, the
/// data and the engine's numerics class, wherever and however often it was stopped.
///
/// # Errors
/// When there is no train row, a loss stops being finite, the checkpoint is another fit's, the engine fails, or the
/// watcher cannot record.
pub fn fit(
    engine: &dyn Engine,
    dataset: &Dataset,
    spec: &FitSpec,
    resume: Option<Checkpoint>,
    watcher: &mut dyn Watcher,
) -> Result<Outcome, TrainError> {
    let step = resume.as_ref().map_or(0, Checkpoint::step);
    let mut fit = Fit::new(engine, dataset, spec, step)?;
    if let Some(checkpoint) = resume {
        fit.resume(checkpoint)?;
    }
    if !fit.train(watcher)? {
        return Ok(Outcome::Stopped);
    }
    // The last one lets a trial of several fits go on behind this one.
    watcher.checkpoint(&fit.checkpoint()?).map_err(TrainError::Watcher)?;
    fit.finish().map(|fitted| Outcome::Finished(Box::new(fitted)))
}

/// A fit under way. All that changes is in a [`Checkpoint`] or follows from it, but for `recent`, which people look at and
/// nothing depends on.
struct Fit<'a> {
    dataset: &'a Dataset,
    spec: &'a FitSpec,
    identity: String,
    numerics: String,
    portions: Portions,
    /// The engine's [`Engine::least_rows`].
    least_rows: usize,
    timetable: Timetable,
    schedule: Schedule,
    /// How often validation has stood still; follows from `history`.
    plateaus: u64,
    /// Those of the objectives in the step that is taken.
    weights: Vec<f32>,
    validation: Validation,
    /// Those of the steps to come.
    batches: Batches,
    session: Box<dyn Session>,
    /// The weights' moving average, if they are averaged.
    average: Option<Average>,
    best: BestSoFar,
    step: u64,
    /// Losses since the last evaluation.
    losses: LossSums,
    /// Losses since the last report.
    recent: LossSums,
    history: Vec<Evaluation>,
}

impl<'a> Fit<'a> {
    /// One whose batches begin after `step`.
    fn new(engine: &dyn Engine, dataset: &'a Dataset, spec: &'a FitSpec, step: u64) -> Result<Self, TrainError> {
        let (plan, rows) = (&spec.plan, &spec.rows);
        if rows.train().is_empty() {
            let scene = rows.scene().map(|scene| plan.schema.scenes[scene].clone());
            return Err(TrainError::NoRows { fit: plan.name.clone(), scene });
        }
        let timetable = spec.training.timetable(rows.train().len());
        let portions = Portions { rows: spec.max_rows(), ahead: engine.batches_ahead() };
        let order = Order::new(&spec.seeds, rows.train(), spec.training.batch_size);
        let (epoch, index) = (timetable.epoch(step + 1), timetable.index(step + 1));
        // Their thread puts rows in order while the rest is made.
        let batches = Batches::epochs(dataset, &order, epoch, index, portions.ahead);
        Ok(Self {
            dataset,
            spec,
            identity: spec.identity(engine, dataset),
            numerics: engine.numerics(),
            portions,
            least_rows: engine.least_rows(),
            timetable,
            schedule: spec.training.schedule(&timetable),
            plateaus: 0,
            weights: vec![1.0; plan.objectives.len()],
            validation: Validation::new(dataset, plan, rows.valid(), spec.selection.score.of_fit(plan), &spec.looks),
            batches,
            session: engine.session(spec.plan_to_train(), spec.session_options())?,
            average: spec.training.averaging.map(|averaging| Average::new(averaging, &timetable)),
            best: BestSoFar::new(spec.selection, spec.training.patience, plan),
            step: 0,
            losses: LossSums::default(),
            recent: LossSums::default(),
            history: vec![],
        })
    }

    fn resume(&mut self, checkpoint: Checkpoint) -> Result<(), TrainError> {
        checkpoint.check(&self.identity, &self.numerics)?;
        self.session.restore(&checkpoint.session)?;
        let State { step, stale, losses, history, fit: _, numerics: _ } = checkpoint.state;
        (self.step, self.losses, self.history) = (step, losses, history);
        (self.best.kept, self.best.stale) = (checkpoint.best, stale);
        if let Some(average) = &mut self.average {
            average.weights = checkpoint.average;
        }
        self.plateaus = plateaus(&self.history, self.spec.training.drops.patience, self.schedule.warmup);
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.step == self.timetable.steps() || self.best.exhausted()
    }

    /// Whether it was trained to its end.
    fn train(&mut self, watcher: &mut dyn Watcher) -> Result<bool, TrainError> {
        let mut pace = Pace::new(self.spec.training.checkpoint_every);
        let mut looks = watcher.wants_insight().then(|| self.looks());
        while !self.is_done() {
            let prepared = self.batches.next().expect("epochs follow each other without end");
            let compiled = self.take_step(&prepared.batch, watcher)?;
            self.average_weights()?;
            pace.count(prepared.rows.len());
            if compiled {
                pace.start_again();
            }
            self.batches.give_back(prepared);
            if self.timetable.reads(self.step) {
                self.read_losses()?;
                if self.timetable.evaluates(self.step) {
                    self.evaluate(watcher)?;
                    if let Some(looks) = looks.as_mut().filter(|looks| looks.are_due(self.step)) {
                        let insight = looks.take(self.session.as_mut(), self.step)?;
                        watcher.insight(&insight).map_err(TrainError::Watcher)?;
                    }
                }
                if !self.is_done() && self.look_up(watcher, &mut pace)? == Command::Stop {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn looks(&self) -> Looks {
        Looks::new(self.dataset, &self.spec.plan, &self.spec.rows, self.timetable, self.least_rows)
    }

    /// Whether kernels were compiled meanwhile.
    fn take_step(&mut self, batch: &Batch, watcher: &mut dyn Watcher) -> Result<bool, TrainError> {
        let step = self.step + 1;
        let training = &self.spec.training;
        let epoch = self.timetable.epoch(step);
        for (weight, objective) in self.weights.iter_mut().zip(&self.spec.plan.objectives) {
            *weight = training.task_weight(objective.task, epoch);
        }
        let update = Update {
            optimiser: training.optimiser,
            lr: self.schedule.rate(step, self.timetable.steps(), self.plateaus) as f32,
            step,
            clip: training.clip,
            decay: training.decay,
        };
        let mut told: Option<io::Result<()>> = None;
        let mut tell = |compiling| match told {
            Some(Err(_)) => {}
            None | Some(Ok(())) => told = Some(watcher.compiling(compiling)),
        };
        self.session.step_telling(batch, &self.weights, &update, &mut tell)?;
        self.step = step;
        told.map_or(Ok(false), |told| told.map(|()| true)).map_err(TrainError::Watcher)
    }

    fn read_losses(&mut self) -> Result<(), TrainError> {
        let totals = self.session.losses()?;
        if let Some((step, objective)) = first_not_finite(&totals) {
            let objective = self.spec.plan.objectives[objective].name.clone();
            return Err(TrainError::NotFinite { step, objective });
        }
        self.losses.add(&totals);
        self.recent.add(&totals);
        Ok(())
    }

    /// Averages the weights in where it is time.
    fn average_weights(&mut self) -> Result<(), TrainError> {
        let Some(average) = &mut self.average else { return Ok(()) };
        if average.is_due(self.step) {
            average.add(self.step, &self.session.snapshot(false)?);
        }
        Ok(())
    }

    /// Puts the average in the weights' place, if they are averaged, and returns them. The optimiser's memory stays.
    fn put_average(&mut self) -> Result<Option<Snapshot>, TrainError> {
        let Some(average) = &self.average else { return Ok(None) };
        let own = self.session.snapshot(false)?;
        self.session.restore(average.or(&own))?;
        Ok(Some(own))
    }

    fn evaluate(&mut self, watcher: &mut dyn Watcher) -> Result<(), TrainError> {
        let own = self.put_average()?;
        let predictions = predict(self.session.as_mut(), self.dataset, self.validation.rows(), self.portions)?;
        let outputs = self.validation.score(&predictions)?;
        let choices = self.best.judge(&outputs);
        let improves = choices.iter().any(|choice| choice.best);
        let snapshot = improves.then(|| self.session.snapshot(false)).transpose()?.map(Arc::new);
        own.map(|own| self.session.restore(&own)).transpose()?;
        self.best.keep(self.step, &choices, snapshot.as_ref());
        let evaluation = Evaluation {
            step: self.step,
            epochs: self.timetable.epochs_done(self.step),
            losses: self.losses.take_means(),
            choices,
            outputs,
        };
        watcher.evaluated(&evaluation).map_err(TrainError::Watcher)?;
        self.history.push(evaluation);
        self.plateaus = plateaus(&self.history, self.spec.training.drops.patience, self.schedule.warmup);
        Ok(())
    }

    /// Reports, asks for a command and heeds it.
    fn look_up(&mut self, watcher: &mut dyn Watcher, pace: &mut Pace) -> Result<Command, TrainError> {
        if let Some(rows_per_second) = pace.report_due() {
            let progress = Progress {
                step: self.step,
                steps: self.timetable.steps(),
                epochs: self.timetable.epochs_done(self.step),
                rows_per_second,
                losses: self.recent.take_means(),
            };
            watcher.progress(&progress).map_err(TrainError::Watcher)?;
        }
        let command = watcher.command().map_err(TrainError::Watcher)?;
        let wanted = match command {
            Command::Continue => pace.checkpoint_due(),
            Command::Checkpoint | Command::Stop => true,
        };
        if wanted {
            pace.timed(|| watcher.checkpoint(&self.checkpoint()?).map_err(TrainError::Watcher))?;
        }
        Ok(command)
    }

    fn checkpoint(&mut self) -> Result<Checkpoint, TrainError> {
        let state = State {
            fit: self.identity.clone(),
            numerics: self.numerics.clone(),
            step: self.step,
            stale: self.best.stale,
            losses: self.losses.clone(),
            history: self.history.clone(),
        };
        let average = self.average.as_ref().and_then(|average| average.weights.clone());
        Ok(Checkpoint { state, session: self.session.snapshot(true)?, average, best: self.best.kept.clone() })
    }

    /// Restores the best weights, however the fit ended.
    fn finish(mut self) -> Result<Fitted, TrainError> {
        let end = if self.best.exhausted() { End::Patience } else { End::Epochs };
        self.put_average()?;
        let choices = self.history.last().map_or(&[][..], |last| &last.choices);
        let session = &mut self.session;
        let last = || session.snapshot(false).map(|snapshot| (self.step, Arc::new(snapshot)));
        let best = self.best.settle(choices, last)?;
        Ok(Fitted::new(Model::new(self.session, self.portions, best)?, self.history, self.step, end))
    }
}
