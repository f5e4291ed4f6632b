//! How a step grows with the size of what it does.

use mmtl_plan::{Engine, TableUpdates};
use serde::Serialize;

use crate::error::BenchError;
use crate::model::{Model, Setting};
use crate::running::Call;
use crate::session_timing::{Round, time_session};
use crate::slope::slope;
use crate::spread::Spread;
use crate::world::World;

/// What grows; all else stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Rows of a batch.
    Batch,
    /// Experts of an MMoE.
    Experts,
    /// Tasks, each with gate and tower.
    Tasks,
    /// Fields of 10,000 ids.
    Fields,
    /// Scenes of a STAR.
    Scenes,
}

/// One size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// How many.
    pub count: usize,
    /// Seconds of a step.
    pub seconds: Spread,
    /// Floating-point operations of the step.
    pub flops: usize,
}

/// One axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Growth {
    /// What grew.
    pub axis: Axis,
    /// By ascending count.
    pub points: Vec<Point>,
    /// Exponent of the time's power law; 1 is linear.
    pub slope: Option<f64>,
    /// The same of the floating-point operations, to compare it with: what does not grow with the axis bends both.
    pub flops_slope: Option<f64>,
}

impl Axis {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Batch, Self::Experts, Self::Tasks, Self::Fields, Self::Scenes];

    /// Name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Experts => "experts",
            Self::Tasks => "tasks",
            Self::Fields => "fields",
            Self::Scenes => "scenes",
        }
    }

    fn counts(self) -> &'static [usize] {
        match self {
            Self::Batch => &[256, 512, 1024, 2048, 4096, 8192],
            Self::Experts => &[2, 4, 8, 16, 32],
            Self::Tasks => &[1, 2, 4, 8, 16],
            Self::Fields => &[4, 8, 16, 32, 64],
            Self::Scenes => &[1, 2, 5, 10, 20],
        }
    }

    /// An MMoE of 8 experts 64-32 on 2 tasks and 16 fields, batch 1,024, with one of these replaced; scenes are those
    /// of a STAR 128-64, batch 4,096.
    fn model(self, count: usize) -> Model {
        let of = |axis: Self, otherwise: usize| if self == axis { count } else { otherwise };
        let world =
            World { fields: of(Self::Fields, 16), ids: 10_000, tasks: of(Self::Tasks, 2), scenes: of(Self::Scenes, 1) };
        if self == Self::Scenes {
            let settings = vec![
                Setting::Wholes("bottom_widths", &[128, 64]),
                Setting::Word("norm", "none"),
                Setting::Flag("auxiliary", false),
            ];
            return Model { architecture: "star", settings, world, rows: 4096 };
        }
        let settings = vec![
            Setting::Whole("experts", of(Self::Experts, 8).cast_signed() as i64),
            Setting::Wholes("expert_widths", &[64, 32]),
            Setting::Wholes("tower_widths", &[32]),
        ];
        Model { architecture: "mmoe", settings, world, rows: of(Self::Batch, 1024) }
    }
}

/// Step times along an axis, `seconds` for each of its counts.
///
/// # Errors
/// As [`time_session`].
pub fn time_growth(axis: Axis, engine: &dyn Engine, seconds: f64) -> Result<Growth, BenchError> {
    let point = |&count: &usize| {
        let model = axis.model(count);
        let round = Round { batches: 16, whole_first: false };
        let measured = time_session(axis.name(), &model, TableUpdates::Exact, Call::Step, engine, round, seconds)?;
        let flops = measured.size.map_or(0, |size| size.flops_per_row) * model.rows;
        Ok(Point { count, seconds: measured.seconds, flops })
    };
    let points = axis.counts().iter().map(point).collect::<Result<Vec<Point>, BenchError>>()?;
    let along = |of: fn(&Point) -> f64| slope(&points.iter().map(|p| (p.count as f64, of(p))).collect::<Vec<_>>());
    let (time, flops) = (along(|p| p.seconds.median), along(|p| p.flops as f64));
    Ok(Growth { axis, points, slope: time, flops_slope: flops })
}
