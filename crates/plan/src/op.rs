//! The ops a plan is made of. Each is coarse enough to be fused and has an exact forward and backward.
//!
//! A slot is `[rows, groups, width]`, row-major. Engines match [`Op`] without `_`, so a new op is a compile error
//! until each has it.

use serde::{Deserialize, Serialize};

use crate::param::{ParamId, StateId, TableId};

/// Index into [`crate::Plan::slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotId(pub usize);

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// Look up fields and join numeric columns.
    Embed(Embed),
    /// `act(x·W + b)` for several groups at once.
    Linear(Linear),
    /// Normalise.
    Norm(Norm),
    /// Softmax weights over experts.
    Gate(Gate),
    /// Weighted sum over groups.
    Mix(Mix),
    /// Element-wise sum of slots.
    Add(Add),
    /// Slots side by side.
    Concat(Concat),
    /// A task's prediction.
    Predict(Predict),
    /// An objective.
    Loss(Loss),
}

/// Looks up named fields in tables and joins numeric columns: out is `[rows, 1, Σ widths]`, or the same elements as
/// groups of one width. The per-field axis is kept by `columns`, which say where each field lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embed {
    /// Name of the op.
    pub name: String,
    /// Slot written.
    pub out: SlotId,
    /// What lies where, in order, without gaps.
    pub columns: Vec<Column>,
    /// Of what comes from tables, with a stream for each column; `None` when the rate is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropout: Option<Dropout>,
}

/// One field's place in an [`Embed`]'s output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// First element.
    pub offset: usize,
    /// Number of elements.
    pub width: usize,
    /// Index of the field in the schema.
    pub field: usize,
    /// Where the values come from.
    pub source: Source,
}

/// Where an [`Embed`] column's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Rows of a table, pooled where the field has several ids a row.
    Table {
        /// The table.
        table: TableId,
        /// How several ids become one vector; no effect on categorical fields. No ids: zeros.
        pool: Pool,
    },
    /// A column of [`crate::Batch::numeric`].
    Numeric {
        /// Which one.
        column: usize,
    },
}

/// How the vectors of several ids become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
}

/// `out[:, g] = dropout(act(input[:, reads[g]]·W[g] + b[g]))`, `[rows, groups, width]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Name of the op.
    pub name: String,
    /// Slot read.
    pub input: SlotId,
    /// Slot written.
    pub out: SlotId,
    /// The input group that each output group reads; `len` is the number of output groups.
    pub reads: Vec<usize>,
    /// The matrices.
    pub weights: LinearWeights,
    /// Applied to every element of the sum.
    pub activation: Activation,
    /// Applied last; `None` when the rate is 0.
    pub dropout: Option<Dropout>,
}

/// The matrices of a [`Linear`]. `w` is `[groups, in, out]`, `b` `[groups, out]`; with a scene axis in front,
/// `[scenes, groups, in, out]` and `[scenes, groups, out]`. A row uses its own scene's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinearWeights {
    /// The same for all scenes.
    Shared {
        /// Matrices.
        w: ParamId,
        /// Biases, if any.
        b: Option<ParamId>,
    },
    /// One for each scene.
    PerScene {
        /// Matrices, with a scene axis.
        w: ParamId,
        /// Biases, with a scene axis, if any.
        b: Option<ParamId>,
    },
    /// `W ⊙ W_scene` and `b + b_scene` (Sheng et al., CIKM 2021, eq. 5 and 6).
    Star {
        /// Shared matrices.
        w: ParamId,
        /// Shared biases.
        b: ParamId,
        /// Scene matrices, with a scene axis.
        scene_w: ParamId,
        /// Scene biases, with a scene axis.
        scene_b: ParamId,
    },
}

/// An element-wise function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// x
    Identity,
    /// max(x, 0); the derivative at 0 is 0.
    Relu,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// tanh x
    Tanh,
}

/// Inverted dropout (Srivastava et al., JMLR 2014): in training an element is kept with probability `1 - rate` and
/// then divided by it. The element at (row of the batch, column) of group `g` (of an [`Embed`]'s column `g`) is dropped when word
/// `row * width + column` of step `s` of the stream named `streams[g]` is below `rate · 2^32`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dropout {
    /// In (0, 1).
    pub rate: f32,
    /// One stream name for each group, or for each column of an [`Embed`].
    pub streams: Vec<String>,
}

impl Dropout {
    /// Words below this are dropped.
    pub fn threshold(&self) -> u32 {
        (f64::from(self.rate) * 4_294_967_296.0) as u32
    }

    /// What a kept element is multiplied by.
    pub fn scale(&self) -> f32 {
        1.0 / (1.0 - self.rate)
    }
}

