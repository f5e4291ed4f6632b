//! Grouped linear layers: shared, per scene and STAR's.

use mmtl_plan::{Activation, Linear, LinearWeights, Purpose, Stream};

use crate::real::{Real, sigmoid};
use crate::scope::{Gradients, Mode, Scope};

pub(crate) fn forward<T: Real>(op: &Linear, scope: &Scope<T>) -> Vec<T> {
    let (groups, width) = scope.shape(op.out);
    let kept = Kept::of(op, scope);
    let mut out = scope.zeros(op.out);
    for row in 0..scope.rows() {
        for g in 0..groups {
            for j in 0..width {
                let z = before_activation(op, scope, row, g, j);
                out[scope.span(op.out, row, g)][j] = kept.factor(row, g, j) * activate(op.activation, z);
            }
        }
    }
    out
}

pub(crate) fn backward<T: Real>(op: &Linear, scope: &Scope<T>, out: &[T], into: &mut Gradients<T>) {
    let (groups, width) = scope.shape(op.out);
    let (_, fan_in) = scope.shape(op.input);
    let kept = Kept::of(op, scope);
    for row in 0..scope.rows() {
        let at = Place::of(op, scope, row);
        for g in 0..groups {
            for j in 0..width {
                let z = before_activation(op, scope, row, g, j);
                let dropped = kept.factor(row, g, j);
                let dz = out[scope.span(op.out, row, g)][j] * dropped * slope(op.activation, z);
                for i in 0..fan_in {
                    let x = scope.values(op.input, row, op.reads[g])[i];
                    let start = scope.span(op.input, row, op.reads[g]).start;
                    into.slots[op.input.0][start + i] += dz * weight(op, scope, &at, g, i, j);
                    add_weight_gradient(op, scope, &at, (g, i, j), dz * x, into);
                }
                add_bias_gradient(op, scope, &at, (g, j), dz, into);
            }
        }
    }
}

/// `Σ_i x_i W_ij + b_j`.
pub(crate) fn before_activation<T: Real>(op: &Linear, scope: &Scope<T>, row: usize, g: usize, j: usize) -> T {
    let at = Place::of(op, scope, row);
    let x = scope.values(op.input, row, op.reads[g]);
    let product: T = x.iter().enumerate().map(|(i, &x)| x * weight(op, scope, &at, g, i, j)).sum();
    product + bias(op, scope, &at, g, j)
}

/// Where a row's matrices and biases lie in their parameters.
struct Place {
    scene: usize,
    groups: usize,
    fan_in: usize,
    width: usize,
}

impl Place {
    fn of<T: Real>(op: &Linear, scope: &Scope<T>, row: usize) -> Self {
        let (groups, width) = scope.shape(op.out);
        Self { scene: scope.batch.scene_of(row), groups, fan_in: scope.shape(op.input).1, width }
    }

    fn w(&self, g: usize, i: usize, j: usize) -> usize {
        (g * self.fan_in + i) * self.width + j
    }

    fn b(&self, g: usize, j: usize) -> usize {
        g * self.width + j
    }

    fn scene_w(&self, g: usize, i: usize, j: usize) -> usize {
        self.scene * self.groups * self.fan_in * self.width + self.w(g, i, j)
    }

    fn scene_b(&self, g: usize, j: usize) -> usize {
        self.scene * self.groups * self.width + self.b(g, j)
    }
}

fn weight<T: Real>(op: &Linear, scope: &Scope<T>, at: &Place, g: usize, i: usize, j: usize) -> T {
    match op.weights {
        LinearWeights::Shared { w, .. } => scope.param(w)[at.w(g, i, j)],
        LinearWeights::PerScene { w, .. } => scope.param(w)[at.scene_w(g, i, j)],
        LinearWeights::Star { w, scene_w, .. } => {
            scope.param(w)[at.w(g, i, j)] * scope.param(scene_w)[at.scene_w(g, i, j)]
        }
    }
}

