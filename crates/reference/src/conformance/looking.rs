//! A session that is looked at between its steps goes on as one that is not, bit for bit.

use mmtl_plan::{EngineError, Gradient, LossTotals, Pass, Session, Snapshot, TableUpdates};

use super::finding::Finding;
use super::snapshots::{same, steps};
use super::trial::Trial;
use crate::drawn::Rows;

/// Steps, after each of which one of two sessions is looked at.
const STEPS: u64 = 4;

pub(super) fn check(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let [(after, losses), (expected, plain)] = [trained(trial, true)?, trained(trial, false)?];
    let mut findings = same("looked at between steps", &after, &expected, true);
    let sums = |losses: &[LossTotals]| losses.iter().flat_map(|l| [l.sum.to_bits(), l.steps]).collect::<Vec<u64>>();
    findings.push(Finding::fact("a pass that does not count adds no loss", sums(&losses) == sums(&plain)));
    let [counted, looking] = [gradients(trial, Pass::of(7))?, gradients(trial, Pass::looking(7))?];
    let tables = |gradients: &[Gradient]| gradients.iter().flat_map(|g| g.tables.clone()).collect::<Vec<_>>();
    let dense = |gradients: &[Gradient]| gradients.iter().flat_map(|g| g.dense.clone()).collect::<Vec<f32>>();
    findings.push(Finding::same_bits("dense gradients of a pass that looks", &dense(&looking), &dense(&counted)));
    findings.push(Finding::fact("tables' gradients of a pass that looks", tables(&looking) == tables(&counted)));
    Ok(findings)
}

fn trained(trial: &Trial, looks: bool) -> Result<(Snapshot, Vec<LossTotals>), EngineError> {
    let mut session = trial.session(TableUpdates::Exact)?;
    for step in 1..=STEPS {
        steps(trial, session.as_mut(), step..=step)?;
        if looks {
            look(trial, session.as_mut(), step)?;
        }
    }
    let losses = session.losses()?;
    Ok((session.snapshot(true)?, losses))
}

/// Losses are left unread, so that they would be found among those of steps.
fn look(trial: &Trial, session: &mut dyn Session, step: u64) -> Result<(), EngineError> {
    let batch = trial.batch(&Rows::count(7), 100 + step);
    session.gates(&batch, &mut vec![vec![]; trial.plan.gates().count()])?;
    let weights = trial.objective_weights();
    session.gradients(&batch, Pass::looking(0), &[&weights, &weights])?;
    session.gram().map(drop)
}

fn gradients(trial: &Trial, pass: Pass) -> Result<Vec<Gradient>, EngineError> {
    let mut session = trial.session(TableUpdates::Exact)?;
    let weights = trial.objective_weights();
    let mut first = vec![0.0; weights.len()];
    first[0] = 1.0;
    session.gradients(&trial.batch(&Rows::count(9), 5), pass, &[&first, &weights])?;
    (0..2).map(|number| session.gradient(number)).collect()
}
