//! Embedding tables: `Exact` equals `Dense` bit for bit, `Sparse` moves touched rows only.

use mmtl_plan::{Decay, EngineError, Optimiser, Session, Snapshot, TableUpdates, Update};

use super::finding::Finding;
use super::snapshots::same;
use super::tolerance;
use super::transcript::Transcript;
use super::trial::Trial;
use crate::drawn::{RULES, Rows};
use crate::ops::embed::touched_rows;

const STEPS: u64 = 26;

pub(super) fn check(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let mut findings = exact_is_dense(trial, "changing rules", &changing)?;
    findings.extend(sparse(trial)?);
    Ok(findings)
}

/// The same for each rule alone.
pub(super) fn every_rule(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let mut findings = vec![];
    for (name, optimiser) in RULES {
        for (decayed, tables) in [("", 0.0), (", decay", 0.05)] {
            for (clipped, clip) in [("", None), (", clip", Some(0.1))] {
                let update =
                    |step| Update { optimiser, lr: rate(step), step, clip, decay: Decay { dense: 0.01, tables } };
                findings.extend(exact_is_dense(trial, &format!("{name}{decayed}{clipped}"), &update)?);
            }
        }
    }
    Ok(findings)
}

/// A learning rate of its own for each step.
fn rate(step: u64) -> f32 {
    0.004 * (1 + step % 7) as f32
}

/// The rule, its constants and the decay change while rows are behind.
fn changing(step: u64) -> Update {
    let (optimiser, tables) = match step {
        ..8 => (RULES[0].1, 0.05),
        8..14 => (RULES[0].1, 0.0),
        14..20 => (RULES[1].1, 0.03),
        20.. => (Optimiser::Adam { beta1: 0.5, beta2: 0.9, eps: 1e-4 }, 0.01),
    };
    Update { optimiser, lr: rate(step), step, clip: None, decay: Decay { dense: 0.01, tables } }
}

/// Most batches use the first two ids of each vocabulary; every ninth uses any.
fn rows(step: u64) -> Rows {
    Rows { most_ids: (!step.is_multiple_of(9)).then_some(2), ..Rows::count(7) }
}

fn exact_is_dense(trial: &Trial, name: &str, update: &dyn Fn(u64) -> Update) -> Result<Vec<Finding>, EngineError> {
    let mut exact = trial.session(TableUpdates::Exact)?;
    let mut dense = trial.session(TableUpdates::Dense)?;
    let mut findings = vec![];
    for step in 1..=STEPS {
        let batch = trial.batch(&rows(step), step);
        for session in [&mut exact, &mut dense] {
            session.step(&batch, &trial.objective_weights(), &update(step))?;
        }
        if step % 10 == 5 {
            let evaluated = [evaluate(trial, exact.as_mut())?, evaluate(trial, dense.as_mut())?];
            let quantity = format!("exact is dense, {name}: outputs after step {step}");
            findings.push(Finding::same_bits(quantity, &evaluated[0], &evaluated[1]));
        }
        // Looking must not change: only one of the two is looked at.
        if step == 11 {
            exact.snapshot(true)?;
        }
        if step == 17 {
            evaluate(trial, exact.as_mut())?;
        }
    }
    let losses = [exact.losses()?, dense.losses()?];
    findings.push(Finding::fact(format!("exact is dense, {name}: losses"), losses[0] == losses[1]));
    let ends = [exact.snapshot(true)?, dense.snapshot(true)?];
    findings.extend(same(&format!("exact is dense, {name}"), &ends[0], &ends[1], true));
    Ok(findings)
}

/// All outputs on a batch that uses any id.
fn evaluate(trial: &Trial, session: &mut dyn Session) -> Result<Vec<f32>, EngineError> {
    let mut outputs = vec![vec![]; trial.plan.outputs.len()];
    session.predict(&trial.batch(&Rows::count(31), 77), &mut outputs)?;
    Ok(outputs.concat())
}

/// Six sparse steps against the oracle's; rows that no batch touches keep their bits.
fn sparse(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    // With this ε, Adam's first steps are smooth functions of the gradient.
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.99, eps: 0.1 };
    let decay = Decay { dense: 0.0, tables: 0.05 };
    let few = |step| Rows { most_ids: Some(if step == 4 { 3 } else { 2 }), ..Rows::count(7) };
    let run = |session: &mut dyn Session| -> Result<Snapshot, EngineError> {
        for step in 1..=6 {
            let update = Update { optimiser, lr: rate(step), step, clip: None, decay };
            session.step(&trial.batch(&few(step), step), &trial.objective_weights(), &update)?;
        }
        session.snapshot(true)
    };
    let mut findings = trial.compare(TableUpdates::Sparse, |session| {
        let after = run(session)?;
        let mut transcript = Transcript::default();
        let before = Snapshot { memory: after.memory.clone(), ..trial.weights.clone() };
        let tolerance = tolerance::of_plan(trial.plan) + 6.0 * tolerance::UPDATE + tolerance::CURVE;
        transcript.change("sparse", trial.plan, [&before, &after], tolerance);
        Ok(transcript)
    })?;
    let after = run(trial.session(TableUpdates::Sparse)?.as_mut())?;
    let batches: Vec<_> = (1..=6).map(|step| touched_rows(trial.plan, &trial.batch(&few(step), step))).collect();
    for (t, spec) in trial.plan.tables.iter().enumerate() {
        let untouched = (0..spec.rows as u32).filter(|row| !batches.iter().any(|touched| touched[t].contains(row)));
        let values = |snapshot: &Snapshot| -> Vec<f32> {
            let row = |row: u32| snapshot.tables[t][row as usize * spec.dim..][..spec.dim].to_vec();
            untouched.clone().flat_map(row).collect()
        };
        let quantity = format!("sparse: untouched rows of {}", spec.name);
        findings.push(Finding::same_bits(quantity, &values(&after), &values(&trial.weights)));
    }
    Ok(findings)
}
