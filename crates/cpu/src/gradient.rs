//! Gradients of parameters: which task writes which part, and inner products and norms in a fixed order.

use std::ops::Range;

use crate::aligned::Aligned;
use crate::lanes::wide_dot;
use crate::model::Model;
use crate::node::Kind;
use crate::pass::Whole;
use crate::simd::vectorised;
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

/// A contiguous part of an op's gradients, written by one task.
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
    /// All groups' biases, over the rows of a scene (`None` for all).
    Bias {
        /// Rows of the batch.
        scene: Option<usize>,
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
    /// A normalisation's scale; a scene's own with `scene`.
    Gamma {
        /// `None` for the shared one.
        scene: Option<usize>,
    },
    /// A normalisation's shift; a scene's own with `scene`.
    Beta {
        /// `None` for the shared one.
        scene: Option<usize>,
    },
}

/// One [`Part`] and its place.
pub struct Task {
    /// First element.
    pub start: usize,
    /// Number of elements.
    pub len: usize,
    /// The node whose gradient it is.
    pub node: usize,
    /// Which part of it.
    pub part: Part,
}

/// All tasks of a model, ordered by place.
pub struct Tasks {
    /// Over the gradient arena.
    arena: Vec<Task>,
    /// Over the scratch for STAR's effective weights, computed first.
    scratch: Vec<Task>,
}

impl Tasks {
    /// The tasks of a model; the names of two ops that share a parameter if there are such.
    pub fn of(model: &Model) -> Result<Self, (String, String)> {
        let mut tasks = Self { arena: vec![], scratch: vec![] };
        for (number, node) in model.nodes.iter().enumerate() {
            node.gradient_parts(|start, len, part| tasks.arena.push(Task { start, len, node: number, part }));
            if let Kind::Linear(linear) = &node.kind {
                linear.star_parts(|start, len, part| tasks.scratch.push(Task { start, len, node: number, part }));
            }
        }
        for tasks in [&mut tasks.arena, &mut tasks.scratch] {
            tasks.sort_by_key(|task| task.start);
            let overlap = |(one, other): &(&Task, &Task)| one.start + one.len > other.start;
            if let Some((one, other)) = tasks.iter().zip(tasks.iter().skip(1)).find(overlap) {
                let name = |task: &Task| model.nodes[task.node].name.clone();
                return Err((name(one), name(other)));
            }
        }
        Ok(tasks)
    }

    /// Writes every gradient of the arena; exactly 0 where none arrives.
    pub fn run(&self, model: &Model, workers: &Workers, whole: &Whole<'_>, scratch: &mut [f32], dense: &mut [f32]) {
        run(&self.scratch, model, workers, whole, &[], scratch);
        run(&self.arena, model, workers, whole, scratch, dense);
    }
}

fn run(tasks: &[Task], model: &Model, workers: &Workers, whole: &Whole<'_>, scratch: &[f32], out: &mut [f32]) {
    workers.tasks(out, tasks, 1, &|task| task.start, &|tasks, _, out: &mut [f32]| {
        let task = &tasks[0];
        let out = &mut out[..task.len];
        if whole.live[task.node] {
            model.nodes[task.node].gradient(whole, &task.part, scratch, out);
        } else {
            out.fill(0.0);
        }
    });
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
        sum[0] = vectorised(|| wide_dot(&a[place.clone()], &b[place]));
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
            vectorised(|| crate::lanes::add_scaled(to, coefficient, from));
        }
    });
}
