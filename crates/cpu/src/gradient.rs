//! Gradients of parameters: which part is summed where, and inner products and norms in a fixed order.

use std::ops::Range;
use std::sync::atomic::AtomicU32;

use mmtl_plan::EngineError;

use crate::aligned::Aligned;
use crate::lanes::wide_dot;
use crate::model::Model;
use crate::node::{Kind, Node};
use crate::pass::{Passed, Summed};
use crate::simd::vectorised;
use crate::turns::{Alarm, InTurn};
use crate::workers::Workers;

/// The gradient of everything.
pub struct GradientStore {
    /// The arena's.
    pub dense: Aligned,
    /// Touched rows of all tables, in the order of [`crate::touched::Touched`].
    pub rows: Aligned,
}

impl GradientStore {
    /// Zeros.
    pub fn new(dense: usize, rows: usize) -> Self {
        Self { dense: Aligned::zeros(dense), rows: Aligned::zeros(rows) }
    }
}

/// A contiguous part of an op's gradients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Rows of the matrix of one group, over the rows of a scene (`None` for all).
    Matrix {
        /// Rows of the batch.
        scene: Option<usize>,
        /// Output group.
        group: usize,
        /// Rows of the matrix.
        rows: Range<usize>,
    },
    /// Biases of one group, over the rows of a scene (`None` for all).
    Bias {
        /// Rows of the batch.
        scene: Option<usize>,
        /// Output group.
        group: usize,
    },
    /// Weights of one output of a mix that all rows share.
    Shares {
        /// Output group.
        group: usize,
    },
    /// For the rows of small tables, the derivatives of one group's sums where they were looked up, added up.
    IdSums {
        /// Output group.
        group: usize,
        /// Which of the op's small tables.
        tables: Range<usize>,
    },
    /// Rows of the matrix of one group that multiply a small table, made of [`Part::IdSums`].
    ById {
        /// Output group.
        group: usize,
        /// Which of the op's small tables.
        table: usize,
    },
    /// STAR's shared matrices, or its shared biases.
    StarShared {
        /// Whether biases.
        bias: bool,
    },
    /// STAR's matrices of one scene, or its biases.
    StarScene {
        /// The scene.
        scene: usize,
        /// Whether biases.
        bias: bool,
    },
    /// Scale of a normalisation over the width.
    WidthGamma,
    /// Shift of a normalisation over the width.
    WidthBeta,
    /// Scale of a normalisation over rows; a scene's own with `scene`.
    Gamma {
        /// `None` for the shared one.
        scene: Option<usize>,
    },
    /// Shift of a normalisation over rows; a scene's own with `scene`.
    Beta {
        /// `None` for the shared one.
        scene: Option<usize>,
    },
}

impl Part {
    /// Whether tiles add to it in turn; else it is made of such sums once they are complete.
    fn is_summed(&self) -> bool {
        match self {
            Self::Matrix { .. }
            | Self::Bias { .. }
            | Self::Shares { .. }
            | Self::IdSums { .. }
            | Self::WidthGamma
            | Self::WidthBeta => true,
            Self::ById { .. }
            | Self::StarShared { .. }
            | Self::StarScene { .. }
            | Self::Gamma { .. }
            | Self::Beta { .. } => false,
        }
    }

    /// The output group that it is of; 0 for what is of all of them.
    fn group(&self) -> usize {
        match self {
            Self::Matrix { group, .. }
            | Self::Bias { group, .. }
            | Self::Shares { group }
            | Self::IdSums { group, .. }
            | Self::ById { group, .. } => *group,
            Self::StarShared { .. }
            | Self::StarScene { .. }
            | Self::WidthGamma
            | Self::WidthBeta
            | Self::Gamma { .. }
            | Self::Beta { .. } => 0,
        }
    }
}

/// One [`Part`] and the node whose gradient it is.
pub struct Task {
    /// The node.
    pub node: usize,
    /// Which part of it.
    pub part: Part,
}

/// Tasks and their places in one buffer, ordered by place.
#[derive(Default)]
pub struct Placed {
    /// What to compute.
    pub tasks: Vec<Task>,
    /// Where it goes.
    pub places: Vec<Range<usize>>,
}

impl Placed {
    /// Orders tasks; the two whose places overlap if there are such.
    fn of(mut tasks: Vec<(Range<usize>, Task)>) -> Result<Self, (usize, usize)> {
        tasks.sort_by_key(|(place, _)| place.start);
        let (places, tasks): (Vec<Range<usize>>, Vec<Task>) = tasks.into_iter().unzip();
        match (1..places.len()).find(|&at| places[at - 1].end > places[at].start) {
            Some(at) => Err((tasks[at - 1].node, tasks[at].node)),
            None => Ok(Self { tasks, places }),
        }
    }

    /// For each node and output group, its tasks.
    fn by_group(&self, nodes: usize) -> Vec<Vec<Vec<usize>>> {
        let mut found = vec![vec![]; nodes];
        for (number, task) in self.tasks.iter().enumerate() {
            let (groups, group) = (&mut found[task.node], task.part.group());
            if groups.len() <= group {
                groups.resize(group + 1, vec![]);
            }
            groups[group].push(number);
        }
        found
    }

    /// Zeroes the places of nodes that no gradient reaches.
    fn clear(&self, live: &[bool], out: &mut [f32]) {
        for (task, place) in self.tasks.iter().zip(&self.places) {
            if !live[task.node] {
                out[place.clone()].fill(0.0);
            }
        }
    }
}

