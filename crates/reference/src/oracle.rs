//! A plan executed op by op, forward and backward.

use std::sync::Arc;

use mmtl_plan::{Batch, Factors, Initial, LossTotals, Op, Plan, SessionOptions};

use crate::ops::{add, concat, embed, gate, linear, loss, mix, norm, predict};
use crate::parameters::{Parameters, widened};
use crate::real::Real;
use crate::scope::{Gradients, Mode, Scope};
use crate::update::Moments;

/// A model in training, computed with plain loops in `T`.
pub struct Oracle<T> {
    pub(crate) plan: Arc<Plan>,
    pub(crate) options: SessionOptions,
    factors: Factors,
    /// Weights and tables.
    pub parameters: Parameters<T>,
    /// Running statistics.
    pub states: Vec<Vec<T>>,
    /// The optimiser's memory.
    pub moments: Moments<T>,
    pub(crate) gradients: Vec<Parameters<T>>,
    pub(crate) touched: Vec<Vec<u32>>,
    pub(crate) totals: Vec<LossTotals>,
}

/// What a forward pass computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Tape<T> {
    /// How the pass was made.
    pub mode: Mode,
    /// Each slot, `[rows, groups, width]`.
    pub slots: Vec<Vec<T>>,
    /// Each objective's loss; `None` when the batch has no row of it (its value is then exactly 0).
    pub losses: Vec<Option<T>>,
    /// The states as the pass found them.
    states: Vec<Vec<T>>,
    /// The states as the pass leaves them.
    pub states_after: Vec<Vec<T>>,
}

impl<T: Real> Oracle<T> {
    /// A model with freshly initialised parameters.
    pub fn new(plan: Arc<Plan>, options: SessionOptions) -> Self {
        let initial = Initial::of(&plan, options.initialisation);
        Self {
            parameters: Parameters::of(&initial.dense, &initial.tables),
            states: initial.states.iter().map(|state| widened(state)).collect(),
            moments: Moments::none(),
            gradients: vec![],
            touched: vec![vec![]; plan.tables.len()],
            totals: vec![LossTotals::default(); plan.objectives.len()],
            plan,
            options,
            factors: Factors::F32,
        }
    }

    /// With the factors of matrix products rounded.
    #[must_use]
    pub fn rounding(self, factors: Factors) -> Self {
        Self { factors, ..self }
    }

    /// One forward pass. Changes nothing: a training step adopts [`Tape::states_after`] itself.
    pub fn forward(&self, batch: &Batch, mode: Mode) -> Tape<T> {
        let mut tape = Tape {
            mode,
            slots: vec![vec![]; self.plan.slots.len()],
            losses: vec![None; self.plan.objectives.len()],
            states: self.states.clone(),
            states_after: self.states.clone(),
        };
        for op in &self.plan.ops {
            let scope = self.scope(batch, &tape);
            match op {
                Op::Embed(op) => tape.slots[op.out.0] = embed::forward(op, &scope),
                Op::Linear(op) => tape.slots[op.out.0] = linear::forward(op, &scope),
                Op::Norm(op) => {
                    let out = norm::forward(op, &scope);
                    if mode != Mode::Evaluation {
                        let mut states = tape.states_after.clone();
                        norm::advance(op, &scope, &mut states);
                        tape.states_after = states;
                    }
                    tape.slots[op.out.0] = out;
                }
                Op::Gate(op) => tape.slots[op.out.0] = gate::forward(op, &scope),
                Op::Mix(op) => tape.slots[op.out.0] = mix::forward(op, &scope),
                Op::Add(op) => tape.slots[op.out.0] = add::forward(op, &scope),
                Op::Concat(op) => tape.slots[op.out.0] = concat::forward(op, &scope),
                Op::Predict(op) => tape.slots[op.out.0] = predict::forward(op, &scope),
                Op::Loss(op) => tape.losses[op.objective] = loss::value(op, &scope),
            }
        }
        tape
    }

    /// The gradient of `Σ weights[k] · L_k` by every parameter, at the pass that `tape` recorded.
    pub fn backward(&self, batch: &Batch, tape: &Tape<T>, weights: &[T]) -> Parameters<T> {
        let scope = self.scope(batch, tape);
        let mut gradients = Gradients {
            slots: tape.slots.iter().map(|slot| vec![T::ZERO; slot.len()]).collect(),
            parameters: Parameters::zeros(&self.plan),
        };
        for op in self.plan.ops.iter().rev() {
            let into = &mut gradients;
            let out = op.out().map(|slot| std::mem::take(&mut into.slots[slot.0])).unwrap_or_default();
            match op {
                Op::Embed(op) => embed::backward(op, &scope, &out, into),
                Op::Linear(op) => linear::backward(op, &scope, &out, into),
                Op::Norm(op) => norm::backward(op, &scope, &out, into),
                Op::Gate(op) => gate::backward(op, &scope, &out, into),
                Op::Mix(op) => mix::backward(op, &scope, &out, into),
                Op::Add(op) => add::backward(op, &out, into),
                Op::Concat(op) => concat::backward(op, &scope, &out, into),
                Op::Predict(op) => predict::backward(op, &scope, &out, into),
                Op::Loss(op) => loss::backward(op, &scope, weights[op.objective], into),
            }
        }
        gradients.parameters
    }

    /// On which side of its kink every input of a ReLU lies, in a fixed order: two passes with different answers have
    /// a kink between them.
    pub fn relu_sides(&self, batch: &Batch, tape: &Tape<T>) -> Vec<bool> {
        let scope = self.scope(batch, tape);
        let mut sides = vec![];
        for op in &self.plan.ops {
            let Op::Linear(op) = op else { continue };
            if op.activation != mmtl_plan::Activation::Relu {
                continue;
            }
            sides.extend(linear::before_activation(op, &scope).into_iter().map(|z| z > T::ZERO));
        }
        sides
    }

    fn scope<'a>(&'a self, batch: &'a Batch, tape: &'a Tape<T>) -> Scope<'a, T> {
        Scope {
            plan: &self.plan,
            batch,
            parameters: &self.parameters,
            states: &tape.states,
            slots: &tape.slots,
            mode: tape.mode,
            dropout: self.options.dropout,
            factors: self.factors,
        }
    }
}
