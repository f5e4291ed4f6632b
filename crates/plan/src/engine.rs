//! What executes a plan. Engines execute and `train` decides: nothing here chooses a learning rate, a weighting or
//! when to stop.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{batch::Batch, factors::Factors, footprint::Footprint, plan::Plan, update::Update};

/// Makes sessions.
pub trait Engine: Send + Sync {
    /// Name, as given to `--engine`.
    fn name(&self) -> &str;

    /// The numerics class: what two machines must share to produce the same bits (instruction set, device, driver).
    fn numerics(&self) -> String;

    /// A session with freshly initialised parameters.
    ///
    /// # Errors
    /// When memory or the device does not suffice.
    fn session(&self, plan: Arc<Plan>, options: SessionOptions) -> Result<Box<dyn Session>, EngineError>;

    /// What it rounds the factors of matrix products to.
    fn factors(&self) -> Factors {
        Factors::F32
    }

    /// How many batches another thread should have ready while a session works on one. 0: there is no thread to spare,
    /// and each is made when it is asked for.
    fn batches_ahead(&self) -> usize {
        2
    }

    /// Rows of a batch below which a pass takes no less time, since nothing but launching it takes any.
    fn least_rows(&self) -> usize {
        64
    }

    /// What [`Engine::session`] would allocate, found without allocating it; `None` where an engine allocates as it
    /// goes and cannot tell.
    ///
    /// # Errors
    /// On a plan that the engine does not execute.
    fn footprint(&self, _plan: &Plan, _options: SessionOptions) -> Result<Option<Footprint>, EngineError> {
        Ok(None)
    }
}

/// What a session is created with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// No batch will have more rows.
    pub max_rows: usize,
    /// Seed of initial values.
    pub initialisation: u64,
    /// Seed of dropout masks.
    pub dropout: u64,
    /// How tables are updated.
    pub tables: TableUpdates,
}

/// How the rows of a table that a batch did not touch are updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableUpdates {
    /// As a dense optimiser would, lazily: a row replays its missed steps at its next touch and before every
    /// prediction, snapshot and change of optimiser, bit for bit what [`TableUpdates::Dense`] computes.
    Exact,
    /// Not at all: only touched rows advance (PyTorch's `SparseAdam`). Bias correction uses the global step.
    Sparse,
    /// By sweeping the whole table each step; the yardstick of `Exact`.
    Dense,
}

/// A forward pass in training mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Keys the dropout masks.
    pub step: u64,
    /// Whether it belongs to the training: running statistics advance, and losses are added up. Of one that does not, only
    /// the gradients stay.
    pub counts: bool,
}

impl Pass {
    /// Of step `step`.
    pub fn of(step: u64) -> Self {
        Self { step, counts: true }
    }

    /// One that only looks, with the masks of step `step`: no later bit depends on it.
    pub fn looking(step: u64) -> Self {
        Self { step, counts: false }
    }
}

/// One model in training: parameters, state and the optimiser's memory.
pub trait Session: Send {
    /// The plan it executes.
    fn plan(&self) -> &Arc<Plan>;

    /// One training step: forward, losses, the gradient of `Σ weights[k] · L_k`, update. `weights` has one entry an
    /// objective.
    ///
    /// # Errors
    /// On a batch that does not fit the session, or a device failure, of which a later call may tell: a session may go on
    /// with a step after this has returned. A loss that is not finite is no error here: it shows in [`Session::losses`].
    fn step(&mut self, batch: &Batch, weights: &[f32], update: &Update) -> Result<(), EngineError>;

    /// As [`Session::step`]; an engine that compiles kernels tells of it meanwhile, on the caller's thread, which changes no
    /// bit of the step.
    ///
    /// # Errors
    /// As [`Session::step`].
    fn step_telling(
        &mut self,
        batch: &Batch,
        weights: &[f32],
        update: &Update,
        _tell: &mut dyn FnMut(Compiling),
    ) -> Result<(), EngineError> {
        self.step(batch, weights, update)
    }

    /// One forward pass in training mode (running statistics advance once, if it counts) and a backward pass for each of
    /// `weightings`; the gradients stay in the session as numbers `0..weightings.len()`.
    ///
    /// # Errors
    /// As [`Session::step`].
    fn gradients(&mut self, batch: &Batch, pass: Pass, weightings: &[&[f32]]) -> Result<(), EngineError>;

    /// Reads back one of the gradients that [`Session::gradients`] left.
    ///
    /// # Errors
    /// When there is no gradient of that number, or on a device failure.
    fn gradient(&mut self, number: usize) -> Result<Gradient, EngineError>;

    /// Inner products of the gradients that [`Session::gradients`] left, `[k, k]` row-major, over the parameters
    /// (dense and tables) reached by more than one objective.
    ///
    /// # Errors
    /// On a device failure.
    fn gram(&mut self) -> Result<Vec<f64>, EngineError>;

    /// Applies `Σ coefficients[k] · gradient k` as an update.
    ///
    /// # Errors
    /// When the count differs from that of the gradients, or on a device failure.
    fn combine(&mut self, coefficients: &[f32], update: &Update) -> Result<(), EngineError>;

