//! The keys of `[train]`, typed.

use std::time::Duration;

use mmtl_plan::{Decay, Optimiser, Schema, Settings, TableUpdates};
use serde::Serialize;

use crate::error::TrainError;
use crate::schedule::{Schedule, Shape};
use crate::timetable::Timetable;

/// How a fit is trained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Training {
    /// The most epochs.
    pub epochs: u64,
    /// Rows of a step.
    pub batch_size: usize,
    /// The rule of an update.
    pub optimiser: Optimiser,
    /// Weight decay.
    pub decay: Decay,
    /// The loss's gradient is scaled down to this norm.
    pub clip: Option<f32>,
    /// The highest learning rate.
    pub lr: f64,
    /// How the rate falls.
    pub shape: Shape,
    /// Where it ends, as a share of `lr`.
    pub final_lr: f64,
    /// Epochs over which it first rises.
    pub warmup: f64,
    /// Epochs between evaluations.
    pub eval_every: f64,
    /// Evaluations in a row without a better score of the run that end the fit.
    pub patience: Option<u64>,
    /// How tables are updated.
    pub tables: TableUpdates,
    /// What each task's loss is multiplied by, one a task of the schema.
    pub task_weights: Vec<f32>,
    /// What a step or plateau schedule drops by, and when; a default is left out of a checkpoint's identity.
    #[serde(skip_serializing_if = "Drops::is_default")]
    pub drops: Drops,
    /// γ of each task, by which its weight is multiplied after each epoch (Tang et al., RecSys 2020, eq. 10); empty for 1
    /// each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_weight_decay: Vec<f64>,
    /// ε; see [`mmtl_plan::Loss::smoothing`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_smoothing: Option<f32>,
    /// How weights are averaged, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub averaging: Option<Averaging>,
    /// Time between checkpoints. Left out of a checkpoint's identity, since it moves no number.
    #[serde(skip)]
    pub checkpoint_every: Duration,
}

/// A moving average of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Averaging {
    /// What is left of it after a step.
    pub decay: f64,
    /// Steps from one averaging to the next.
    pub every: u64,
}

/// Drops of the learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drops {
    /// What each multiplies it by.
    pub factor: f64,
    /// Epochs from one to the next, of a step schedule.
    pub every: f64,
    /// Evaluations without a better score that bring one, of a plateau schedule.
    pub patience: u64,
}

impl Drops {
    fn is_default(&self) -> bool {
        *self == Self { factor: 0.1, every: 1.0, patience: 1 }
    }
}

impl Training {
    /// Reads settings of [`crate::knobs`] for the tasks of `schema`.
    ///
    /// # Errors
    /// When `task_weights` or `task_weight_decay` are given, but not one a task; when a weight grows beyond all numbers.
    pub fn new(settings: &Settings, schema: &Schema) -> Result<Self, TrainError> {
        let training = Self {
            epochs: settings.size("epochs") as u64,
            batch_size: settings.size("batch_size"),
            optimiser: optimiser(settings),
            decay: Decay { dense: settings.float("decay_dense") as f32, tables: settings.float("decay_tables") as f32 },
            clip: positive(settings.float("clip")).map(|norm| norm as f32),
            lr: settings.float("lr"),
            shape: settings.chosen("schedule", &SHAPES),
            final_lr: settings.float("final_lr"),
            warmup: settings.float("warmup"),
            eval_every: settings.float("eval_every"),
            patience: Some(settings.size("patience") as u64).filter(|&p| p > 0),
            tables: settings.chosen("table_updates", &TABLES),
            task_weights: task_weights(settings.floats("task_weights"), schema)?,
            drops: Drops {
                factor: settings.float("drop"),
                every: settings.float("drop_every"),
                patience: settings.size("drop_patience") as u64,
            },
            task_weight_decay: one_a_task("task_weight_decay", settings.floats("task_weight_decay"), schema)?,
            label_smoothing: positive(settings.float("label_smoothing")).map(|share| share as f32),
            averaging: averaging(settings)?,
            checkpoint_every: Duration::from_secs_f64(settings.float("checkpoint_every")),
        };
        let last = training.epochs.saturating_sub(1);
        match (0..schema.tasks.len()).find(|&task| !training.task_weight(task, last).is_finite()) {
            Some(task) => {
                let (task, decay) = (schema.tasks[task].name.clone(), training.task_weight_decay[task]);
                Err(TrainError::WeightGrows { task, decay, epochs: training.epochs })
            }
            None => Ok(training),
        }
    }

    /// The steps of a fit on `rows` train rows.
    pub fn timetable(&self, rows: usize) -> Timetable {
        Timetable { rows, batch_size: self.batch_size, epochs: self.epochs, eval_every: self.eval_every }
    }