/// How the gradients of dense parameters are computed.
pub struct Tasks {
    /// Sums over tiles in the arena.
    sums: Placed,
    /// Sums over tiles in the scratch, that gradients are made of.
    scratch: Placed,
    /// What is made of complete sums, in the arena.
    finals: Placed,
    /// For each node and output group, its `sums`.
    sums_of: Vec<Vec<Vec<usize>>>,
    /// For each node and output group, its `scratch`.
    scratch_of: Vec<Vec<Vec<usize>>>,
}

impl Tasks {
    /// The tasks of a model; an error where two ops share a parameter.
    pub fn of(model: &Model) -> Result<Self, EngineError> {
        let (mut arena, mut scratch) = (vec![], vec![]);
        for (node, compiled) in model.nodes.iter().enumerate() {
            compiled.gradient_parts(|start, len, part| arena.push((start..start + len, Task { node, part })));
            if let Kind::Linear(linear) = &compiled.kind {
                linear.scratch_parts(|start, len, part| scratch.push((start..start + len, Task { node, part })));
            }
        }
        let named = |(one, other): (usize, usize)| {
            let (one, other) = (&model.nodes[one].name, &model.nodes[other].name);
            EngineError::Device(format!("ops `{one}` and `{other}` share a parameter, expected one op for each"))
        };
        let place = |tasks| Placed::of(tasks).map_err(named);
        let everything = place(arena)?;
        let arena = everything.places.into_iter().zip(everything.tasks);
        let (sums, finals): (Vec<_>, Vec<_>) = arena.partition(|(_, task)| task.part.is_summed());
        let (sums, finals, scratch) = (place(sums)?, place(finals)?, place(scratch)?);
        let nodes = model.nodes.len();
        let (sums_of, scratch_of) = (sums.by_group(nodes), scratch.by_group(nodes));
        Ok(Self { sums, scratch, finals, sums_of, scratch_of })
    }

    /// Most blocks that tiles add to.
    pub fn blocks(&self) -> usize {
        self.sums.places.len() + self.scratch.places.len()
    }

    /// Starts sums over tiles; nodes that no gradient reaches have exactly 0.
    pub fn begin<'a>(
        &'a self,
        live: &[bool],
        dense: &'a mut [f32],
        scratch: &'a mut [f32],
        turns: &'a mut [AtomicU32],
    ) -> Sums<'a> {
        self.sums.clear(live, dense);
        self.scratch.clear(live, scratch);
        let (sums_turns, scratch_turns) = turns.split_at_mut(self.sums.places.len());
        Sums {
            tasks: self,
            dense: InTurn::new(dense, &self.sums.places, sums_turns),
            scratch: InTurn::new(scratch, &self.scratch.places, scratch_turns),
        }
    }

    /// Writes the gradients that follow from complete sums.
    pub fn finish(&self, model: &Model, workers: &Workers, sums: &Summed<'_>, dense: &mut [f32]) {
        self.finals.clear(sums.live, dense);
        let Placed { tasks, places } = &self.finals;
        workers.tasks(dense, places, 1, &|place| place.start, &|places, number, out: &mut [f32]| {
            let task = &tasks[number];
            if sums.live[task.node] {
                model.nodes[task.node].final_gradient(sums, &task.part, &mut out[..places[0].len()]);
            }
        });
    }
}

/// Gradients while tiles add to them.
pub struct Sums<'a> {
    tasks: &'a Tasks,
    dense: InTurn<'a>,
    scratch: InTurn<'a>,
}

impl Sums<'_> {
    /// While a tile is at work: should its thread panic, those that wait for its turns do not wait for ever.
    pub fn alarm(&self) -> [Alarm<'_>; 2] {
        [self.dense.alarm(), self.scratch.alarm()]
    }

    /// Adds what the `turn`-th tile contributes to the gradients of a node that has passed its derivative back: of one
    /// output group, or of all.
    pub fn add(&self, nodes: &[Node], node: usize, group: Option<usize>, turn: usize, tile: &Passed<'_>) {
        let Self { tasks, dense, scratch } = self;
        for (sums, of, in_turn) in [(&tasks.sums, &tasks.sums_of, dense), (&tasks.scratch, &tasks.scratch_of, scratch)]
        {
            let all = &of[node];
            let groups = group.map_or(0..all.len(), |group| group.min(all.len())..(group + 1).min(all.len()));
            for &block in all[groups].iter().flatten() {
                let part = &sums.tasks[block].part;
                in_turn.take(block, turn, |out| nodes[node].add_gradient(tile, part, out));
            }
        }
    }
}

/// Elements whose products one task adds up.
const CHUNK: usize = 16_384;

/// `Σ a·b` in f64: sums over pieces of a fixed size, added in order. `sums` is scratch.
pub fn inner(workers: &Workers, a: &[f32], b: &[f32], sums: &mut Vec<f64>) -> f64 {
    let pieces = a.len().div_ceil(CHUNK);
    if sums.len() < pieces {
        sums.resize(pieces, 0.0);
    }
    workers.chunks(&mut sums[..pieces], pieces, 1, &|piece, sum: &mut [f64]| {
        let place = piece * CHUNK..((piece + 1) * CHUNK).min(a.len());
        sum[0] = vectorised!(wide_dot(&a[place.clone()], &b[place.clone()]));
    });
    sums[..pieces].iter().sum()
}

/// `to = Σ_k coefficients[k] · from(k)`
pub fn blend<'a>(workers: &Workers, to: &mut [f32], coefficients: &[f32], from: &(impl Fn(usize) -> &'a [f32] + Sync)) {
    let len = to.len();
    workers.chunks(to, len, CHUNK, &|start, to: &mut [f32]| {
        to.fill(0.0);
        for (k, &coefficient) in coefficients.iter().enumerate() {
            let from = &from(k)[start..start + to.len()];
            vectorised!(crate::lanes::add_scaled(to, coefficient, from));
        }
    });
}
