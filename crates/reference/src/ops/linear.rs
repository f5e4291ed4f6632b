//! Grouped linear layers: shared, per scene and STAR's.

use mmtl_plan::{Activation, Dropout, Linear, LinearWeights, ParamId, Purpose, Stream};

use crate::parameters::Parameters;
use crate::real::{Real, sigmoid};
use crate::scope::{Gradients, Mode, Scope};

pub(crate) fn forward<T: Real>(op: &Linear, scope: &Scope<T>) -> Vec<T> {
    let (groups, width) = scope.shape(op.out);
    let kept = Kept::of(op.dropout.as_ref(), scope);
    let mut out = scope.zeros(op.out);
    for scene in 0..scope.plan.schema.scenes.len() {
        let matrices = Matrices::of(op, scope, scene);
        for row in scope.batch.scene(scene) {
            for g in 0..groups {
                let x = scope.all_factors(scope.values(op.input, row, op.reads[g]));
                let start = scope.span(op.out, row, g).start;
                for j in 0..width {
                    out[start + j] =
                        kept.factor(row, g, j, width) * activate(op.activation, matrices.product(&x, g, j));
                }
            }
        }
    }
    out
}

pub(crate) fn backward<T: Real>(op: &Linear, scope: &Scope<T>, out: &[T], into: &mut Gradients<T>) {
    let (groups, width) = scope.shape(op.out);
    let kept = Kept::of(op.dropout.as_ref(), scope);
    for scene in 0..scope.plan.schema.scenes.len() {
        let matrices = Matrices::of(op, scope, scene);
        let mut gradient = matrices.zeros();
        for row in scope.batch.scene(scene) {
            for g in 0..groups {
                let x = scope.all_factors(scope.values(op.input, row, op.reads[g]));
                let dx = &mut into.slots[op.input.0][scope.span(op.input, row, op.reads[g])];
                let start = scope.span(op.out, row, g).start;
                for j in 0..width {
                    let z = matrices.product(&x, g, j);
                    let dz = out[start + j] * kept.factor(row, g, j, width) * slope(op.activation, z);
                    gradient.b[g * width + j] += dz;
                    let dz = scope.factor(dz);
                    for i in 0..x.len() {
                        let at = matrices.at(g, i, j);
                        gradient.w[at] += dz * x[i];
                        dx[i] += dz * matrices.w[at];
                    }
                }
            }
        }
        gradient.add_to(op, scope, scene, &mut into.parameters);
    }
}

/// `Σ_i x_i W_ij + b_j` for every row, group and column.
pub(crate) fn before_activation<T: Real>(op: &Linear, scope: &Scope<T>) -> Vec<T> {
    let (groups, width) = scope.shape(op.out);
    let mut all = vec![];
    for scene in 0..scope.plan.schema.scenes.len() {
        let matrices = Matrices::of(op, scope, scene);
        for row in scope.batch.scene(scene) {
            for g in 0..groups {
                let x = scope.all_factors(scope.values(op.input, row, op.reads[g]));
                all.extend((0..width).map(|j| matrices.product(&x, g, j)));
            }
        }
    }
    all
}

/// What one scene's rows are multiplied by, as factors: `w` is `[groups, in, out]`, `b` `[groups, out]`. Or its gradient.
struct Matrices<T> {
    w: Vec<T>,
    b: Vec<T>,
    fan_in: usize,
    width: usize,
}

impl<T: Real> Matrices<T> {
    fn of(op: &Linear, scope: &Scope<T>, scene: usize) -> Self {
        let ((_, fan_in), (groups, width)) = (scope.shape(op.input), scope.shape(op.out));
        let none = || vec![T::ZERO; groups * width];
        let (w, b) = match op.weights {
            LinearWeights::Shared { w, b } => {
                (scope.param(w).to_vec(), b.map_or_else(none, |b| scope.param(b).to_vec()))
            }
            LinearWeights::PerScene { w, b } => {
                (own(scope, w, scene).to_vec(), b.map_or_else(none, |b| own(scope, b, scene).to_vec()))
            }
            LinearWeights::Star { w, b, scene_w, scene_b } => {
                let products = scope.param(w).iter().zip(own(scope, scene_w, scene)).map(|(&x, &y)| x * y);
                let sums = scope.param(b).iter().zip(own(scope, scene_b, scene)).map(|(&x, &y)| x + y);
                (products.collect(), sums.collect())
            }
        };
        Self { w: scope.all_factors(&w).into_owned(), b, fan_in, width }
    }

