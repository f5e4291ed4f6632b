//! Customized gate control: each task has experts of its own beside the shared ones; [`crate::ple`] with one level.
//!
//! ```text
//!            click                            rating
//!              |                                |
//!           tower A                          tower B            yᵏ(x) = tᵏ(gᵏ(x))
//!              |                                |
//!           gate A                           gate B             gᵏ(x) = wᵏ(x)·Sᵏ(x),  wᵏ(x) = softmax(W_gᵏ·x)
//!          /       \                        /      \
//!   A's experts     +---shared experts-----+    B's experts     Sᵏ(x): task k's experts and the shared ones
//!          \               |                       /
//!           +-----------inputs--------------------+             x: every field, embedded
//! ```
//!
//! H. Tang et al., Progressive Layered Extraction (PLE): A Novel Multi-Task Learning Model for Personalized
//! Recommendations, RecSys 2020, eq. 1-4.

use mmtl_plan::{Knob, Plan, PlanError, Schema, Settings};

use crate::architecture::Architecture;
use crate::ple::{extraction_knobs, extraction_net};

pub(crate) struct Cgc;

impl Architecture for Cgc {
    fn name(&self) -> &'static str {
        "cgc"
    }

    fn title(&self) -> &'static str {
        "Customized gate control"
    }

    fn source(&self) -> &'static str {
        "H. Tang et al., Progressive Layered Extraction (PLE): A Novel Multi-Task Learning Model for Personalized \
         Recommendations, RecSys 2020, eq. 1-4"
    }

    fn knobs(&self) -> Vec<Knob> {
        extraction_knobs()
    }

    fn plan(&self, schema: &Schema, tasks: &[usize], model: &Settings, own: &Settings) -> Result<Plan, PlanError> {
        extraction_net(self.name(), 1, schema, tasks, model, own)
    }
}
