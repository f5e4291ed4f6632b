//! One optimiser step, from the oracle's gradient and from the engine's own.

use mmtl_plan::{Batch, EngineError, Gradient, Memory, Pass, Session, Snapshot, TableUpdates, Update};

use super::finding::Finding;
use super::tolerance;
use super::transcript::Transcript;
use super::trial::Trial;
use crate::drawn::{self, Rows};
use crate::ops::embed::touched_rows;
use crate::parameters::{Parameters, all_singles, singles, widened};
use crate::real::Real;
use crate::update::{Moments, apply};

/// Small enough to act on every drawn plan.
const CLIP: f32 = 0.03125;

/// What the engine's own gradients are multiplied by.
const COEFFICIENTS: [f32; 2] = [1.5, -0.25];

/// Adam with all that an update can have, and plain gradient descent.
pub(super) fn check(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    rules(trial, &[TableUpdates::Exact], |name| ["adam, decay, clip", "sgd"].contains(&name))
}

/// Each rule × decay × clipping × kind of table updates.
pub(super) fn every_rule(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    rules(trial, &[TableUpdates::Exact, TableUpdates::Dense, TableUpdates::Sparse], |_| true)
}

fn rules(trial: &Trial, tables: &[TableUpdates], wanted: impl Fn(&str) -> bool) -> Result<Vec<Finding>, EngineError> {
    let batch = trial.batch(&Rows::count(23), 2);
    let mut findings = vec![];
    for (name, update) in drawn::updates(11, CLIP).into_iter().filter(|(name, _)| wanted(name)) {
        let memory = drawn::memory(trial.plan, update.optimiser.memories(), 4);
        let before = Snapshot { memory: Some(memory), ..trial.weights.clone() };
        for &tables in tables {
            let name = format!("{name}, {tables:?} tables");
            let step = Step { trial, name, before: &before, batch: &batch, update: &update, tables };
            findings.extend(trial.compare(tables, |session| step.taken(session))?);
            findings.extend(step.combined()?);
        }
    }
    Ok(findings)
}

struct Step<'a> {
    trial: &'a Trial<'a>,
    name: String,
    before: &'a Snapshot,
    batch: &'a Batch,
    update: &'a Update,
    tables: TableUpdates,
}

impl Step<'_> {
    fn taken(&self, session: &mut dyn Session) -> Result<Transcript, EngineError> {
        let plan = self.trial.plan;
        session.restore(self.before)?;
        session.step(self.batch, &self.trial.objective_weights(), self.update)?;
        let after = session.snapshot(true)?;
        let mut transcript = Transcript::default();
        let series = format!("step, {}", self.name);
        let tolerance = tolerance::of_plan(plan) + tolerance::UPDATE;
        transcript.change(&series, plan, [self.before, &after], tolerance);
        let number = after.memory.map_or(0.0, |memory| memory.step as f64);
        transcript.doubles(&series, "number of the last step", vec![number], 0.0);
        Ok(transcript)
    }

    /// `combine`, held to the rule applied in `f64` to the gradients that the engine itself reported: nothing but the
    /// rule is compared.
    fn combined(&self) -> Result<Vec<Finding>, EngineError> {
        let mut session = self.trial.session(self.tables)?;
        session.restore(self.before)?;
        let mut first = vec![0.0; self.trial.plan.objectives.len()];
        first[0] = 1.0;
        let pass = Pass::of(self.update.step);
        session.gradients(self.batch, pass, &[&first, &self.trial.objective_weights()])?;
        let gradients = [session.gradient(0)?, session.gradient(1)?];
        session.combine(&COEFFICIENTS, self.update)?;
        let got = session.snapshot(true)?;
        let [truth, plain] = [self.applied::<f64>(&gradients), self.applied::<f32>(&gradients)];
        // The states moved with the pass, which is not compared here.
        let of = |after: Snapshot| {
            let mut transcript = Transcript::default();
            let after = Snapshot { states: got.states.clone(), ..after };
            let series = format!("combine, {}", self.name);
            transcript.change(&series, self.trial.plan, [self.before, &after], tolerance::UPDATE);
            transcript
        };
        Ok(of(got.clone()).compare(&of(truth), &of(plain)))
    }

    fn applied<T: Real>(&self, gradients: &[Gradient; 2]) -> Snapshot {
        let plan = self.trial.plan;
        let mut sum = Parameters::<T>::zeros(plan);
        for (coefficient, gradient) in widened(&COEFFICIENTS).into_iter().zip(gradients) {
            sum.add_scaled(coefficient, &Parameters::from_gradient(plan, gradient));
        }
        let mut parameters = Parameters::of(&self.before.dense, &self.before.tables);
        let mut moments = self.before.memory.as_ref().map_or(Moments::none(), Moments::of);
        let touched = touched_rows(plan, self.batch);
        apply(plan, &mut parameters, &mut moments, &sum, &touched, self.tables, self.update);
        Snapshot {
            dense: singles(&parameters.dense),
            tables: all_singles(&parameters.tables),
            states: vec![],
            memory: Some(Memory::from(&moments)),
        }
    }
}