    fn zeros(&self) -> Self {
        let (w, b) = (vec![T::ZERO; self.w.len()], vec![T::ZERO; self.b.len()]);
        Self { w, b, fan_in: self.fan_in, width: self.width }
    }

    fn at(&self, g: usize, i: usize, j: usize) -> usize {
        (g * self.fan_in + i) * self.width + j
    }

    /// Element `j` of `x·W + b`.
    fn product(&self, x: &[T], g: usize, j: usize) -> T {
        (0..x.len()).map(|i| x[i] * self.w[self.at(g, i, j)]).sum::<T>() + self.b[g * self.width + j]
    }

    /// Hands the gradient of what the scene's rows were multiplied by on to the parameters it was made of.
    fn add_to(&self, op: &Linear, scope: &Scope<T>, scene: usize, into: &mut Parameters<T>) {
        let plan = scope.plan;
        match op.weights {
            LinearWeights::Shared { w, b } => {
                add(into.param_mut(plan, w), &self.w, None);
                if let Some(b) = b {
                    add(into.param_mut(plan, b), &self.b, None);
                }
            }
            LinearWeights::PerScene { w, b } => {
                add(own_mut(scope, into, w, scene), &self.w, None);
                if let Some(b) = b {
                    add(own_mut(scope, into, b, scene), &self.b, None);
                }
            }
            LinearWeights::Star { w, b, scene_w, scene_b } => {
                add(into.param_mut(plan, w), &self.w, Some(own(scope, scene_w, scene)));
                add(own_mut(scope, into, scene_w, scene), &self.w, Some(scope.param(w)));
                add(into.param_mut(plan, b), &self.b, None);
                add(own_mut(scope, into, scene_b, scene), &self.b, None);
            }
        }
    }
}

/// `into += x`, or `into += x ⊙ factor`.
fn add<T: Real>(into: &mut [T], x: &[T], factor: Option<&[T]>) {
    for (k, sum) in into.iter_mut().enumerate() {
        *sum += factor.map_or(x[k], |factor| x[k] * factor[k]);
    }
}

/// A scene's part of a parameter with a scene axis.
fn own<'a, T: Real>(scope: &'a Scope<T>, id: ParamId, scene: usize) -> &'a [T] {
    let len = scope.plan.param(id).len() / scope.plan.schema.scenes.len();
    &scope.param(id)[scene * len..(scene + 1) * len]
}

fn own_mut<'a, T: Real>(scope: &Scope<T>, into: &'a mut Parameters<T>, id: ParamId, scene: usize) -> &'a mut [T] {
    let len = scope.plan.param(id).len() / scope.plan.schema.scenes.len();
    &mut into.param_mut(scope.plan, id)[scene * len..(scene + 1) * len]
}

fn activate<T: Real>(activation: Activation, z: T) -> T {
    match activation {
        // What is no number stays none, and so is seen in the loss.
        Activation::Relu if z <= T::ZERO => T::ZERO,
        Activation::Identity | Activation::Relu => z,
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
pub(super) struct Kept<T> {
    masks: Option<Masks<T>>,
}

struct Masks<T> {
    streams: Vec<Stream>,
    threshold: u32,
    scale: T,
    step: u64,
}

impl<T: Real> Kept<T> {
    pub(super) fn of(dropout: Option<&Dropout>, scope: &Scope<T>) -> Self {
        let (Some(dropout), Mode::Training(pass)) = (dropout, scope.mode) else { return Self { masks: None } };
        let stream = |name: &String| Stream::new(scope.dropout, Purpose::Dropout, name);
        let masks = Masks {
            streams: dropout.streams.iter().map(stream).collect(),
            threshold: dropout.threshold(),
            scale: T::of(f64::from(dropout.scale())),
            step: pass.step,
        };
        Self { masks: Some(masks) }
    }

    /// What element `j` of `width` is multiplied by: 1 without dropout, 0 if dropped, the scale if kept.
    pub(super) fn factor(&self, row: usize, g: usize, j: usize, width: usize) -> T {
        let Some(masks) = &self.masks else { return T::ONE };
        let word = masks.streams[g].word(masks.step, (row * width + j) as u64);
        if word < masks.threshold { T::ZERO } else { masks.scale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivative_of_relu_at_0_is_0() {
        assert_eq!([-1.0, 0.0, 1.0].map(|z| slope(Activation::Relu, z)), [0.0, 0.0, 1.0]);
        assert_eq!([-1.0, 0.0, 1.0].map(|z| activate(Activation::Relu, z)), [0.0, 0.0, 1.0]);
    }
}
