//! Optimiser steps. A table is swept from its first row to its last: that *is* the dense optimiser.

use mmtl_plan::{DecayTowards, Memories, Memory, Optimiser, Plan, TableUpdates, Update};

use crate::parameters::{Parameters, all_singles, singles};
use crate::real::Real;

/// The optimiser's memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments<T> {
    /// The number of the last step taken.
    pub step: u64,
    /// One set of values for every parameter and moment.
    pub values: Vec<Parameters<T>>,
    /// What they are; put back from a snapshot, they are taken to be what the next rule remembers.
    memories: Option<Memories>,
}

impl<T: Real> Moments<T> {
    /// Before the first step.
    pub fn none() -> Self {
        Self { step: 0, values: vec![], memories: None }
    }

    /// As a snapshot holds it.
    pub fn of(memory: &Memory) -> Self {
        let values = memory.dense.iter().zip(&memory.tables);
        let values = values.map(|(dense, tables)| Parameters::of(dense, tables)).collect();
        Self { step: memory.step, values, memories: None }
    }

    /// A rule that remembers something else starts from zeros; otherwise moments are handed on.
    fn prepare(&mut self, plan: &Plan, memories: Memories) {
        let others = self.memories.is_some_and(|kept| kept != memories);
        if others || self.values.len() != memories.count() {
            self.values = vec![Parameters::zeros(plan); memories.count()];
        }
        self.memories = Some(memories);
    }
}

impl<T: Real> From<&Moments<T>> for Memory {
    fn from(moments: &Moments<T>) -> Self {
        Self {
            step: moments.step,
            dense: moments.values.iter().map(|m| singles(&m.dense)).collect(),
            tables: moments.values.iter().map(|m| all_singles(&m.tables)).collect(),
        }
    }
}

/// Applies the loss's gradient. `touched` names the rows of each table that the batch looked up: the only ones that
/// [`TableUpdates::Sparse`] changes.
pub fn apply<T: Real>(
    plan: &Plan,
    parameters: &mut Parameters<T>,
    moments: &mut Moments<T>,
    gradient: &Parameters<T>,
    touched: &[Vec<u32>],
    tables: TableUpdates,
    update: &Update,
) {
    moments.prepare(plan, update.optimiser.memories());
    moments.step = update.step;
    let rule = Rule::<T>::of(update);
    let scale = clipping(gradient, update.clip);
    for param in &plan.params {
        let decay = Pull::towards(param.decay, update.decay.dense);
        let rule = rule.scaled(param.lr_factor);
        for at in param.range() {
            let element = Element::gather(&parameters.dense, at, moments.values.iter().map(|m| &m.dense));
            let moved = rule.advance(element, scale * gradient.dense[at], decay, None);
            moved.scatter(&mut parameters.dense, at, moments.values.iter_mut().map(|m| &mut m.dense));
        }
    }
    for (t, table) in plan.tables.iter().enumerate() {
        let decay = Pull::towards(DecayTowards::Zero, update.decay.tables);
        let every_row = 0..table.rows as u32;
        let rows: Vec<u32> = match tables {
            TableUpdates::Exact | TableUpdates::Dense => every_row.collect(),
            TableUpdates::Sparse => touched[t].clone(),
        };
        for row in rows.iter().map(|&row| row as usize * table.dim..(row as usize + 1) * table.dim) {
            let squares =
                rule.squares_of(&parameters.tables[t][row.clone()], &gradient.tables[t][row.clone()], scale, decay);
            for at in row {
                let element = Element::gather(&parameters.tables[t], at, moments.values.iter().map(|m| &m.tables[t]));
                let moved = rule.advance(element, scale * gradient.tables[t][at], decay, squares);
                moved.scatter(&mut parameters.tables[t], at, moments.values.iter_mut().map(|m| &mut m.tables[t]));
            }
        }
    }
}

/// What brings the gradient's global norm down to `clip`. Rows that were not touched have no gradient.
fn clipping<T: Real>(gradient: &Parameters<T>, clip: Option<f32>) -> T {
    let Some(clip) = clip.map(|clip| T::of(f64::from(clip))) else { return T::ONE };
    let norm = gradient.squared_norm().sqrt();
    if norm > clip { clip / norm } else { T::ONE }
}

/// Weight decay of one element: λ and what it is pulled towards.
#[derive(Clone, Copy)]
struct Pull<T> {
    lambda: T,
    target: T,
}

impl<T: Real> Pull<T> {
    fn towards(decay: DecayTowards, lambda: f32) -> Self {
        let lambda = T::of(f64::from(lambda));
        match decay {
            DecayTowards::Nothing => Self { lambda: T::ZERO, target: T::ZERO },
            DecayTowards::Zero => Self { lambda, target: T::ZERO },
            DecayTowards::One => Self { lambda, target: T::ONE },
        }
    }
}

/// An update's constants in `T`. In f32 they are those of [`Update::scalars`]; in f64 they keep all their digits.
struct Rule<T> {
    optimiser: Optimiser,
    lr: T,
    step_size: T,
    second_scale: T,
}

