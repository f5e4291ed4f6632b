//! Outputs, gates, losses, running statistics, every gradient and their inner products.

use mmtl_plan::{EngineError, Pass, Session, TableUpdates};

use super::finding::Finding;
use super::tolerance;
use super::transcript::Transcript;
use super::trial::{MAX_ROWS, Trial};
use crate::drawn::Rows;

pub(super) fn check(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let last_scene = trial.plan.schema.scenes.len() - 1;
    let of_one_scene = Rows { only_scene: Some(last_scene), ..Rows::count(5) };
    let mut findings = vec![];
    for (seed, rows) in [Rows::count(1), Rows::count(7), Rows::count(MAX_ROWS), of_one_scene].iter().enumerate() {
        let calls = |session: &mut dyn Session| answers(trial, session, rows, seed as u64);
        findings.extend(trial.compare(TableUpdates::Exact, calls)?);
    }
    findings.extend(names_sorted_rows(trial)?);
    Ok(findings)
}

/// Of so many rows, which the trial's sessions have room for.
pub(super) fn of_many_rows(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let calls = |session: &mut dyn Session| answers(trial, session, &Rows::count(trial.max_rows), 1);
    trial.compare(TableUpdates::Exact, calls)
}

fn answers(trial: &Trial, session: &mut dyn Session, rows: &Rows, seed: u64) -> Result<Transcript, EngineError> {
    let (plan, tolerance) = (trial.plan, tolerance::of_plan(trial.plan));
    let batch = trial.batch(rows, seed);
    let mut transcript = Transcript::default();
    let case = match rows.only_scene {
        None => format!("rows = {}", rows.rows),
        Some(scene) => format!("rows = {}, all of scene {scene}", rows.rows),
    };
    let mut outputs = vec![vec![]; plan.outputs.len()];
    session.predict(&batch, &mut outputs)?;
    for (output, values) in plan.outputs.iter().zip(&outputs) {
        transcript.values(&format!("{case}, outputs"), &output.name, values, tolerance);
    }
    let mut gates = vec![vec![]; plan.gates().count()];
    session.gates(&batch, &mut gates)?;
    for (gate, weights) in plan.gates().zip(&gates) {
        transcript.values(&format!("{case}, gates"), &gate.name, weights, tolerance);
    }
    let weightings = weightings(trial);
    let weightings: Vec<&[f32]> = weightings.iter().map(Vec::as_slice).collect();
    session.gradients(&batch, Pass::of(7), &weightings)?;
    for (objective, totals) in plan.objectives.iter().zip(session.losses()?) {
        let series = format!("{case}, losses");
        transcript.doubles(&series, &objective.name, vec![totals.sum], tolerance);
        let steps = totals.steps as f64;
        transcript.doubles(&format!("{series}, steps"), &objective.name, vec![steps], 0.0);
    }
    for number in 0..weightings.len() {
        let gradient = session.gradient(number)?;
        transcript.gradient(&format!("{case}, gradient {number}"), plan, &gradient, tolerance);
    }
    transcript.doubles(&format!("{case}, gram"), "matrix", session.gram()?, tolerance::gram(plan));
    transcript.states(&case, plan, &session.snapshot(false)?, tolerance);
    Ok(transcript)
}

/// Each objective alone, then all of them.
fn weightings(trial: &Trial) -> Vec<Vec<f32>> {
    let objectives = trial.plan.objectives.len();
    let alone = |k| (0..objectives).map(|j| f32::from(u8::from(j == k))).collect();
    (0..objectives).map(alone).chain([trial.objective_weights()]).collect()
}

fn names_sorted_rows(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let mut session = trial.session(TableUpdates::Exact)?;
    let batch = trial.batch(&Rows::count(9), 1);
    session.gradients(&batch, Pass::of(1), &[&trial.objective_weights()])?;
    let gradient = session.gradient(0)?;
    let sorted = gradient.tables.iter().all(|table| table.rows.is_sorted_by(|a, b| a < b));
    let mut padding = gradient.dense;
    for param in &trial.plan.params {
        padding[param.range()].fill(0.0);
    }
    Ok(vec![
        Finding::fact("a table's gradient names sorted unique rows", sorted),
        Finding::same_bits("gradient of the arena's padding", &padding, &vec![0.0; trial.plan.arena_len]),
    ])
}
