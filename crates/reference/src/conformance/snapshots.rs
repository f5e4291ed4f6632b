//! A session that was stored and put back goes on as if nothing had happened, bit for bit.

use mmtl_plan::{Decay, EngineError, Session, Snapshot, TableUpdates, Update};

use super::finding::Finding;
use super::trial::{Trial, options};
use crate::drawn::{RULES, Rows};

pub(super) fn check(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let mut findings = vec![];
    for tables in [TableUpdates::Exact, TableUpdates::Sparse] {
        let mut whole = trial.session(tables)?;
        steps(trial, whole.as_mut(), 1..=4)?;
        let stored = whole.snapshot(true)?;
        let light = whole.snapshot(false)?;
        findings.push(Finding::fact("a light snapshot has no optimiser's memory", light.memory.is_none()));
        findings.extend(same(&format!("light snapshot, {tables:?} tables"), &light, &stored, false));
        steps(trial, whole.as_mut(), 5..=8)?;
        let expected = whole.snapshot(true)?;

        // Into a session that never had these weights, and into one that went elsewhere since.
        let mut fresh = trial.engine.session(trial.plan.clone(), options(tables))?;
        fresh.restore(&stored)?;
        findings.extend(same(&format!("restored, {tables:?} tables"), &fresh.snapshot(true)?, &stored, true));
        steps(trial, fresh.as_mut(), 5..=8)?;
        findings.extend(same(&format!("fresh session, {tables:?} tables"), &fresh.snapshot(true)?, &expected, true));
        whole.restore(&stored)?;
        steps(trial, whole.as_mut(), 5..=8)?;
        findings.extend(same(&format!("same session, {tables:?} tables"), &whole.snapshot(true)?, &expected, true));
        findings.extend(keeps_its_memory(trial, tables, &stored, &light)?);
    }
    Ok(findings)
}

/// Weights of step 4 with the memory of step 6: restored at once, or as a light snapshot after two more steps.
fn keeps_its_memory(
    trial: &Trial,
    tables: TableUpdates,
    stored: &Snapshot,
    light: &Snapshot,
) -> Result<Vec<Finding>, EngineError> {
    let mut session = trial.session(tables)?;
    session.restore(stored)?;
    steps(trial, session.as_mut(), 5..=6)?;
    let memory = session.snapshot(true)?.memory;
    session.restore(light)?;
    let mut other = trial.session(tables)?;
    other.restore(&Snapshot { memory, ..light.clone() })?;
    steps(trial, session.as_mut(), 7..=9)?;
    steps(trial, other.as_mut(), 7..=9)?;
    let case = format!("a light snapshot leaves the memory in place, {tables:?} tables");
    Ok(same(&case, &session.snapshot(true)?, &other.snapshot(true)?, true))
}

pub(super) fn steps(
    trial: &Trial,
    session: &mut dyn Session,
    numbers: std::ops::RangeInclusive<u64>,
) -> Result<(), EngineError> {
    for step in numbers {
        // Few ids a batch, so that rows miss steps before and after the snapshot.
        let rows = Rows { most_ids: (step % 3 != 0).then_some(2), ..Rows::count(9) };
        let decay = Decay { dense: 0.01, tables: 0.02 };
        let lr = 0.01 + 0.002 * step as f32;
        let update = Update { optimiser: RULES[0].1, lr, step, clip: None, decay };
        session.step(&trial.batch(&rows, step), &trial.objective_weights(), &update)?;
    }
    Ok(())
}

/// Compares bits; memory too, if asked.
pub(super) fn same(case: &str, got: &Snapshot, expected: &Snapshot, memory: bool) -> Vec<Finding> {
    let pair = |what: &str, a: &[f32], b: &[f32]| Finding::same_bits(format!("{case}: {what}"), a, b);
    let mut findings = vec![
        pair("arena", &got.dense, &expected.dense),
        pair("tables", &got.tables.concat(), &expected.tables.concat()),
        pair("states", &got.states.concat(), &expected.states.concat()),
    ];
    if memory {
        let (Some(got), Some(expected)) = (&got.memory, &expected.memory) else {
            return vec![Finding::fact(format!("{case}: has the optimiser's memory"), false)];
        };
        findings.push(Finding::fact(format!("{case}: number of the last step"), got.step == expected.step));
        findings.push(pair("moments of the arena", &got.dense.concat(), &expected.dense.concat()));
        findings.push(pair("moments of tables", &got.tables.concat().concat(), &expected.tables.concat().concat()));
    }
    findings
}
