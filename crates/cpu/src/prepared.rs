//! What is computed once per pass: STAR's products `W ⊙ W_scene`, transposed matrices for the backward pass, which every
//! tile would otherwise pack anew, and products with small tables.

use crate::model::Model;
use crate::node::{Kind, Node};
use crate::ops::gate::GateNode;
use crate::ops::linear::{LinearNode, Weights};
use crate::simd::{prefetch, vectorised};
use crate::sweep::Work;
use crate::tables::Tables;

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
    /// `E·W` of one group and one of the tables multiplied by id.
    ById { group: usize, table: usize },
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

    /// Computes them for the scenes that the batch has.
    pub fn run(&self, work: &Work<'_>, training: bool, out: &mut [f32]) {
        let tasks = if training { &self.all } else { &self.forward };
        let Work { workers, batch, dense, tables, touched, model: Model { nodes, .. }, .. } = *work;
        let looked_up = |table| training.then(|| touched.of(table));
        workers.tasks(out, tasks, 1, &|task| task.start, &|tasks, _, out: &mut [f32]| {
            let task = &tasks[0];
            match &nodes[task.node].kind {
                Kind::Linear(node) => {
                    if !(node.by_scene() && batch.scene(task.scene).is_empty()) {
                        vectorised!(prepare_linear(node, task, dense, (tables, &looked_up), out));
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
            let (rows, width) = (linear.by_id.rows, linear.out.width);
            for (table, of) in linear.by_id.tables.iter().enumerate() {
                let start = linear.by_id.products + (group * rows + of.rows.start) * width;
                tasks.push(Task { start, node, scene, what: What::ById { group, table } });
            }
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
fn prepare_linear<'a>(
    node: &LinearNode,
    task: &Task,
    dense: &[f32],
    (tables, looked_up): (&Tables, &impl Fn(usize) -> Option<&'a [u32]>),
    out: &mut [f32],
) {
    let (len, wide, width) = (node.matrix_len(), node.input.place.width, node.out.width);
    match (&task.what, node.weights) {
        (What::ById { group, table }, Weights::Shared { w, .. }) => {
            let small = &node.by_id.tables[*table];
            small.multiply(tables, looked_up(small.table), &dense[w + group * len..][..len], width, out);
        }
        (What::Transposed { group }, Weights::Shared { w, .. } | Weights::PerScene { w, .. }) => {
            let w = &dense[w + node.matrix(task.scene, *group) * len..][..len];
            transpose(wide, width, w, None, out);
        }
        (What::Transposed { group }, Weights::Star(star)) => {
            let w = &dense[star.w + group * len..][..len];
            let scene_w = &dense[star.scene_w + node.matrix(task.scene, *group) * len..][..len];
            transpose(wide, width, w, Some(scene_w), out);
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
        (What::ById { .. }, Weights::PerScene { .. } | Weights::Star(_)) => {
            unreachable!("only matrices of all scenes are multiplied by id")
        }
    }
}

#[inline(always)]
fn prepare_gate(node: &GateNode, task: &Task, dense: &[f32], out: &mut [f32]) {
    if let What::Transposed { group } = task.what {
        let w = &dense[node.w + group * node.matrix_len()..][..node.matrix_len()];
        transpose(node.input.place.width, node.out.width, w, None, out);
    }
}

/// Side of the squares in which a matrix is turned: rows of a cache line each.
const SIDE: usize = 16;

/// `out[j, i] = w[i, j]`, or `w[i, j] · by[i, j]`; whole squares in registers, what is left over element by element.
#[inline(always)]
fn transpose(rows: usize, cols: usize, w: &[f32], by: Option<&[f32]>, out: &mut [f32]) {
    let (whole_rows, whole_cols) = (rows - rows % SIDE, cols - cols % SIDE);
    for i in (0..whole_rows).step_by(SIDE) {
        for j in (0..whole_cols).step_by(SIDE) {
            let mut square = [[0.0; SIDE]; SIDE];
            for (r, row) in square.iter_mut().enumerate() {
                let at = (i + r) * cols + j;
                prefetch(w, at + SIDE);
                prefetch(out, (j + SIDE + r) * rows + i);
                row.copy_from_slice(&w[at..at + SIDE]);
                if let Some(by) = by {
                    prefetch(by, at + SIDE);
                    row.iter_mut().zip(&by[at..at + SIDE]).for_each(|(w, by)| *w *= by);
                }
            }
            turn(&mut square);
            for (c, line) in square.iter().enumerate() {
                out[(j + c) * rows + i..][..SIDE].copy_from_slice(line);
            }
        }
    }
    for i in 0..rows {
        for j in if i < whole_rows { whole_cols } else { 0 }..cols {
            let at = i * cols + j;
            out[j * rows + i] = by.map_or(w[at], |by| w[at] * by[at]);
        }
    }
}

/// Exchanges rows and columns. Interleaving the upper half with the lower takes the row's highest bit to the column's
/// lowest and the column's highest to the row's lowest: after four times they have changed places.
#[inline(always)]
fn turn(square: &mut [[f32; SIDE]; SIDE]) {
    const HALF: usize = SIDE / 2;
    for _ in 0..SIDE.ilog2() {
        let halves = *square;
        for i in 0..HALF {
            let (upper, lower) = (halves[i], halves[i + HALF]);
            for k in 0..HALF {
                (square[2 * i][2 * k], square[2 * i][2 * k + 1]) = (upper[k], lower[k]);
                (square[2 * i + 1][2 * k], square[2 * i + 1][2 * k + 1]) = (upper[k + HALF], lower[k + HALF]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposes_whole_and_ragged_squares() {
        for (rows, cols) in [(1, 1), (16, 32), (17, 5), (3, 40), (50, 35)] {
            let w: Vec<f32> = (0..rows * cols).map(|i| i as f32).collect();
            let by: Vec<f32> = w.iter().map(|w| 2.0 + w % 3.0).collect();
            let (mut out, mut product) = (vec![-1.0; rows * cols], vec![-1.0; rows * cols]);
            transpose(rows, cols, &w, None, &mut out);
            transpose(rows, cols, &w, Some(&by), &mut product);
            for (i, j) in (0..rows).flat_map(|i| (0..cols).map(move |j| (i, j))) {
                let (to, from) = (j * rows + i, i * cols + j);
                assert_eq!((out[to], product[to]), (w[from], w[from] * by[from]));
            }
        }
    }
}