/// `out = γ · (input - mean) / √(variance + eps) + β`, same shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Norm {
    /// Name of the op.
    pub name: String,
    /// Slot read.
    pub input: SlotId,
    /// Slot written.
    pub out: SlotId,
    /// Over what the statistics are taken, and the parameters that need it.
    pub kind: NormKind,
    /// Scale, `[groups, width]`.
    pub gamma: ParamId,
    /// Shift, `[groups, width]`.
    pub beta: ParamId,
    /// Added to the variance.
    pub eps: f32,
}

/// Over what a [`Norm`]'s statistics are taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum NormKind {
    /// Over the width of each (row, group). No running statistics.
    Layer,
    /// Over the batch's rows. A batch with fewer than 2 rows uses the running statistics (as constants).
    Batch {
        /// Running means, `[groups, width]`, starting at 0.
        mean: StateId,
        /// Running unbiased variances, `[groups, width]`, starting at 1.
        variance: StateId,
        /// `running = (1 - momentum) · running + momentum · batch`.
        momentum: f32,
    },
    /// Over the rows of each scene, with γ·γ_scene and β + β_scene (Sheng et al., CIKM 2021, eq. 3 and 4). A scene
    /// with fewer than 2 rows in the batch uses its running statistics (as constants) and does not update them.
    Scene {
        /// Running means, `[scenes, groups, width]`, starting at 0.
        mean: StateId,
        /// Running unbiased variances, `[scenes, groups, width]`, starting at 1.
        variance: StateId,
        /// `running = (1 - momentum) · running + momentum · batch`.
        momentum: f32,
        /// γ_scene, `[scenes, groups, width]`.
        scene_gamma: ParamId,
        /// β_scene, `[scenes, groups, width]`.
        scene_beta: ParamId,
    },
}

/// `out[:, t, :] = softmax over allowed e of (input[:, reads[t]]·W[t])[e] / temperature`, `[rows, gates, experts]`;
/// exactly 0 where `mask` forbids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Name of the op.
    pub name: String,
    /// Slot read.
    pub input: SlotId,
    /// Slot written.
    pub out: SlotId,
    /// The input group that each gate reads.
    pub reads: Vec<usize>,
    /// `[gates, in, experts]`; columns that the mask forbids get zero gradient.
    pub w: ParamId,
    /// `[gates, experts]`: which experts a gate may use; at least one each.
    pub mask: Vec<bool>,
    /// Divides the logits.
    pub temperature: f32,
}

/// `out[:, t] = Σ_e weights[t, e] · input[:, e]`, `[rows, t, width]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mix {
    /// Name of the op.
    pub name: String,
    /// Slot read, `[rows, e, width]`.
    pub input: SlotId,
    /// Slot written.
    pub out: SlotId,
    /// The weights.
    pub weights: MixWeights,
}

/// Weights of a [`Mix`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MixWeights {
    /// A gate's slot, `[rows, t, e]`.
    Slot(SlotId),
    /// Constants, `[t, e]` (a uniform gate).
    Fixed(Vec<f32>),
    /// A parameter `[t, e]` that all rows share (cross-stitch).
    Param(ParamId),
}

/// Element-wise sum of slots of one shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Add {
    /// Name of the op.
    pub name: String,
    /// Slots read.
    pub inputs: Vec<SlotId>,
    /// Slot written.
    pub out: SlotId,
}

/// Slots side by side along their width; the same number of groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concat {
    /// Name of the op.
    pub name: String,
    /// Slots read.
    pub inputs: Vec<SlotId>,
    /// Slot written.
    pub out: SlotId,
}

/// Group `group` of slot `slot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// The slot.
    pub slot: SlotId,
    /// The group.
    pub group: usize,
}

/// A task's prediction, `[rows, 1, width]`, from logits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predict {
    /// Name of the op; also the output's name.
    pub name: String,
    /// Index of the task that it predicts.
    pub task: usize,
    /// How logits become a prediction.
    pub link: Link,
    /// Slot written.
    pub out: SlotId,
}

/// How logits become a prediction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// The (standardised) value itself.
    Identity(Factor),
    /// σ(logit).
    Sigmoid(Factor),
    /// softmax(logits).
    Softmax(Factor),
    /// `Π σ(logit_i)`, computed as `exp Σ log σ(logit_i)` (ESMM: pCTR · pCVR).
    SigmoidProduct(Vec<Factor>),
}

impl Link {
    /// The logits it reads.
    pub fn factors(&self) -> &[Factor] {
        match self {
            Self::Identity(f) | Self::Sigmoid(f) | Self::Softmax(f) => std::slice::from_ref(f),
            Self::SigmoidProduct(fs) => fs,
        }
    }
}