impl<T: Real> Rule<T> {
    fn of(update: &Update) -> Self {
        let lr = f64::from(update.lr);
        let (step_size, second_scale) = match update.optimiser {
            Optimiser::Adam { beta1, beta2, .. } | Optimiser::AdamW { beta1, beta2, .. } => {
                let correction = |beta: f32| 1.0 - libm::pow(f64::from(beta), update.step as f64);
                (lr / correction(beta1), 1.0 / correction(beta2).sqrt())
            }
            Optimiser::Sgd { .. }
            | Optimiser::Adagrad { .. }
            | Optimiser::RowWiseAdagrad { .. }
            | Optimiser::RmsProp { .. }
            | Optimiser::Lion { .. } => (lr, 1.0),
        };
        Self {
            optimiser: update.optimiser,
            lr: T::of(lr),
            step_size: T::of(step_size),
            second_scale: T::of(second_scale),
        }
    }

    /// Of a parameter whose learning rate is multiplied by `factor`.
    fn scaled(&self, factor: f32) -> Self {
        let factor = T::of(f64::from(factor));
        Self { lr: self.lr * factor, step_size: self.step_size * factor, ..*self }
    }

    /// What a row of a table adds to its own sum of squares, if the rule has one for each row: the mean over the row.
    fn squares_of(&self, w: &[T], g: &[T], scale: T, decay: Pull<T>) -> Option<T> {
        let Optimiser::RowWiseAdagrad { .. } = self.optimiser else { return None };
        let square = |(&w, &g): (&T, &T)| {
            let pulled = scale * g + decay.lambda * (w - decay.target);
            pulled * pulled
        };
        Some(w.iter().zip(g).map(square).sum::<T>() / T::of(w.len() as f64))
    }

    /// Moves one element along its gradient; `squares` are those of its row, where it has not its own.
    fn advance(&self, element: Element<T>, g: T, decay: Pull<T>, squares: Option<T>) -> Element<T> {
        let Element { w, moments: [m, _] } = element;
        let pulled = g + decay.lambda * (w - decay.target);
        let along_root = |v: T, eps: f32| {
            let w = w - self.lr * pulled / (v.sqrt() + T::of(f64::from(eps)));
            Element { w, moments: [v, T::ZERO] }
        };
        match self.optimiser {
            Optimiser::Adam { beta1, beta2, eps } => self.adam(element, pulled, [beta1, beta2, eps]),
            Optimiser::AdamW { beta1, beta2, eps } => {
                let w = w - self.lr * decay.lambda * (w - decay.target);
                self.adam(Element { w, ..element }, g, [beta1, beta2, eps])
            }
            Optimiser::Sgd { momentum } => {
                let m = T::of(f64::from(momentum)) * m + pulled;
                Element { w: w - self.lr * m, moments: [m, T::ZERO] }
            }
            Optimiser::Adagrad { eps } | Optimiser::RowWiseAdagrad { eps } => {
                along_root(m + squares.unwrap_or(pulled * pulled), eps)
            }
            Optimiser::RmsProp { alpha, eps } => {
                let alpha = T::of(f64::from(alpha));
                along_root(alpha * m + (T::ONE - alpha) * pulled * pulled, eps)
            }
            Optimiser::Lion { beta1, beta2 } => {
                let [beta1, beta2] = [beta1, beta2].map(|x| T::of(f64::from(x)));
                let direction = sign(beta1 * m + (T::ONE - beta1) * g);
                let w = w - self.lr * (direction + decay.lambda * (w - decay.target));
                Element { w, moments: [beta2 * m + (T::ONE - beta2) * g, T::ZERO] }
            }
        }
    }

    fn adam(&self, Element { w, moments: [m, v] }: Element<T>, g: T, constants: [f32; 3]) -> Element<T> {
        let [beta1, beta2, eps] = constants.map(|x| T::of(f64::from(x)));
        let m = beta1 * m + (T::ONE - beta1) * g;
        let v = beta2 * v + (T::ONE - beta2) * g * g;
        Element { w: w - self.step_size * m / (v.sqrt() * self.second_scale + eps), moments: [m, v] }
    }
}

/// 1, -1 or 0; what is no number stays none.
fn sign<T: Real>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        x
    }
}

/// A parameter's element and its moments; a moment that the rule does not keep is 0.
#[derive(Clone, Copy)]
struct Element<T> {
    w: T,
    moments: [T; 2],
}

impl<T: Real> Element<T> {
    fn gather<'a>(weights: &[T], at: usize, moments: impl Iterator<Item = &'a Vec<T>>) -> Self {
        let mut element = Self { w: weights[at], moments: [T::ZERO; 2] };
        for (moment, values) in element.moments.iter_mut().zip(moments) {
            *moment = values[at];
        }
        element
    }

    fn scatter<'a>(self, weights: &mut [T], at: usize, moments: impl Iterator<Item = &'a mut Vec<T>>) {
        weights[at] = self.w;
        for (moment, values) in self.moments.into_iter().zip(moments) {
            values[at] = moment;
        }
    }
}

#[cfg(test)]
mod tests {
    use mmtl_plan::Decay;

    use super::*;

    #[test]
    fn constants_in_f32_are_those_every_engine_uses() {
        let optimiser = Optimiser::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
        for step in [1, 2, 17, 1000, 123_456] {
            let update = Update { optimiser, lr: 3e-4, step, clip: None, decay: Decay::default() };
            let (rule, scalars) = (Rule::<f32>::of(&update), update.scalars());
            assert_eq!(
                (rule.step_size, rule.second_scale, rule.lr),
                (scalars.step_size, scalars.second_scale, scalars.lr)
            );
        }
    }
}
