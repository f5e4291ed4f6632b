//! Batches without rows, objectives without rows, and losses that are not finite.

use std::sync::Arc;

use mmtl_plan::{
    Activation, Decay, Engine, EngineError, Optimiser, Pass, Session, Snapshot, TableUpdates, Update, WeightKind,
};

use super::finding::Finding;
use super::trial::Trial;
use crate::drawn::{self, PlanCase, PlanSize, Rows, SchemaSize};
use crate::parameters::Parameters;

pub(super) fn check(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let mut findings = no_row(trial)?;
    findings.extend(no_row_of_one(trial)?);
    Ok(findings)
}

/// Nothing to learn from, whatever was learnt before: gradients are 0, statistics stay, decay goes on.
fn no_row(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let plan = trial.plan;
    let batch = trial.batch(&Rows::count(0), 1);
    let mut session = trial.session(TableUpdates::Exact)?;
    let optimiser = Optimiser::Sgd { momentum: 0.0 };
    let (some, weights) = (trial.batch(&Rows::count(9), 2), trial.objective_weights());
    session.gradients(&some, Pass::of(1), &[&weights])?;
    session.step(&some, &weights, &Update { optimiser, lr: 0.0, step: 1, clip: None, decay: Decay::default() })?;
    session.losses()?;
    let before = session.snapshot(false)?;
    let mut outputs = vec![vec![1.0]; plan.outputs.len()];
    session.predict(&batch, &mut outputs)?;
    session.gradients(&batch, Pass::of(1), &[&weights])?;
    let mut findings = vec![
        Finding::fact("no row: no output", outputs.iter().all(Vec::is_empty)),
        Finding::fact("no row: gradient is exactly 0", is_zero(trial, session.as_mut(), 0)?),
    ];
    let decay = Decay { dense: 0.0, tables: 0.25 };
    let update = Update { optimiser, lr: 0.5, step: 2, clip: Some(1.0), decay };
    session.step(&batch, &weights, &update)?;
    let losses = session.losses()?;
    findings.push(Finding::fact("no row: no loss", losses.iter().all(|l| l.steps == 0 && l.sum == 0.0)));
    let after = session.snapshot(false)?;
    let shrunk: Vec<f32> = before.tables.concat().iter().map(|w| w - 0.5 * (0.25 * w)).collect();
    let expected = Snapshot { tables: vec![shrunk], ..before };
    findings.push(Finding::same_bits("no row: dense weights stay", &after.dense, &expected.dense));
    findings.push(Finding::same_bits("no row: states stay", &after.states.concat(), &expected.states.concat()));
    // w - lr · (λ · w): products with powers of two are exact, the difference is rounded once.
    findings.push(Finding::same_bits("no row: tables decay", &after.tables.concat(), &expected.tables.concat()));
    Ok(findings)
}

/// Each objective in turn has no row: its loss and gradient are exactly 0, the others' are not changed by a bit.
fn no_row_of_one(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let plan = trial.plan;
    let mut findings = vec![];
    for (k, objective) in plan.objectives.iter().enumerate() {
        let name = &objective.name;
        let batch = trial.batch(&Rows { unlabelled: vec![objective.task], ..Rows::count(9) }, 3);
        let mut alone = vec![0.0; plan.objectives.len()];
        alone[k] = 1.0;
        let mut session = trial.session(TableUpdates::Exact)?;
        session.gradients(&batch, Pass::of(1), &[&alone])?;
        findings.push(Finding::fact(
            format!("no row of {name}: gradient is exactly 0"),
            is_zero(trial, session.as_mut(), 0)?,
        ));
        let losses = session.losses()?;
        let silent = losses[k].steps == 0 && losses[k].sum == 0.0 && losses[k].first_not_finite.is_none();
        findings.push(Finding::fact(format!("no row of {name}: no loss"), silent));
    }
    Ok(findings)
}

fn is_zero(trial: &Trial, session: &mut dyn Session, number: usize) -> Result<bool, EngineError> {
    let whole = Parameters::<f64>::from_gradient(trial.plan, &session.gradient(number)?);
    Ok(whole.dense.iter().chain(whole.tables.iter().flatten()).all(|&g| g == 0.0))
}

/// A number that is none reaches the loss; the session says at which step, and goes on.
pub(super) fn not_finite(engine: &dyn Engine) -> Result<Vec<Finding>, EngineError> {
    let schema = drawn::schema(SchemaSize::default());
    let case = PlanCase::Linear { weights: WeightKind::Shared, activation: Activation::Relu, bias: true, dropout: 0.0 };
    let size = PlanSize { dim: 2, groups: 1, width: 3 };
    let plan = Arc::new(drawn::plan("not finite", case, size, &schema).expect("a drawn schema has what it needs"));
    let trial = Trial::new(engine, "not finite", &plan);
    let mut session = trial.session(TableUpdates::Exact)?;
    let optimiser = Optimiser::Sgd { momentum: 0.0 };
    for step in 1..=4 {
        let mut batch = trial.batch(&Rows::count(5), step);
        if step == 3 {
            batch.numeric.fill(f32::NAN);
        }
        let update = Update { optimiser, lr: 0.01, step, clip: None, decay: Decay::default() };
        session.step(&batch, &trial.objective_weights(), &update)?;
    }
    let losses = session.losses()?;
    let seen = losses.iter().all(|l| l.first_not_finite == Some(3) && l.steps == 4);
    let again = session.losses()?;
    let fresh = again.iter().all(|l| l.first_not_finite.is_none() && l.steps == 0);
    Ok(vec![
        Finding::fact("the first step whose loss is not finite is named", seen),
        Finding::fact("reading the losses starts them anew", fresh),
    ])
}
