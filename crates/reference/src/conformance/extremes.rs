//! Logits of ±80 and far beyond: probabilities are 0 or 1 in `f32`, losses and gradients are still right.

use std::sync::Arc;

use mmtl_plan::{Engine, EngineError, Pass, Reduction, Session, Snapshot, TableUpdates};

use super::finding::Finding;
use super::tolerance;
use super::transcript::Transcript;
use super::trial::Trial;
use crate::drawn::{self, PlanCase, PlanSize, Rows, SchemaSize};

pub(super) fn check(engine: &dyn Engine) -> Result<Vec<Finding>, EngineError> {
    let schema = drawn::schema(SchemaSize::default());
    let size = PlanSize { dim: 4, groups: 3, width: 16 };
    let mut findings = vec![];
    for (name, case) in [
        ("loss", PlanCase::Loss(Reduction::Own)),
        ("product of 2", PlanCase::Product(2)),
        ("product of 3", PlanCase::Product(3)),
    ] {
        let plan = Arc::new(drawn::plan(name, case, size, &schema).expect("a drawn schema has what it needs"));
        for factor in [50.0, 250.0] {
            let mut trial = Trial::new(engine, name, &plan);
            trial.weights = with_large_logits(&trial, factor);
            findings.extend(trial.compare(TableUpdates::Exact, |session| answers(&trial, session, factor))?);
        }
    }
    Ok(findings)
}

/// The stem's values lie within ±1; what is multiplied with them to make logits grows by `factor`.
fn with_large_logits(trial: &Trial, factor: f32) -> Snapshot {
    let mut weights = trial.weights.clone();
    for param in trial.plan.params.iter().filter(|param| !param.name.starts_with("stem")) {
        weights.dense[param.range()].iter_mut().for_each(|w| *w *= factor);
    }
    weights
}

fn answers(trial: &Trial, session: &mut dyn Session, factor: f32) -> Result<Transcript, EngineError> {
    let (plan, tolerance) = (trial.plan, tolerance::of_plan(trial.plan) + tolerance::EXTREME);
    let batch = trial.batch(&Rows::count(33), 8);
    let case = format!("{} with logits times {factor}", plan.name);
    let mut transcript = Transcript::default();
    session.gradients(&batch, Pass::of(1), &[&trial.objective_weights()])?;
    for (objective, totals) in plan.objectives.iter().zip(session.losses()?) {
        transcript.doubles(&format!("{case}, losses"), &objective.name, vec![totals.sum], tolerance);
    }
    transcript.gradient(&format!("{case}, gradient"), plan, &session.gradient(0)?, tolerance);
    Ok(transcript)
}