fn bias<T: Real>(op: &Linear, scope: &Scope<T>, at: &Place, g: usize, j: usize) -> T {
    match op.weights {
        LinearWeights::Shared { b: None, .. } | LinearWeights::PerScene { b: None, .. } => T::ZERO,
        LinearWeights::Shared { b: Some(b), .. } => scope.param(b)[at.b(g, j)],
        LinearWeights::PerScene { b: Some(b), .. } => scope.param(b)[at.scene_b(g, j)],
        LinearWeights::Star { b, scene_b, .. } => scope.param(b)[at.b(g, j)] + scope.param(scene_b)[at.scene_b(g, j)],
    }
}

fn add_weight_gradient<T: Real>(
    op: &Linear,
    scope: &Scope<T>,
    at: &Place,
    (g, i, j): (usize, usize, usize),
    dw: T,
    into: &mut Gradients<T>,
) {
    let gradient = &mut into.parameters;
    match op.weights {
        LinearWeights::Shared { w, .. } => gradient.param_mut(scope.plan, w)[at.w(g, i, j)] += dw,
        LinearWeights::PerScene { w, .. } => gradient.param_mut(scope.plan, w)[at.scene_w(g, i, j)] += dw,
        LinearWeights::Star { w, scene_w, .. } => {
            let (shared, own) = (scope.param(w)[at.w(g, i, j)], scope.param(scene_w)[at.scene_w(g, i, j)]);
            gradient.param_mut(scope.plan, w)[at.w(g, i, j)] += dw * own;
            gradient.param_mut(scope.plan, scene_w)[at.scene_w(g, i, j)] += dw * shared;
        }
    }
}

fn add_bias_gradient<T: Real>(
    op: &Linear,
    scope: &Scope<T>,
    at: &Place,
    (g, j): (usize, usize),
    db: T,
    into: &mut Gradients<T>,
) {
    let gradient = &mut into.parameters;
    match op.weights {
        LinearWeights::Shared { b: None, .. } | LinearWeights::PerScene { b: None, .. } => {}
        LinearWeights::Shared { b: Some(b), .. } => gradient.param_mut(scope.plan, b)[at.b(g, j)] += db,
        LinearWeights::PerScene { b: Some(b), .. } => gradient.param_mut(scope.plan, b)[at.scene_b(g, j)] += db,
        LinearWeights::Star { b, scene_b, .. } => {
            gradient.param_mut(scope.plan, b)[at.b(g, j)] += db;
            gradient.param_mut(scope.plan, scene_b)[at.scene_b(g, j)] += db;
        }
    }
}

fn activate<T: Real>(activation: Activation, z: T) -> T {
    match activation {
        Activation::Identity => z,
        Activation::Relu if z > T::ZERO => z,
        Activation::Relu => T::ZERO,
        Activation::Sigmoid => sigmoid(z),
        Activation::Tanh => z.tanh(),
    }
}

fn slope<T: Real>(activation: Activation, z: T) -> T {
    match activation {
        Activation::Identity => T::ONE,
        Activation::Relu if z > T::ZERO => T::ONE,
        Activation::Relu => T::ZERO,
        Activation::Sigmoid => sigmoid(z) * sigmoid(-z),
        Activation::Tanh => T::ONE - z.tanh() * z.tanh(),
    }
}

/// The dropout masks of one pass.
struct Kept<T> {
    masks: Option<Masks<T>>,
}

struct Masks<T> {
    streams: Vec<Stream>,
    threshold: u32,
    scale: T,
    step: u64,
    width: usize,
}

impl<T: Real> Kept<T> {
    fn of(op: &Linear, scope: &Scope<T>) -> Self {
        let (Some(dropout), Mode::Training(pass)) = (&op.dropout, scope.mode) else { return Self { masks: None } };
        let stream = |name: &String| Stream::new(scope.dropout, Purpose::Dropout, name);
        let masks = Masks {
            streams: dropout.streams.iter().map(stream).collect(),
            threshold: dropout.threshold(),
            scale: T::of(f64::from(dropout.scale())),
            step: pass.step,
            width: scope.shape(op.out).1,
        };
        Self { masks: Some(masks) }
    }

    /// What the element is multiplied by: 1 without dropout, 0 if dropped, the scale if kept.
    fn factor(&self, row: usize, g: usize, j: usize) -> T {
        let Some(masks) = &self.masks else { return T::ONE };
        let word = masks.streams[g].word(masks.step, (row * masks.width + j) as u64);
        if word < masks.threshold { T::ZERO } else { masks.scale }
    }
}
