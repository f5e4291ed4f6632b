//! What a session derives from its plan and never changes.

use std::ops::Range;
use std::sync::Arc;

use mmtl_plan::{EngineError, Plan};

use crate::gradient::Tasks;
use crate::model::Model;
use crate::prepared::Preparation;
use crate::update::ArenaUpdate;
use crate::workers::Workers;

/// A plan, compiled, and the threads that execute it.
pub struct Compiled {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The engine's threads.
    pub workers: Arc<Workers>,
    /// Its ops.
    pub model: Model,
    /// Weights computed before each pass.
    pub preparation: Preparation,
    /// Gradients of dense parameters.
    pub tasks: Tasks,
    /// Steps of dense parameters.
    pub arena_update: ArenaUpdate,
    /// The places in the arena that more than one objective reaches.
    pub shared: Vec<Range<usize>>,
}

impl Compiled {
    /// Compiles a plan. `dropout` is the seed of dropout masks.
    pub fn new(plan: Arc<Plan>, dropout: u64, workers: Arc<Workers>) -> Result<Self, EngineError> {
        let model = Model::of(&plan, dropout);
        let tasks = Tasks::of(&model)?;
        let (preparation, arena_update) = (Preparation::of(&model.nodes), ArenaUpdate::of(&plan));
        let shared = plan.shared_ranges();
        Ok(Self { plan, workers, model, preparation, tasks, arena_update, shared })
    }
}
