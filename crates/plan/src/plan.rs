//! A model as data.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::op::{Factor, LinearWeights, Loss, LossKind, NormKind, Op, SlotId, Source};
use crate::param::{ParamId, ParamSpec, StateSpec, TableId, TableSpec};
use crate::schema::{FieldKind, Schema};

/// A list of ops over named slots, with what it owns. Made by a [`crate::PlanBuilder`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the architecture.
    pub name: String,
    /// The data it was made for.
    pub schema: Schema,
    /// Everything the ops write; each slot is written by exactly one op, before any op that reads it.
    pub slots: Vec<Slot>,
    /// The ops, in order of execution.
    pub ops: Vec<Op>,
    /// Dense parameters. In the arena those reached by several objectives come first, then those of each objective.
    pub params: Vec<ParamSpec>,
    /// Length of the dense arena in `f32`, padding included.
    pub arena_len: usize,
    /// Length of the arena's first part: parameters reached by more than one objective. Blocks of a single task (its
    /// tower among all) lie in there too; [`Plan::shared_ranges`] leaves them out.
    pub shared_len: usize,
    /// Embedding tables.
    pub tables: Vec<TableSpec>,
    /// State without a gradient.
    pub states: Vec<StateSpec>,
    /// What it predicts.
    pub outputs: Vec<Output>,
    /// What it is trained on.
    pub objectives: Vec<Objective>,
}

/// A `[rows, groups, width]` array, row-major.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Name of the op that writes it.
    pub name: String,
    /// Number of groups (experts, towers).
    pub groups: usize,
    /// Width of a group.
    pub width: usize,
}

/// A prediction the plan makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Name.
    pub name: String,
    /// Index of the task it predicts.
    pub task: usize,
    /// Where it is.
    pub slot: SlotId,
    /// 1, or the number of classes.
    pub width: usize,
}

/// A loss the plan is trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// Name.
    pub name: String,
    /// Index of the task whose labels it uses.
    pub task: usize,
}

impl Plan {
    /// One slot.
    pub fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id.0]
    }

    /// One dense parameter.
    pub fn param(&self, id: ParamId) -> &ParamSpec {
        &self.params[id.0]
    }

    /// The dense parameter called `name`.
    pub fn param_named(&self, name: &str) -> Option<&ParamSpec> {
        self.params.iter().find(|p| p.name == name)
    }

    /// One table.
    pub fn table(&self, id: TableId) -> &TableSpec {
        &self.tables[id.0]
    }

    /// The places in the arena that more than one objective reaches, ascending, neighbours joined.
    pub fn shared_ranges(&self) -> Vec<Range<usize>> {
        let blocks = self.params.iter().flat_map(ParamSpec::block_ranges);
        let mut shared: Vec<_> =
            blocks.filter(|(block, _)| block.reached_by.len() > 1).map(|(_, range)| range).collect();
        shared.sort_by_key(|range| range.start);
        shared.dedup_by(|next, last| {
            let touches = last.end == next.start;
            if touches {
                last.end = next.end;
            }
            touches
        });
        shared
    }

    /// The same plan, trained on labels of which `share` is spread over all classes; see [`Loss::smoothing`].
    #[must_use]
    pub fn with_smooth_labels(mut self, share: f32) -> Self {
        for op in &mut self.ops {
            if let Op::Loss(loss) = op {
                loss.smoothing = if loss.kind == LossKind::Squared { 0.0 } else { share };
            }
        }
        self
    }

    /// Whether the scene of a row changes what is predicted of it.
    pub fn reads_scene(&self) -> bool {
        self.ops.iter().any(|op| match op {
            Op::Embed(embed) => embed.columns.iter().any(|column| column.field == self.schema.scene_field),
            Op::Linear(linear) => match linear.weights {
                LinearWeights::Shared { .. } => false,
                LinearWeights::PerScene { .. } | LinearWeights::Star { .. } => true,
            },
            Op::Norm(norm) => match norm.kind {
                NormKind::Layer | NormKind::Batch { .. } => false,
                NormKind::Scene { .. } => true,
            },
            Op::Gate(_) | Op::Mix(_) | Op::Add(_) | Op::Concat(_) | Op::Predict(_) | Op::Loss(_) => false,
        })
    }

    /// For each table, how many rows a batch of `max_rows` rows can look up.
    pub fn most_touched_rows(&self, max_rows: usize) -> Vec<usize> {
        let mut most = vec![0usize; self.tables.len()];
        for op in &self.ops {
            let Op::Embed(op) = op else { continue };
            for column in &op.columns {
                if let Source::Table { table, .. } = column.source {
                    let ids = self.schema.fields[column.field].kind.most_ids();
                    most[table.0] = most[table.0].saturating_add(max_rows.saturating_mul(ids));
                }
            }
        }
        most.iter().zip(&self.tables).map(|(most, table)| *most.min(&table.rows)).collect()
    }

    /// For each table, how many ids of its vocabulary a batch of `max_rows` rows can have.
    pub fn most_occurrences(&self, max_rows: usize) -> Vec<usize> {
        let of_table = |table: &TableSpec| {
            let kinds = self.schema.fields.iter().map(|field| field.kind);
            let ids = kinds.filter(|kind| kind.vocabulary() == Some(table.vocabulary)).map(FieldKind::most_ids);
            max_rows.saturating_mul(ids.sum())
        };
        self.tables.iter().map(of_table).collect()
    }

    /// The logits an objective is computed from.
    pub fn loss_factors(&self, loss: &Loss) -> &[Factor] {
        match &self.ops[loss.predict] {
            Op::Predict(predict) => predict.link.factors(),
            Op::Embed(_)
            | Op::Linear(_)
            | Op::Norm(_)
            | Op::Gate(_)
            | Op::Mix(_)
            | Op::Add(_)
            | Op::Concat(_)
            | Op::Loss(_) => &[],
        }
    }
}