    /// The learning rates of a fit.
    pub fn schedule(&self, timetable: &Timetable) -> Schedule {
        Schedule {
            peak: self.lr,
            end: self.final_lr,
            shape: self.shape,
            warmup: timetable.steps_in(self.warmup),
            drop: self.drops.factor,
            drop_every: timetable.steps_in(self.drops.every).max(1),
        }
    }

    /// What a task's loss is multiplied by in `epoch`, counted from 0: `w_k · γ_k^epoch`.
    pub fn task_weight(&self, task: usize, epoch: u64) -> f32 {
        let weight = self.task_weights[task];
        match self.task_weight_decay.get(task).filter(|_| weight > 0.0) {
            // `libm`, so that the bits do not depend on the platform's mathematical library.
            Some(decay) => (f64::from(weight) * libm::pow(*decay, epoch as f64)) as f32,
            None => weight,
        }
    }
}

/// What a knob gives where 0 is to have none.
fn positive(value: f64) -> Option<f64> {
    (value > 0.0).then_some(value)
}

/// Less of new weights than this a time is lost to rounding once they are close to their average. An `ema` of 0.9999 may
/// average after every step.
const LEAST_SHARE: f64 = 9.9e-5;

fn averaging(settings: &Settings) -> Result<Option<Averaging>, TrainError> {
    let Some(decay) = positive(settings.float("ema")) else { return Ok(None) };
    let every = settings.size("ema_every") as u64;
    let least = (libm::log1p(-LEAST_SHARE) / libm::log(decay)).ceil() as u64;
    if every < least {
        return Err(TrainError::Averaging { decay, every, least });
    }
    Ok(Some(Averaging { decay, every }))
}

const SHAPES: [(&str, Shape); 5] = [
    ("constant", Shape::Constant),
    ("cosine", Shape::Cosine),
    ("linear", Shape::Linear),
    ("step", Shape::Step),
    ("plateau", Shape::Plateau),
];

const TABLES: [(&str, TableUpdates); 2] = [("exact", TableUpdates::Exact), ("sparse", TableUpdates::Sparse)];

fn optimiser(settings: &Settings) -> Optimiser {
    let float = |name| settings.float(name) as f32;
    let (beta1, beta2, eps) = (float("beta1"), float("beta2"), float("eps"));
    let rules = [
        ("adam", Optimiser::Adam { beta1, beta2, eps }),
        ("adamw", Optimiser::AdamW { beta1, beta2, eps }),
        ("sgd", Optimiser::Sgd { momentum: float("momentum") }),
        ("adagrad", Optimiser::Adagrad { eps }),
        ("row-wise-adagrad", Optimiser::RowWiseAdagrad { eps }),
        ("rmsprop", Optimiser::RmsProp { alpha: float("alpha"), eps }),
        ("lion", Optimiser::Lion { beta1, beta2 }),
    ];
    settings.chosen("optimiser", &rules)
}

fn task_weights(given: Vec<f64>, schema: &Schema) -> Result<Vec<f32>, TrainError> {
    if given.is_empty() {
        return Ok(vec![1.0; schema.tasks.len()]);
    }
    Ok(one_a_task("task_weights", given, schema)?.into_iter().map(|weight| weight as f32).collect())
}

