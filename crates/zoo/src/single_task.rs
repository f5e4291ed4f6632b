//! Single-task: nothing is shared, not even the embedding. The yardstick of every multi-task gain.
//!
//! ```text
//!   fit "click"      fit "rating"
//!
//!      click            rating
//!        |                |
//!      tower            tower
//!        |                |
//!     bottom           bottom         the widths of shared-bottom, so that one task alone is the same net
//!        |                |
//!     inputs           inputs         a table of each fit's own
//! ```

use mmtl_plan::{Knob, Plan, PlanError, Schema, Settings, WeightKind};

use crate::architecture::{Architecture, FitTasks};
use crate::knobs::widths;
use crate::shared_bottom::bottom_and_towers;
use crate::towers::each_task_alone;

pub(crate) struct SingleTask;

impl Architecture for SingleTask {
    fn name(&self) -> &'static str {
        "single-task"
    }

    fn title(&self) -> &'static str {
        "Single-task"
    }

    fn source(&self) -> &'static str {
        "a multi-layer perceptron for each task; the Single-Task baseline of Ma et al., KDD 2018"
    }

    fn knobs(&self) -> Vec<Knob> {
        vec![
            widths("bottom_widths", &[128, 64], "Widths of the first hidden layers (shared-bottom's shared ones)."),
            widths("tower_widths", &[32], "Widths of the hidden layers after them; the logits follow."),
        ]
    }

    fn fits(&self, schema: &Schema) -> Vec<FitTasks> {
        each_task_alone(schema)
    }

    fn plan(&self, schema: &Schema, tasks: &[usize], model: &Settings, own: &Settings) -> Result<Plan, PlanError> {
        bottom_and_towers(self.name(), WeightKind::Shared, schema, tasks, model, own)
    }
}