    /// The objectives' losses since the last call, in the order of the plan's objectives.
    ///
    /// # Errors
    /// On a device failure.
    fn losses(&mut self) -> Result<Vec<LossTotals>, EngineError>;

    /// Predictions in evaluation mode: no dropout, running statistics, tables brought up to date first. `out[o]`
    /// becomes `[rows, width]` of output `o`.
    ///
    /// # Errors
    /// As [`Session::step`].
    fn predict(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError>;

    /// What the gates give in evaluation mode, as [`Session::predict`] mixes by it: `out[g]` becomes
    /// `[rows, gates, experts]` of the `g`-th of [`Plan::gates`], exactly 0 where its mask forbids.
    ///
    /// # Errors
    /// As [`Session::step`].
    fn gates(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError>;

    /// Copies out weights and state, and the optimiser's memory too if `everything`. Tables are brought up to date
    /// first, which changes no later bit.
    ///
    /// # Errors
    /// On a device failure.
    fn snapshot(&mut self, everything: bool) -> Result<Snapshot, EngineError>;

    /// Puts a snapshot back. One without the optimiser's memory leaves the session's own in place.
    ///
    /// # Errors
    /// When its sizes are not the plan's, or on a device failure.
    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EngineError>;
}

/// How far the compilation of a step's kernels is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compiling {
    /// Kernels that are ready.
    pub ready: usize,
    /// Kernels of a step.
    pub of: usize,
    /// The one that comes next; `None` once all are ready.
    pub kernel: Option<&'static str>,
}

impl fmt::Display for Compiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kernel {
            Some(kernel) => write!(f, "compiling kernels {} of {} ({kernel})", self.ready + 1, self.of),
            None => write!(f, "{} kernels compiled", self.ready),
        }
    }
}

/// An objective's losses over the steps since they were last read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossTotals {
    /// Sum over steps.
    pub sum: f64,
    /// Number of steps, those without a row of the objective left out.
    pub steps: u64,
    /// The first step whose loss was not finite, if any.
    pub first_not_finite: Option<u64>,
}

/// A gradient on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// The arena's; padding is 0.
    pub dense: Vec<f32>,
    /// One for each table.
    pub tables: Vec<TableGradient>,
}

/// The gradient of a table: rows it does not name are 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableGradient {
    /// Sorted unique rows.
    pub rows: Vec<u32>,
    /// `[rows, dim]`.
    pub values: Vec<f32>,
}

/// A session's contents on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The dense arena.
    pub dense: Vec<f32>,
    /// Each table, `[rows, dim]`.
    pub tables: Vec<Vec<f32>>,
    /// Each state.
    pub states: Vec<Vec<f32>>,
    /// The optimiser's memory, if asked for.
    pub memory: Option<Memory>,
}

/// The optimiser's memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// The number of the last step taken.
    pub step: u64,
    /// For each moment, the arena's.
    pub dense: Vec<Vec<f32>>,
    /// For each moment and table, `[rows, dim]`.
    pub tables: Vec<Vec<Vec<f32>>>,
}

/// Why an engine could not do as asked.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EngineError {
    /// A batch does not fit the plan or the session.
    #[error("the batch does not fit the session: {0}")]
    Batch(String),
    /// A call's argument has the wrong size.
    #[error("{what}: expected {expected}, got {got}")]
    Argument {
        /// Which argument.
        what: &'static str,
        /// What it should be.
        expected: usize,
        /// What it was.
        got: usize,
    },
    /// Not enough memory.
    #[error("needs {needed} bytes of memory for {what}, {available} are available")]
    Memory {
        /// For what.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes available.
        available: u64,
    },
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
}

impl EngineError {
    /// Refuses an argument of the wrong size.
    ///
    /// # Errors
    /// When it is not the one expected.
    pub fn check(what: &'static str, expected: usize, got: usize) -> Result<(), Self> {
        if expected == got { Ok(()) } else { Err(Self::Argument { what, expected, got }) }
    }
}

impl Snapshot {
    /// Whether a session of `plan` can be put back to it.
    ///
    /// # Errors
    /// When its sizes are not the plan's, or it has more moments than any rule keeps.
    pub fn check(&self, plan: &Plan) -> Result<(), EngineError> {
        check_values(plan, &self.dense, &self.tables)?;
        EngineError::check("number of states", plan.states.len(), self.states.len())?;
        for (spec, state) in plan.states.iter().zip(&self.states) {
            EngineError::check("length of a state", spec.len, state.len())?;
        }
        let Some(memory) = &self.memory else { return Ok(()) };
        EngineError::check("number of moments, at most", memory.dense.len().min(2), memory.dense.len())?;
        EngineError::check("number of moments of tables", memory.dense.len(), memory.tables.len())?;
        memory.dense.iter().zip(&memory.tables).try_for_each(|(dense, tables)| check_values(plan, dense, tables))
    }
}

fn check_values(plan: &Plan, dense: &[f32], tables: &[Vec<f32>]) -> Result<(), EngineError> {
    EngineError::check("length of the arena", plan.arena_len, dense.len())?;
    EngineError::check("number of tables", plan.tables.len(), tables.len())?;
    for (spec, table) in plan.tables.iter().zip(tables) {
        EngineError::check("length of a table", spec.rows * spec.dim, table.len())?;
    }
    Ok(())
}
