//! Steps whose instructions are counted: few enough that an instrumented run takes seconds, with every kind of work that
//! the timed cases have.

use std::sync::Arc;

use mmtl_plan::{Engine, EngineError, TableUpdates, nearest};

use crate::error::BenchError;
use crate::model::{Model, Setting};
use crate::running::{Call, Running, batches};
use crate::world::World;

const ROWS: usize = 256;

/// A row of a table comes up in every sixteenth batch: after as many, most have been trained and have missed steps.
const WIDE_STEPS: usize = 16;

/// One step of a fresh session, after some that are not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Name.
    pub name: &'static str,
    /// What is trained.
    pub model: Model,
    /// How its tables are updated.
    pub tables: TableUpdates,
    /// Steps before the counted one, each on a batch of its own, as is the counted one.
    pub warm_up: usize,
}

impl Counted {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let (exact, sparse) = (TableUpdates::Exact, TableUpdates::Sparse);
        vec![
            Self { name: "mmoe", model: mmoe(), tables: exact, warm_up: 1 },
            Self { name: "small-tables", model: small_tables(), tables: exact, warm_up: 1 },
            Self { name: "star", model: star(), tables: exact, warm_up: 1 },
            Self { name: "wide-exact", model: wide(), tables: exact, warm_up: WIDE_STEPS },
            Self { name: "wide-sparse", model: wide(), tables: sparse, warm_up: WIDE_STEPS },
        ]
    }

    /// The one called `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(name: &str) -> Result<Self, BenchError> {
        let all = Self::all();
        let known: Vec<&'static str> = all.iter().map(|counted| counted.name).collect();
        all.into_iter().find(|counted| counted.name == name).ok_or_else(|| BenchError::Case {
            name: name.to_owned(),
            nearest: nearest(name, known.iter().copied()),
            known,
        })
    }

    /// Warms up on `engine` and takes the step.
    ///
    /// # Errors
    /// When the engine fails or a loss is not finite.
    pub fn run(&self, engine: &dyn Engine) -> Result<(), BenchError> {
        let batches = batches(self.model.world, self.model.rows, self.warm_up + 1);
        let mut running = Running::new(Arc::new(self.model.plan()?), batches, self.tables, Call::Step, engine)?;
        for _ in 0..self.warm_up {
            running.call()?;
        }
        the_counted_step(&mut running)?;
        running.check()
    }
}

/// `benches/instructions/count.py` counts from this function's entry to its return and finds it by its name.
#[inline(never)]
fn the_counted_step(running: &mut Running) -> Result<(), EngineError> {
    running.call()
}

/// Experts, gates and towers; tables so small that they cost little.
fn mmoe() -> Model {
    Model {
        architecture: "mmoe",
        settings: vec![
            Setting::Whole("experts", 4),
            Setting::Wholes("expert_widths", &[64, 32]),
            Setting::Wholes("tower_widths", &[32]),
        ],
        world: World { fields: 8, ids: 500, tasks: 2, scenes: 1 },
        rows: ROWS,
    }
}

/// The same on tables that are multiplied by id.
fn small_tables() -> Model {
    Model { world: World { fields: 16, ids: 30, tasks: 2, scenes: 1 }, ..mmoe() }
}

/// Star layers over row ranges, the partitioned norm and the auxiliary net.
fn star() -> Model {
    Model {
        architecture: "star",
        settings: vec![Setting::Wholes("bottom_widths", &[64, 32])],
        world: World { fields: 8, ids: 500, tasks: 1, scenes: 5 },
        rows: ROWS,
    }
}

/// Next to nothing but tables.
fn wide() -> Model {
    Model {
        architecture: "shared-bottom",
        settings: vec![Setting::Wholes("bottom_widths", &[16]), Setting::Wholes("tower_widths", &[])],
        world: World { fields: 8, ids: 16 * ROWS, tasks: 1, scenes: 1 },
        rows: ROWS,
    }
}
