//! What a plan owns: dense parameters, embedding tables, and state without a gradient.

use serde::{Deserialize, Serialize};

/// Index into [`crate::Plan::params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ParamId(pub usize);

/// Index into [`crate::Plan::tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableId(pub usize);

/// Index into [`crate::Plan::states`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StateId(pub usize);

/// A dense parameter tensor in the arena.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    /// Unique name.
    pub name: String,
    /// Shape, row-major.
    pub shape: Vec<usize>,
    /// First element in the arena, a multiple of [`crate::ALIGN`].
    pub offset: usize,
    /// Distribution of its initial values.
    pub init: Init,
    /// The tensor's parts, in order; each draws from a stream of its own name, so that adding one (an expert, a
    /// scene) moves no other's initial values.
    pub blocks: Vec<Block>,
    /// What weight decay pulls it towards.
    pub decay: DecayTowards,
    /// The learning rate is multiplied by this; 0 holds it where it starts.
    #[serde(default = "unscaled", skip_serializing_if = "is_unscaled")]
    pub lr_factor: f32,
    /// Indices of the objectives whose loss depends on it, ascending.
    pub reached_by: Vec<usize>,
}

fn unscaled() -> f32 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_unscaled(factor: &f32) -> bool {
    *factor == unscaled()
}

impl ParamSpec {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its place in the arena.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }

    /// Each block with its place in the arena.
    pub fn block_ranges(&self) -> impl Iterator<Item = (&Block, std::ops::Range<usize>)> {
        self.blocks.iter().scan(self.offset, |at, block| {
            let start = *at;
            *at += block.len;
            Some((block, start..*at))
        })
    }
}

/// A named, contiguous part of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Name of its random stream.
    pub name: String,
    /// Number of elements.
    pub len: usize,
    /// Indices of the objectives whose loss depends on it, ascending.
    pub reached_by: Vec<usize>,
}

/// Distribution of initial values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Init {
    /// Every element the same.
    Constant(f32),
    /// Uniform in (-bound, bound).
    Uniform {
        /// Half the width of the interval.
        bound: f32,
    },
    /// Normal with mean 0.
    Normal {
        /// Standard deviation.
        deviation: f32,
    },
    /// Of a square matrix.
    Diagonal {
        /// Elements of its diagonal.
        on: f32,
        /// All others.
        off: f32,
        /// Number of rows.
        rows: usize,
    },
}

impl Init {
    /// Glorot and Bengio (AISTATS 2010), eq. 16: uniform with bound √(6 / (fan in + fan out)).
    pub fn glorot(fan_in: usize, fan_out: usize) -> Self {
        Self::Uniform { bound: (6.0 / (fan_in + fan_out) as f64).sqrt() as f32 }
    }
}

/// What weight decay pulls a parameter towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecayTowards {
    /// It is not decayed (biases, norms).
    Nothing,
    /// 0, the usual choice.
    Zero,
    /// 1, for matrices that multiply another (STAR's scene weights).
    One,
}

/// An embedding table: a buffer of its own, whose gradient is (sorted unique rows, values).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableSpec {
    /// Unique name.
    pub name: String,
    /// The schema's vocabulary that indexes it.
    pub vocabulary: usize,
    /// Number of rows.
    pub rows: usize,
    /// Width of a row.
    pub dim: usize,
    /// Distribution of initial values; element (row, column) is number `row * dim + column` of the table's stream.
    pub init: Init,
    /// Indices of the objectives whose loss depends on it, ascending.
    pub reached_by: Vec<usize>,
}

/// State without a gradient (running statistics): checkpointed, and restored with the best weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateSpec {
    /// Unique name.
    pub name: String,
    /// Number of elements.
    pub len: usize,
    /// Initial value of every element.
    pub initial: f32,
}
