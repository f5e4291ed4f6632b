//! Cross-stitch networks: a column for each task, and after each layer every column goes on with a learned mixture of
//! all columns.
//!
//! ```text
//!        click                rating
//!          |                    |
//!       tower A              tower B
//!          |                    |
//!      α_AA·xᴬ + α_AB·xᴮ    α_BA·xᴬ + α_BB·xᴮ        x̃ᵏ = Σⱼ αₖⱼ·xʲ          eq. 1
//!          |        \  /        |
//!          |         \/         |
//!          |         /\         |
//!       layer 1            layer 1                  each column's own
//!          |                    |
//!         ...                  ...                  and so on, down to the inputs
//!            \                /
//!             +----inputs----+                      x: every field, embedded; shared
//! ```
//!
//! I. Misra et al., Cross-stitch Networks for Multi-task Learning, CVPR 2016. One α a layer and pair of tasks, as in
//! eq. 1. α starts as a convex combination (`same`, and the rest spread over the other columns), has a learning rate of
//! its own (the paper's is 100 to 1,000 times the net's, under gradient descent; Adam's steps have no such scale) and no
//! weight decay. With α = I, held there by `stitch_lr = 0`, the columns are separate nets on a shared embedding. Towers
//! are not stitched.

use mmtl_plan::{Init, Knob, Plan, PlanBuilder, PlanError, Schema, Settings, WeightKind};

use crate::architecture::Architecture;
use crate::hidden::Branches;
use crate::inputs::inputs;
use crate::knobs::widths;
use crate::model::Model;
use crate::towers::{names, towers};

pub(crate) struct CrossStitch;

impl Architecture for CrossStitch {
    fn name(&self) -> &'static str {
        "cross-stitch"
    }

    fn title(&self) -> &'static str {
        "Cross-stitch network"
    }

    fn source(&self) -> &'static str {
        "I. Misra et al., Cross-stitch Networks for Multi-task Learning, CVPR 2016, eq. 1"
    }

    fn knobs(&self) -> Vec<Knob> {
        vec![
            widths("column_widths", &[128, 64], "Widths of each task's column, stitched after every layer."),
            widths(
                "tower_widths",
                &[32],
                "Widths of each task's hidden layers above the last stitch; its logits follow.",
            ),
            Knob::real(
                "same",
                0.0,
                1.0,
                0.9,
                "What a column's own share starts at; the rest is spread evenly over the others.",
            ),
            Knob::real(
                "stitch_lr",
                0.0,
                1e6,
                1.0,
                "The learning rate of the shares is multiplied by this; 0 holds them where they start.",
            ),
        ]
    }

    fn plan(&self, schema: &Schema, tasks: &[usize], model: &Settings, own: &Settings) -> Result<Plan, PlanError> {
        let model = Model::of(model);
        let mut builder = PlanBuilder::new(self.name(), schema);
        let inputs = inputs(&mut builder, &model)?;
        let names = names(schema, tasks);
        let init = shares(own.float("same"), names.len());
        let lr = own.float("stitch_lr") as f32;
        let mut columns = Branches::broadcast(inputs, &names);
        for (layer, width) in own.sizes("column_widths").into_iter().enumerate() {
            let name = format!("column.{layer}");
            columns = columns.layer(&name, width, WeightKind::Shared, &mut builder, &model)?;
            let mixed = builder.mix_shared(&format!("stitch.{layer}"), columns.slot, &names, init, lr)?;
            columns = Branches::each(mixed, &names);
        }
        towers(columns, tasks, &own.sizes("tower_widths"), &mut builder, &model)?;
        builder.finish()
    }
}

/// Where α starts: a column alone has nobody to share with.
fn shares(same: f64, columns: usize) -> Init {
    match columns {
        0 | 1 => Init::Constant(1.0),
        _ => Init::Diagonal { on: same as f32, off: ((1.0 - same) / (columns - 1) as f64) as f32, rows: columns },
    }
}
