//! Layer, batch and scene-partitioned normalisation.

use std::ops::Range;

use mmtl_plan::{Norm, NormKind, StateId};

use crate::real::Real;
use crate::scope::{Gradients, Mode, Scope};

pub(crate) fn forward<T: Real>(op: &Norm, scope: &Scope<T>) -> Vec<T> {
    let mut out = scope.zeros(op.out);
    for set in sets(op, scope) {
        let statistics = statistics(op, scope, &set);
        for &at in &set.elements {
            let x_hat = (scope.slots[op.input.0][at] - statistics.mean) / statistics.deviation;
            out[at] = scale(op, scope, &set, at) * x_hat + shift(op, scope, &set, at);
        }
    }
    out
}

/// Ioffe and Szegedy (ICML 2015), § 3, for statistics of the batch; where running statistics are used, they are
/// constants.
pub(crate) fn backward<T: Real>(op: &Norm, scope: &Scope<T>, out: &[T], into: &mut Gradients<T>) {
    for set in sets(op, scope) {
        let statistics = statistics(op, scope, &set);
        let x_hat = |at: usize| (scope.slots[op.input.0][at] - statistics.mean) / statistics.deviation;
        let slope = |at: usize| scale(op, scope, &set, at) * out[at];
        let n = T::of(set.elements.len() as f64);
        let mean: T = set.elements.iter().map(|&at| slope(at)).sum::<T>() / n;
        let along: T = set.elements.iter().map(|&at| slope(at) * x_hat(at)).sum::<T>() / n;
        for &at in &set.elements {
            let through_statistics = if statistics.of_batch { mean + x_hat(at) * along } else { T::ZERO };
            into.slots[op.input.0][at] += (slope(at) - through_statistics) / statistics.deviation;
            add_parameter_gradients(op, scope, &set, at, (out[at], x_hat(at)), into);
        }
    }
}

/// The running statistics after a training pass.
pub(crate) fn advance<T: Real>(op: &Norm, scope: &Scope<T>, states: &mut [Vec<T>]) {
    for set in sets(op, scope) {
        let (Some(running), true) = (set.running, statistics(op, scope, &set).of_batch) else { continue };
        let n = T::of(set.elements.len() as f64);
        let (mean, biased) = moments(op, scope, &set);
        let unbiased = biased * n / (n - T::ONE);
        let old = T::ONE - running.momentum;
        for (state, batch) in [(running.mean, mean), (running.variance, unbiased)] {
            let value = &mut states[state.0][running.at];
            *value = old * *value + running.momentum * batch;
        }
    }
}

/// Elements that share a mean and a variance.
struct Set<T> {
    /// Positions in the slot.
    elements: Vec<usize>,
    scene: usize,
    running: Option<Running<T>>,
}

#[derive(Clone, Copy)]
struct Running<T> {
    mean: StateId,
    variance: StateId,
    at: usize,
    momentum: T,
}

struct Statistics<T> {
    mean: T,
    /// √(variance + eps)
    deviation: T,
    /// Whether they are functions of the batch.
    of_batch: bool,
}

fn sets<T: Real>(op: &Norm, scope: &Scope<T>) -> Vec<Set<T>> {
    let (groups, width) = scope.shape(op.input);
    let over_rows = |rows: Range<usize>, scene: usize, first_state: usize, mean, variance, momentum: f32| {
        (0..groups * width).map(move |column| Set {
            elements: rows.clone().map(|row| row * groups * width + column).collect(),
            scene,
            running: Some(Running { mean, variance, at: first_state + column, momentum: T::of(f64::from(momentum)) }),
        })
    };
    match op.kind {
        NormKind::Layer => (0..scope.rows() * groups)
            .map(|k| Set { elements: (k * width..(k + 1) * width).collect(), scene: 0, running: None })
            .collect(),
        NormKind::Batch { mean, variance, momentum } => {
            over_rows(0..scope.rows(), 0, 0, mean, variance, momentum).collect()
        }
        NormKind::Scene { mean, variance, momentum, .. } => (0..scope.plan.schema.scenes.len())
            .flat_map(|s| over_rows(scope.batch.scene(s), s, s * groups * width, mean, variance, momentum))
            .collect(),
    }
}

fn statistics<T: Real>(op: &Norm, scope: &Scope<T>, set: &Set<T>) -> Statistics<T> {
    let eps = T::of(f64::from(op.eps));
    let running = set.running.filter(|_| scope.mode == Mode::Evaluation || set.elements.len() < 2);
    if let Some(running) = running {
        let mean = scope.states[running.mean.0][running.at];
        let variance = scope.states[running.variance.0][running.at];
        return Statistics { mean, deviation: (variance + eps).sqrt(), of_batch: false };
    }
    let (mean, variance) = moments(op, scope, set);
    Statistics { mean, deviation: (variance + eps).sqrt(), of_batch: true }
}

/// Mean and biased variance of a set.
fn moments<T: Real>(op: &Norm, scope: &Scope<T>, set: &Set<T>) -> (T, T) {
    let n = T::of(set.elements.len() as f64);
    let x = |at: &usize| scope.slots[op.input.0][*at];
    let mean = set.elements.iter().map(x).sum::<T>() / n;
    let variance = set.elements.iter().map(|at| (x(at) - mean) * (x(at) - mean)).sum::<T>() / n;
    (mean, variance)
}

/// (column within γ, column within γ_scene) of an element.
fn columns<T: Real>(op: &Norm, scope: &Scope<T>, set: &Set<T>, at: usize) -> (usize, usize) {
    let (groups, width) = scope.shape(op.input);
    let column = at % (groups * width);
    (column, set.scene * groups * width + column)
}

fn scale<T: Real>(op: &Norm, scope: &Scope<T>, set: &Set<T>, at: usize) -> T {
    let (column, of_scene) = columns(op, scope, set, at);
    let gamma = scope.param(op.gamma)[column];
    match op.kind {
        NormKind::Layer | NormKind::Batch { .. } => gamma,
        NormKind::Scene { scene_gamma, .. } => gamma * scope.param(scene_gamma)[of_scene],
    }
}

fn shift<T: Real>(op: &Norm, scope: &Scope<T>, set: &Set<T>, at: usize) -> T {
    let (column, of_scene) = columns(op, scope, set, at);
    let beta = scope.param(op.beta)[column];
    match op.kind {
        NormKind::Layer | NormKind::Batch { .. } => beta,
        NormKind::Scene { scene_beta, .. } => beta + scope.param(scene_beta)[of_scene],
    }
}

fn add_parameter_gradients<T: Real>(
    op: &Norm,
    scope: &Scope<T>,
    set: &Set<T>,
    at: usize,
    (g, x_hat): (T, T),
    into: &mut Gradients<T>,
) {
    let (column, of_scene) = columns(op, scope, set, at);
    let gradient = &mut into.parameters;
    gradient.param_mut(scope.plan, op.beta)[column] += g;
    match op.kind {
        NormKind::Layer | NormKind::Batch { .. } => gradient.param_mut(scope.plan, op.gamma)[column] += g * x_hat,
        NormKind::Scene { scene_gamma, scene_beta, .. } => {
            let (shared, own) = (scope.param(op.gamma)[column], scope.param(scene_gamma)[of_scene]);
            gradient.param_mut(scope.plan, op.gamma)[column] += g * x_hat * own;
            gradient.param_mut(scope.plan, scene_gamma)[of_scene] += g * x_hat * shared;
            gradient.param_mut(scope.plan, scene_beta)[of_scene] += g;
        }
    }
}