/// An objective: the loss of one prediction against its task's labels. Over the rows of the batch with weight > 0,
/// `Σ w·ℓ / Σ w`; exactly zero, with zero gradient, when there are none. It reads the prediction's logits, never the
/// prediction, so it is stable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// Name of the op; also the objective's name.
    pub name: String,
    /// Index of the objective, the position in the weights given to a step.
    pub objective: usize,
    /// Position, among the plan's ops, of the [`Predict`] it holds to the labels.
    pub predict: usize,
    /// ℓ.
    pub kind: LossKind,
    /// What the sum is divided by.
    pub reduction: Reduction,
    /// ε, the share of a label that is spread evenly over all K classes, two of a binary label: class c is held to
    /// `(1 - ε)·[c = y] + ε/K` (Szegedy et al., CVPR 2016, §7). 0 where there are no classes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub smoothing: f32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(share: &f32) -> bool {
    *share == 0.0
}

/// The loss of one row, held to one class; where several have a share of the label, the mean by their shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LossKind {
    /// `-y log p - (1 - y) log(1 - p)`, from one logit or from a product of probabilities. With factors' logits `a_i`
    /// and `q_i = 1 - σ(a_i)`: `log p = Σ log σ(a_i)`, and `1 - p = Σ_i q_i Π_{j<i} σ(a_j)`, a sum of positive terms
    /// taken in log space, so that it is finite at any logits.
    BinaryCrossEntropy,
    /// `(z - y)²` in standardised units.
    Squared,
    /// `-log softmax(logits)[y]`.
    SoftmaxCrossEntropy,
}

/// What a task's summed loss is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// The sum of the weights of the task's own rows in the batch.
    Own,
    /// The number of all rows in the batch.
    Batch,
}

impl Op {
    /// The op's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Embed(op) => &op.name,
            Self::Linear(op) => &op.name,
            Self::Norm(op) => &op.name,
            Self::Gate(op) => &op.name,
            Self::Mix(op) => &op.name,
            Self::Add(op) => &op.name,
            Self::Concat(op) => &op.name,
            Self::Predict(op) => &op.name,
            Self::Loss(op) => &op.name,
        }
    }

    /// The slot it writes; a loss writes none.
    pub fn out(&self) -> Option<SlotId> {
        match self {
            Self::Embed(op) => Some(op.out),
            Self::Linear(op) => Some(op.out),
            Self::Norm(op) => Some(op.out),
            Self::Gate(op) => Some(op.out),
            Self::Mix(op) => Some(op.out),
            Self::Add(op) => Some(op.out),
            Self::Concat(op) => Some(op.out),
            Self::Predict(op) => Some(op.out),
            Self::Loss(_) => None,
        }
    }

    /// The slots it reads. A loss reads what its prediction reads, which only the plan knows: see
    /// [`crate::Plan::loss_factors`].
    pub fn inputs(&self) -> Vec<SlotId> {
        match self {
            Self::Embed(_) | Self::Loss(_) => vec![],
            Self::Linear(op) => vec![op.input],
            Self::Norm(op) => vec![op.input],
            Self::Gate(op) => vec![op.input],
            Self::Mix(op) => match op.weights {
                MixWeights::Slot(gate) => vec![op.input, gate],
                MixWeights::Fixed(_) | MixWeights::Param(_) => vec![op.input],
            },
            Self::Add(op) => op.inputs.clone(),
            Self::Concat(op) => op.inputs.clone(),
            Self::Predict(op) => op.link.factors().iter().map(|f| f.slot).collect(),
        }
    }

    /// The dense parameters it uses.
    pub fn params(&self) -> Vec<ParamId> {
        match self {
            Self::Embed(_) | Self::Add(_) | Self::Concat(_) | Self::Predict(_) | Self::Loss(_) => vec![],
            Self::Mix(op) => match op.weights {
                MixWeights::Param(w) => vec![w],
                MixWeights::Slot(_) | MixWeights::Fixed(_) => vec![],
            },
            Self::Linear(op) => match op.weights {
                LinearWeights::Shared { w, b } | LinearWeights::PerScene { w, b } => {
                    [Some(w), b].into_iter().flatten().collect()
                }
                LinearWeights::Star { w, b, scene_w, scene_b } => vec![w, b, scene_w, scene_b],
            },
            Self::Norm(op) => match op.kind {
                NormKind::Layer | NormKind::Batch { .. } => vec![op.gamma, op.beta],
                NormKind::Scene { scene_gamma, scene_beta, .. } => vec![op.gamma, op.beta, scene_gamma, scene_beta],
            },
            Self::Gate(op) => vec![op.w],
        }
    }

    /// The embedding tables it uses; a table may occur more than once.
    pub fn tables(&self) -> Vec<TableId> {
        match self {
            Self::Embed(op) => op
                .columns
                .iter()
                .filter_map(|c| match c.source {
                    Source::Table { table, .. } => Some(table),
                    Source::Numeric { .. } => None,
                })
                .collect(),
            Self::Linear(_)
            | Self::Norm(_)
            | Self::Gate(_)
            | Self::Mix(_)
            | Self::Add(_)
            | Self::Concat(_)
            | Self::Predict(_)
            | Self::Loss(_) => vec![],
        }
    }
}
