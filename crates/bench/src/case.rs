//! The cases.

use mmtl_plan::{Engine, TableUpdates, nearest};

use crate::auc::time_auc;
use crate::error::BenchError;
use crate::measured::Measured;
use crate::model::{Model, Setting};
use crate::running::Call;
use crate::session_timing::{Round, time_session};
use crate::world::World;

/// Rows of the case `auc`.
pub const AUC_ROWS: usize = 10_000_000;

/// Batches that a case goes round; each has ids of its own.
const SOME: Round = Round { batches: 16, whole_first: false };

/// A row of a wide table comes up once in 24 batches: over fewer batches than these its missed steps would be too few,
/// and before each has come up once there are none.
const WIDE: Round = Round { batches: 64, whole_first: true };

/// Batches of 65,536 rows touch every row of a table, whichever they are.
const BROAD: Round = Round { batches: 4, whole_first: false };

/// Something to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Name, as on the command line.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// What is done.
    pub work: Work,
    /// Whether it is left out unless it is asked for by name: it would take a processor minutes.
    pub only_by_name: bool,
}

/// What a case does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Training steps with Adam.
    Step {
        /// What is trained.
        model: Model,
        /// How its tables are updated.
        tables: TableUpdates,
        /// What it is timed on.
        round: Round,
    },
    /// Predictions.
    Predict {
        /// What predicts.
        model: Model,
        /// What it is timed on.
        round: Round,
    },
    /// The exact AUC of generated predictions.
    Auc {
        /// How many.
        rows: usize,
    },
}

impl Case {
    /// The same of other rows a call.
    #[must_use]
    pub fn of_rows(mut self, count: usize) -> Self {
        match &mut self.work {
            Work::Step { model, .. } | Work::Predict { model, .. } => model.rows = count,
            Work::Auc { rows } => *rows = count,
        }
        self
    }

    /// Measures it on `engine` for about `seconds`, the warm-up apart.
    ///
    /// # Errors
    /// When the engine fails or a loss is not finite.
    pub fn time(&self, engine: &dyn Engine, seconds: f64) -> Result<Measured, BenchError> {
        match &self.work {
            Work::Step { model, tables, round } => {
                time_session(self.name, model, *tables, Call::Step, engine, *round, seconds)
            }
            Work::Predict { model, round } => {
                time_session(self.name, model, TableUpdates::Exact, Call::Predict, engine, *round, seconds)
            }
            Work::Auc { rows } => time_auc(self.name, *rows, seconds),
        }
    }
}

/// All cases, in the order in which they are measured.
pub fn cases() -> Vec<Case> {
    let exact = TableUpdates::Exact;
    let step = |name, about, model, tables, round| Case {
        name,
        about,
        work: Work::Step { model, tables, round },
        only_by_name: false,
    };
    let broad =
        |name, about, model| Case { only_by_name: true, ..step(name, about, model, TableUpdates::Exact, BROAD) };
    let (large, wide) = (mmoe(10_000, 8, &[256, 128], 4096), mmoe(100_000, 8, &[256, 128], 4096));
    let small = |rows| mmoe(10_000, 4, &[64, 32], rows);
    vec![
        step("large", "MMoE of 8 experts 256-128, 16 fields of 10,000 ids, batch 4,096", large.clone(), exact, SOME),
        step("wide-exact", "`large` with 100,000 ids a field, as dense Adam", wide.clone(), exact, WIDE),
        step(
            "wide-sparse",
            "`large` with 100,000 ids a field, only touched rows advance",
            wide,
            TableUpdates::Sparse,
            Round { whole_first: false, ..WIDE },
        ),
        step("small-512", "MMoE of 4 experts 64-32, batch 512", small(512), exact, SOME),
        step("small-1024", "MMoE of 4 experts 64-32, batch 1,024", small(1024), exact, SOME),
        step("small-2048", "MMoE of 4 experts 64-32, batch 2,048", small(2048), exact, SOME),
        step("star-1", "STAR 256-128-64, 14 fields of 10,000 ids, batch 4,096, 1 scene", star(1), exact, SOME),
        step("star-5", "the same with 5 scenes", star(5), exact, SOME),
        step("star-10", "the same with 10 scenes", star(10), exact, SOME),
        Case {
            name: "evaluation",
            about: "predictions of `large`",
            work: Work::Predict { model: large, round: SOME },
            only_by_name: false,
        },
        Case {
            name: "auc",
            about: "exact AUC of 10 million rows",
            work: Work::Auc { rows: AUC_ROWS },
            only_by_name: false,
        },
        broad("experts-wide", "MMoE of 16 experts 512-256 on 624 inputs, batch 65,536", experts_wide()),
        broad("norm-wide", "STAR 64 with its norm of 624 inputs, batch 65,536, 10 scenes", norm_wide()),
    ]
}

/// The case called `name`.
///
/// # Errors
/// When there is none.
pub fn case(name: &str) -> Result<Case, BenchError> {
    let cases = cases();
    let known: Vec<&'static str> = cases.iter().map(|case| case.name).collect();
    cases.into_iter().find(|case| case.name == name).ok_or_else(|| BenchError::Case {
        name: name.to_owned(),
        nearest: nearest(name, known.iter().copied()),
        known,
    })
}

/// What takes a processor seconds a step: little but the experts, whose 39 fields of 16 make 624 inputs.
fn experts_wide() -> Model {
    Model {
        architecture: "mmoe",
        settings: vec![
            Setting::Whole("experts", 16),
            Setting::Wholes("expert_widths", &[512, 256]),
            Setting::Wholes("tower_widths", &[]),
        ],
        world: World { fields: 39, ids: 10_000, tasks: 2, scenes: 1 },
        rows: 65_536,
    }
}

/// A norm as wide, whose statistics are those of each scene's rows, and little else.
fn norm_wide() -> Model {
    Model {
        architecture: "star",
        settings: vec![
            Setting::Wholes("bottom_widths", &[64]),
            Setting::Wholes("tower_widths", &[]),
            Setting::Flag("auxiliary", false),
        ],
        world: World { fields: 39, ids: 10_000, tasks: 1, scenes: 10 },
        rows: 65_536,
    }
}

/// 16 fields, two tasks with towers 64-32.
fn mmoe(ids: usize, experts: i64, widths: &'static [i64], rows: usize) -> Model {
    let towers = Setting::Wholes("tower_widths", &[64, 32]);
    Model {
        architecture: "mmoe",
        settings: vec![Setting::Whole("experts", experts), Setting::Wholes("expert_widths", widths), towers],
        world: World { fields: 16, ids, tasks: 2, scenes: 1 },
        rows,
    }
}

/// 14 fields, one task, star layers only: no norm and no auxiliary net.
fn star(scenes: usize) -> Model {
    Model {
        architecture: "star",
        settings: vec![
            Setting::Wholes("bottom_widths", &[256, 128, 64]),
            Setting::Wholes("tower_widths", &[]),
            Setting::Word("norm", "none"),
            Setting::Flag("auxiliary", false),
        ],
        world: World { fields: 14, ids: 10_000, tasks: 1, scenes },
        rows: 4096,
    }
}