/// Numbers that are one a task, or none.
fn one_a_task(knob: &'static str, given: Vec<f64>, schema: &Schema) -> Result<Vec<f64>, TrainError> {
    let tasks = schema.tasks.len();
    if !given.is_empty() && given.len() != tasks {
        let names = schema.tasks.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(TrainError::TaskWeights { knob, got: given.len(), expected: tasks, names });
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use mmtl_plan::Value;

    fn training(given: &[(&str, Value)]) -> Result<Training, TrainError> {
        let settings = Settings::resolve(&crate::knobs(), given.iter().map(|(name, value)| (*name, value))).unwrap();
        Training::new(&settings, &fixture::schema())
    }

    fn word(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn every_default_is_accepted_by_its_own_knob() {
        for knob in crate::knobs().iter().chain(&crate::select_knobs()) {
            assert_eq!(knob.accept(&knob.default), Ok(knob.default.clone()), "{}", knob.name);
            assert!(knob.doc.ends_with('.'), "{}", knob.name);
        }
        assert!(crate::PACING.iter().all(|name| crate::knobs().iter().any(|knob| knob.name == *name)));
    }

    #[test]
    fn averages_that_would_stand_still_are_refused() {
        let of = |decay, every| training(&[("ema", Value::Float(decay)), ("ema_every", Value::Int(every))]);
        assert_eq!(of(0.9999, 1).unwrap().averaging, Some(Averaging { decay: 0.9999, every: 1 }));
        assert!(of(0.999_999, 100).is_ok());
        let error = of(0.999_999, 16).unwrap_err().to_string();
        let expected = "`ema_every` is 16, expected at least 100 with an `ema` of 0.999999: less of the weights at a time is lost to rounding";
        assert_eq!(error, expected);
    }

    #[test]
    fn words_become_what_they_say() {
        let adam = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
        let default = training(&[]).unwrap();
        assert_eq!((default.optimiser, default.shape, default.tables), (adam, Shape::Constant, TableUpdates::Exact));
        let of = |name, text| training(&[(name, word(text)), ("momentum", Value::Float(0.5))]).unwrap();
        assert_eq!(of("optimiser", "sgd").optimiser, Optimiser::Sgd { momentum: 0.5 });
        let adamw = Optimiser::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
        assert_eq!(of("optimiser", "adamw").optimiser, adamw);
        assert_eq!(of("optimiser", "adam").optimiser, adam);
        assert_eq!(of("optimiser", "adagrad").optimiser, Optimiser::Adagrad { eps: 1e-8 });
        assert_eq!(of("optimiser", "row-wise-adagrad").optimiser, Optimiser::RowWiseAdagrad { eps: 1e-8 });
        assert_eq!(of("optimiser", "rmsprop").optimiser, Optimiser::RmsProp { alpha: 0.99, eps: 1e-8 });
        assert_eq!(of("optimiser", "lion").optimiser, Optimiser::Lion { beta1: 0.9, beta2: 0.999 });
        assert_eq!(of("schedule", "cosine").shape, Shape::Cosine);
        assert_eq!(of("schedule", "linear").shape, Shape::Linear);
        assert_eq!(of("schedule", "step").shape, Shape::Step);
        assert_eq!(of("schedule", "plateau").shape, Shape::Plateau);
        assert_eq!(of("table_updates", "sparse").tables, TableUpdates::Sparse);
    }

    #[test]
    fn zero_means_off() {
        let off = training(&[]).unwrap();
        assert_eq!((off.clip, off.patience), (None, Some(3)));
        let on = training(&[("clip", Value::Float(2.0)), ("patience", Value::Int(0))]).unwrap();
        assert_eq!((on.clip, on.patience), (Some(2.0), None));
    }

    #[test]
    fn task_weights_are_one_a_task_or_none() {
        let weights = |values: &[f64]| {
            let list = Value::List(values.iter().map(|v| Value::Float(*v)).collect());
            training(&[("task_weights", list)]).map(|t| t.task_weights)
        };
        assert_eq!(weights(&[]).unwrap(), [1.0, 1.0]);
        assert_eq!(weights(&[0.5, 2.0]).unwrap(), [0.5, 2.0]);
        for wrong in [&[1.0][..], &[1.0, 1.0, 1.0]] {
            let error = weights(wrong).unwrap_err().to_string();
            let expected = "numbers, expected one for each of the 2 tasks (click, amount) or none";
            assert_eq!(error, format!("`task_weights` has {} {expected}", wrong.len()));
        }
    }

    fn numbers(values: &[f64]) -> Value {
        Value::List(values.iter().map(|v| Value::Float(*v)).collect())
    }

    #[test]
    fn task_weights_decay_from_epoch_to_epoch() {
        let given = [("task_weights", numbers(&[3.0, 0.5])), ("task_weight_decay", numbers(&[0.5, 2.0]))];
        let decaying = training(&given).unwrap();
        let weights = |epoch| [0, 1].map(|task| decaying.task_weight(task, epoch));
        assert_eq!([0, 1, 3].map(weights), [[3.0, 0.5], [1.5, 1.0], [0.375, 4.0]]);
        assert_eq!(training(&given[..1]).unwrap().task_weight(0, 9), 3.0);
        let error = training(&[("task_weight_decay", numbers(&[0.5]))]).unwrap_err().to_string();
        assert!(
            error.starts_with("`task_weight_decay` has 1 numbers, expected one for each of the 2 tasks"),
            "{error}"
        );
        let growing = |weights: &[f64], epochs| {
            let decays = ("task_weight_decay", numbers(&[1.0, 2.0]));
            training(&[("task_weights", numbers(weights)), decays, ("epochs", Value::Int(epochs))])
        };
        assert!(growing(&[1.0, 1.0], 128).unwrap().task_weight(1, 127).is_finite());
        let error = growing(&[1.0, 1.0], 129).unwrap_err().to_string();
        assert!(error.contains("`task_weight_decay` of `amount` is 2") && error.contains("129 epochs"), "{error}");
        assert_eq!(growing(&[1.0, 0.0], 100_000).unwrap().task_weight(1, 99_999), 0.0);
    }

    /// A checkpoint's identity is made of these: settings that came later leave those of before as they were.
    #[test]
    fn defaults_of_later_settings_are_left_out() {
        let json = serde_json::to_string(&training(&[]).unwrap()).unwrap();
        for later in ["drops", "task_weight_decay", "label_smoothing", "averaging"] {
            assert!(!json.contains(later), "{json}");
        }
        let given = [("drop", Value::Float(0.5)), ("label_smoothing", Value::Float(0.1))];
        let json = serde_json::to_string(&training(&given).unwrap()).unwrap();
        assert!(json.contains("drops") && json.contains("label_smoothing"), "{json}");
    }
}
