//! What an architecture is.

use mmtl_plan::{Knob, Plan, PlanError, Schema, Settings};

/// A way to turn a schema into plans.
pub trait Architecture: Sync + Send {
    /// Name, as in experiment files; also the section of its knobs.
    fn name(&self) -> &'static str;

    /// Name in full.
    fn title(&self) -> &'static str;

    /// Paper, venue and equations.
    fn source(&self) -> &'static str;

    /// Its own knobs, beside those of [`crate::model_knobs`].
    fn knobs(&self) -> Vec<Knob>;

    /// Whether it makes sense for this data under this protocol.
    ///
    /// # Errors
    /// A sentence saying why it does not: such a combination is "n/a" in a table and never runs.
    fn applies(&self, schema: &Schema, protocol: Protocol) -> Result<(), String> {
        let _ = (schema, protocol);
        Ok(())
    }

    /// What it trains: one entry a fit. By default a single fit of all tasks.
    fn fits(&self, schema: &Schema) -> Vec<FitTasks> {
        vec![FitTasks { name: "all".to_owned(), tasks: (0..schema.tasks.len()).collect() }]
    }

    /// The plan of one fit, with an output for each of `tasks` (indices into the schema), in that order. `model` is
    /// resolved against [`crate::model_knobs`] and `own` against [`Architecture::knobs`].
    ///
    /// # Errors
    /// When the settings do not make a net (an empty list of expert widths, no input field), or names in the schema
    /// clash.
    fn plan(&self, schema: &Schema, tasks: &[usize], model: &Settings, own: &Settings) -> Result<Plan, PlanError>;
}

/// The tasks of one fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FitTasks {
    /// Name, unique within the architecture.
    pub name: String,
    /// Indices into the schema's tasks.
    pub tasks: Vec<usize>,
}

/// Which rows a fit is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// One fit on the rows of all scenes.
    Joint,
    /// A fit of its own for each scene, on that scene's rows only.
    PerScene,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 2] = [Self::Joint, Self::PerScene];

    /// Name, as in experiment files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Joint => "joint",
            Self::PerScene => "per-scene",
        }
    }
}
