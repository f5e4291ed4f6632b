//! An architecture of the zoo with its knobs, on a generated world.

use mmtl_plan::{Knob, Plan, Settings, Value};
use mmtl_zoo::{architecture, model_knobs};

use crate::error::BenchError;
use crate::world::World;

/// Width of every embedding.
const DIM: i64 = 16;

/// A knob of an architecture that is not at its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A whole number.
    Whole(&'static str, i64),
    /// Whole numbers.
    Wholes(&'static str, &'static [i64]),
    /// A flag.
    Flag(&'static str, bool),
    /// A word.
    Word(&'static str, &'static str),
}

/// What is trained, on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Name in the zoo.
    pub architecture: &'static str,
    /// Its knobs.
    pub settings: Vec<Setting>,
    /// The rows' world.
    pub world: World,
    /// Rows of a batch.
    pub rows: usize,
}

impl Model {
    /// Its plan, with an output for each task of the world.
    ///
    /// # Errors
    /// When the architecture does not exist or does not take the settings.
    pub fn plan(&self) -> Result<Plan, BenchError> {
        let architecture = architecture(self.architecture)?;
        let schema = self.world.schema();
        let given: Vec<(&str, Value)> = self.settings.iter().map(Setting::value).collect();
        let own = resolve(&architecture.knobs(), &given)?;
        let model = resolve(&model_knobs(), &[("embedding_dim", Value::Int(DIM))])?;
        let tasks: Vec<usize> = (0..self.world.tasks).collect();
        Ok(architecture.plan(&schema, &tasks, &model, &own)?)
    }
}

impl Setting {
    fn value(&self) -> (&'static str, Value) {
        match *self {
            Self::Whole(name, value) => (name, Value::Int(value)),
            Self::Wholes(name, values) => (name, Value::List(values.iter().map(|v| Value::Int(*v)).collect())),
            Self::Flag(name, value) => (name, Value::Bool(value)),
            Self::Word(name, word) => (name, Value::Text(word.to_owned())),
        }
    }
}

fn resolve(knobs: &[Knob], given: &[(&str, Value)]) -> Result<Settings, BenchError> {
    Ok(Settings::resolve(knobs, given.iter().map(|(name, value)| (*name, value)))?)
}
