//! Weights computed once per pass: STAR's products `W ⊙ W_scene`, and transposed matrices for the backward pass, which
//! every tile would otherwise pack anew.

use crate::node::{Kind, Node};
use crate::ops::gate::GateNode;
use crate::ops::linear::{LinearNode, Weights};
use crate::simd::vectorised;
use crate::workers::Workers;
use mmtl_plan::Batch;

/// One matrix or bias to compute.
struct Task {
    start: usize,
    node: usize,
    scene: usize,
    what: What,
}

enum What {
    /// `W ⊙ W_scene` of one group.
    StarMatrix { group: usize },
    /// `b + b_scene` of all groups.
    StarBias,
    /// A matrix with rows and columns exchanged.
    Transposed { group: usize },
}

/// Everything to compute, ordered by place.
pub struct Preparation {
    /// What evaluation needs.
    forward: Vec<Task>,
    /// What training needs.
    all: Vec<Task>,
}

impl Preparation {
    /// What the nodes need.
    pub fn of(nodes: &[Node]) -> Self {
        let mut all = vec![];
        let mut forward = vec![];
        for (node, kind) in nodes.iter().map(|node| &node.kind).enumerate() {
            match kind {
                Kind::Linear(linear) => {
                    linear_tasks(node, linear, &mut all);
                    linear_tasks(node, linear, &mut forward);
                }
                Kind::Gate(gate) => {
                    let start = |group| gate.transposed + group * gate.matrix_len();
                    let task = |group| Task { start: start(group), node, scene: 0, what: What::Transposed { group } };
                    all.extend((0..gate.out.groups).map(task));
                }
                Kind::Embed(_)
                | Kind::Norm(_)
                | Kind::Mix(_)
                | Kind::Add(_)
                | Kind::Concat(_)
                | Kind::Predict(_)
                | Kind::Loss(_) => {}
            }
        }
        forward.retain(|task| !matches!(task.what, What::Transposed { .. }));
        all.sort_by_key(|task| task.start);
        forward.sort_by_key(|task| task.start);
        Self { forward, all }
    }

    /// Computes them for the scenes that `batch` has.
    pub fn run(
        &self,
        workers: &Workers,
        nodes: &[Node],
        batch: &Batch,
        training: bool,
        dense: &[f32],
        out: &mut [f32],
    ) {
        let tasks = if training { &self.all } else { &self.forward };
        workers.tasks(out, tasks, 1, &|task| task.start, &|tasks, _, out: &mut [f32]| {
            let task = &tasks[0];
            match &nodes[task.node].kind {
                Kind::Linear(node) => {
                    if !(node.by_scene() && batch.scene(task.scene).is_empty()) {
                        vectorised!(prepare_linear(node, task, dense, out));
                    }
                }
                Kind::Gate(node) => vectorised!(prepare_gate(node, task, dense, out)),
                Kind::Embed(_)
                | Kind::Norm(_)
                | Kind::Mix(_)
                | Kind::Add(_)
                | Kind::Concat(_)
                | Kind::Predict(_)
                | Kind::Loss(_) => unreachable!("`{}` has no matrix", nodes[task.node].name),
            }
        });
    }
}

fn linear_tasks(node: usize, linear: &LinearNode, tasks: &mut Vec<Task>) {
    for scene in 0..if linear.by_scene() { linear.scenes } else { 1 } {
        for group in 0..linear.out.groups {
            let at = linear.matrix(scene, group) * linear.matrix_len();
            tasks.push(Task { start: linear.transposed + at, node, scene, what: What::Transposed { group } });
            if let Weights::Star(star) = linear.weights {
                tasks.push(Task { start: star.effective_w + at, node, scene, what: What::StarMatrix { group } });
            }
        }
        if let Weights::Star(star) = linear.weights {
            let start = star.effective_b + scene * linear.out.columns();
            tasks.push(Task { start, node, scene, what: What::StarBias });
        }
    }
}

#[inline(always)]
fn prepare_linear(node: &LinearNode, task: &Task, dense: &[f32], out: &mut [f32]) {
    let (len, wide, width) = (node.matrix_len(), node.input.place.width, node.out.width);
    match (&task.what, node.weights) {
        (What::Transposed { group }, Weights::Shared { w, .. } | Weights::PerScene { w, .. }) => {
            let w = &dense[w + node.matrix(task.scene, *group) * len..][..len];
            transpose(wide, width, |at| w[at], out);
        }
        (What::Transposed { group }, Weights::Star(star)) => {
            let w = &dense[star.w + group * len..][..len];
            let scene_w = &dense[star.scene_w + node.matrix(task.scene, *group) * len..][..len];
            transpose(wide, width, |at| w[at] * scene_w[at], out);
        }
        (What::StarMatrix { group }, Weights::Star(star)) => {
            let w = &dense[star.w + group * len..][..len];
            let scene_w = &dense[star.scene_w + node.matrix(task.scene, *group) * len..][..len];
            out.iter_mut().zip(w.iter().zip(scene_w)).for_each(|(out, (w, scene_w))| *out = w * scene_w);
        }
        (What::StarBias, Weights::Star(star)) => {
            let columns = node.out.columns();
            let b = &dense[star.b..][..columns];
            let scene_b = &dense[star.scene_b + task.scene * columns..][..columns];
            out.iter_mut().zip(b.iter().zip(scene_b)).for_each(|(out, (b, scene_b))| *out = b + scene_b);
        }
        (What::StarMatrix { .. } | What::StarBias, Weights::Shared { .. } | Weights::PerScene { .. }) => {
            unreachable!("only STAR multiplies matrices")
        }
    }
}

#[inline(always)]
fn prepare_gate(node: &GateNode, task: &Task, dense: &[f32], out: &mut [f32]) {
    if let What::Transposed { group } = task.what {
        let w = &dense[node.w + group * node.matrix_len()..][..node.matrix_len()];
        transpose(node.input.place.width, node.out.width, |at| w[at], out);
    }
}

/// Side of the squares in which a matrix is turned: 16 rows of a cache line each.
const SQUARE: usize = 16;

/// `out[j, i] = w(i, j)`; `w` is given the position in `[rows, cols]`.
#[inline(always)]
fn transpose(rows: usize, cols: usize, w: impl Fn(usize) -> f32, out: &mut [f32]) {
    for i0 in (0..rows).step_by(SQUARE) {
        for j0 in (0..cols).step_by(SQUARE) {
            for j in j0..(j0 + SQUARE).min(cols) {
                for i in i0..(i0 + SQUARE).min(rows) {
                    out[j * rows + i] = w(i * cols + j);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposes_whole_and_ragged_squares() {
        for (rows, cols) in [(1, 1), (16, 32), (17, 5), (3, 40)] {
            let w: Vec<f32> = (0..rows * cols).map(|i| i as f32).collect();
            let mut out = vec![-1.0; rows * cols];
            transpose(rows, cols, |at| w[at], &mut out);
            for (i, j) in (0..rows).flat_map(|i| (0..cols).map(move |j| (i, j))) {
                assert_eq!(out[j * rows + i], w[i * cols + j]);
            }
        }
    }
}
