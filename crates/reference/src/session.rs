//! The oracle as a session.

use std::sync::Arc;

use mmtl_plan::{
    Batch, EngineError, Gradient, LossTotals, Memory, Pass, Plan, Session, Snapshot, TableUpdates, Update,
};

use crate::ops::embed::touched_rows;
use crate::oracle::{Oracle, Tape};
use crate::parameters::{Parameters, all_singles, singles, widened};
use crate::real::Real;
use crate::scope::Mode;
use crate::update::{Moments, apply};

impl<T: Real> Oracle<T> {
    /// A training pass: if it counts, its losses are added up and its running statistics kept.
    fn training_pass(&mut self, batch: &Batch, pass: Pass) -> Tape<T> {
        let tape = self.forward(batch, Mode::Training(pass));
        self.touched = touched_rows(&self.plan, batch);
        if !pass.counts {
            return tape;
        }
        self.states.clone_from(&tape.states_after);
        for (totals, loss) in self.totals.iter_mut().zip(&tape.losses) {
            let Some(loss) = loss.map(Real::double) else { continue };
            totals.sum += loss;
            totals.steps += 1;
            if !loss.is_finite() {
                totals.first_not_finite.get_or_insert(pass.step);
            }
        }
        tape
    }

    /// Applies a gradient of the loss; `touched` as [`touched_rows`] names them.
    pub fn update(&mut self, gradient: &Parameters<T>, touched: &[Vec<u32>], update: &Update) {
        let tables: TableUpdates = self.options.tables;
        apply(&self.plan, &mut self.parameters, &mut self.moments, gradient, touched, tables, update);
    }

    fn check_weights(&self, weights: &[f32]) -> Result<(), EngineError> {
        EngineError::check("number of objective weights", self.plan.objectives.len(), weights.len())
    }
}

impl<T: Real> Session for Oracle<T> {
    fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    fn step(&mut self, batch: &Batch, weights: &[f32], update: &Update) -> Result<(), EngineError> {
        batch.check_for_training(&self.plan.schema, self.options.max_rows)?;
        self.check_weights(weights)?;
        self.gradients.clear();
        let tape = self.training_pass(batch, Pass::of(update.step));
        let gradient = self.backward(batch, &tape, &widened::<T>(weights));
        let touched = self.touched.clone();
        self.update(&gradient, &touched, update);
        Ok(())
    }

    fn gradients(&mut self, batch: &Batch, pass: Pass, weightings: &[&[f32]]) -> Result<(), EngineError> {
        batch.check_for_training(&self.plan.schema, self.options.max_rows)?;
        weightings.iter().try_for_each(|weights| self.check_weights(weights))?;
        let tape = self.training_pass(batch, pass);
        self.gradients = weightings.iter().map(|weights| self.backward(batch, &tape, &widened::<T>(weights))).collect();
        Ok(())
    }

    fn gradient(&mut self, number: usize) -> Result<Gradient, EngineError> {
        let what = "number of a gradient, below how many there are";
        let missing = EngineError::Argument { what, expected: self.gradients.len(), got: number };
        let gradient = self.gradients.get(number).ok_or(missing)?;
        Ok(gradient.to_gradient(&self.plan, &self.touched))
    }

    fn gram(&mut self) -> Result<Vec<f64>, EngineError> {
        let row = |a: &Parameters<T>| self.gradients.iter().map(|b| a.shared_dot(&self.plan, b)).collect::<Vec<f64>>();
        Ok(self.gradients.iter().flat_map(row).collect())
    }

    fn combine(&mut self, coefficients: &[f32], update: &Update) -> Result<(), EngineError> {
        EngineError::check("number of coefficients", self.gradients.len(), coefficients.len())?;
        let mut sum = Parameters::zeros(&self.plan);
        for (&coefficient, gradient) in widened::<T>(coefficients).iter().zip(&self.gradients) {
            sum.add_scaled(coefficient, gradient);
        }
        let touched = self.touched.clone();
        self.update(&sum, &touched, update);
        Ok(())
    }

    fn losses(&mut self) -> Result<Vec<LossTotals>, EngineError> {
        let fresh = vec![LossTotals::default(); self.totals.len()];
        Ok(std::mem::replace(&mut self.totals, fresh))
    }

    fn predict(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        batch.check(&self.plan.schema, self.options.max_rows)?;
        EngineError::check("number of outputs", self.plan.outputs.len(), out.len())?;
        let tape = self.forward(batch, Mode::Evaluation);
        for (values, output) in out.iter_mut().zip(&self.plan.outputs) {
            *values = singles(&tape.slots[output.slot.0]);
        }
        Ok(())
    }

    fn gates(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        batch.check(&self.plan.schema, self.options.max_rows)?;
        EngineError::check("number of gates", self.plan.gates().count(), out.len())?;
        let tape = self.forward(batch, Mode::Evaluation);
        for (values, gate) in out.iter_mut().zip(self.plan.gates()) {
            *values = singles(&tape.slots[gate.out.0]);
        }
        Ok(())
    }

    fn snapshot(&mut self, everything: bool) -> Result<Snapshot, EngineError> {
        Ok(Snapshot {
            dense: singles(&self.parameters.dense),
            tables: all_singles(&self.parameters.tables),
            states: all_singles(&self.states),
            memory: everything.then(|| Memory::from(&self.moments)),
        })
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EngineError> {
        snapshot.check(&self.plan)?;
        if let Some(memory) = &snapshot.memory {
            self.moments = Moments::of(memory);
        }
        self.parameters = Parameters::of(&snapshot.dense, &snapshot.tables);
        self.states = snapshot.states.iter().map(|state| widened(state)).collect();
        Ok(())
    }
}
