//! Calls that do not fit are answered with an error, and leave the session as it was.

use mmtl_plan::{Batch, EngineError, Memories, Pass, Session, TableUpdates, Task, TaskKind, Update};

use super::finding::Finding;
use super::snapshots::same;
use super::trial::{MAX_ROWS, Trial};
use crate::drawn::{self, Rows};

pub(super) fn check(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let mut session = trial.session(TableUpdates::Exact)?;
    let session = session.as_mut();
    let weights = trial.objective_weights();
    let (_, update) = &drawn::updates(1, 1.0)[0];
    let good = trial.batch(&Rows::count(5), 1);
    session.step(&good, &weights, update)?;
    let before = session.snapshot(true)?;
    let mut findings = batches(trial, session, &good, update);
    findings.extend(arguments(trial, session, &good, update)?);
    findings.extend(snapshots(trial, session));
    findings.extend(same("after refusals", &session.snapshot(true)?, &before, true));
    session.gradients(&good, Pass::of(2), &[&weights])?;
    session.step(&good, &weights, update)?;
    let refused = matches!(session.combine(&[1.0], update), Err(EngineError::Argument { .. }));
    findings.push(Finding::fact("combine refuses gradients from before a step", refused));
    Ok(findings)
}

fn batches(trial: &Trial, session: &mut dyn Session, good: &Batch, update: &Update) -> Vec<Finding> {
    let mut short = good.clone();
    short.numeric.pop();
    let mut foreign = good.clone();
    foreign.lookups[trial.plan.schema.scene_field].ids[0] = u32::MAX;
    let large = trial.batch(&Rows::count(MAX_ROWS + 1), 1);
    let mut findings = vec![];
    for (what, batch) in [("too few numbers", &short), ("an unknown id", &foreign), ("too many rows", &large)] {
        let weights = trial.objective_weights();
        let mut outputs = vec![vec![]; trial.plan.outputs.len()];
        let mut gates = vec![vec![]; trial.plan.gates().count()];
        let answers = [
            ("step", session.step(batch, &weights, update)),
            ("gradients", session.gradients(batch, Pass::of(1), &[&weights])),
            ("predict", session.predict(batch, &mut outputs)),
            ("gates", session.gates(batch, &mut gates)),
        ];
        for (call, answer) in answers {
            let refused = matches!(answer, Err(EngineError::Batch(_)));
            findings.push(Finding::fact(format!("{call} refuses a batch with {what}"), refused));
        }
    }
    findings.extend(unknown_class(trial, session, good, update));
    findings.extend(unsegmented(trial, session, good, update));
    findings
}

/// Predictions have no use for labels.
fn unknown_class(trial: &Trial, session: &mut dyn Session, good: &Batch, update: &Update) -> Option<Finding> {
    let classes = |task: &Task| matches!(task.kind, TaskKind::Multiclass { .. });
    let (mut batch, rows) = (good.clone(), good.rows());
    let task = trial.plan.schema.tasks.iter().position(classes)?;
    (batch.labels[task * rows], batch.weights[task * rows]) = (1e3, 1.0);
    let weights = trial.objective_weights();
    let answers = [session.step(&batch, &weights, update), session.gradients(&batch, Pass::of(1), &[&weights])];
    let refused = answers.iter().all(|answer| matches!(answer, Err(EngineError::Batch(_))));
    Some(Finding::fact("training refuses a batch with an unknown class", refused))
}

/// What was gathered for predictions is good for nothing else.
fn unsegmented(trial: &Trial, session: &mut dyn Session, good: &Batch, update: &Update) -> Vec<Finding> {
    let mut batch = good.clone();
    batch.clear_segments(&trial.plan.schema);
    let weights = trial.objective_weights();
    let mut outputs = vec![vec![vec![]; trial.plan.outputs.len()]; 2];
    let predicted = [good, &batch].iter().zip(&mut outputs).all(|(batch, out)| session.predict(batch, out).is_ok());
    let is_written = outputs.iter().flatten().all(|values| !values.is_empty());
    let answers = [session.step(&batch, &weights, update), session.gradients(&batch, Pass::of(1), &[&weights])];
    let refused = answers.iter().all(|answer| matches!(answer, Err(EngineError::Batch(_))));
    vec![
        Finding::fact("training refuses a batch without segments", refused),
        Finding::fact("predictions need no segments", predicted && is_written && outputs[0] == outputs[1]),
    ]
}

fn arguments(
    trial: &Trial,
    session: &mut dyn Session,
    good: &Batch,
    update: &Update,
) -> Result<Vec<Finding>, EngineError> {
    let weights = trial.objective_weights();
    let one_more = [weights.as_slice(), &[1.0]].concat();
    let mut outputs = vec![vec![]; trial.plan.outputs.len() + 1];
    // The pass of this call would move running statistics, so it comes on a plan without any.
    session.gradients(good, Pass::of(1), &[&weights])?;
    session.losses()?;
    let mut findings = vec![];
    let mut refuses = |what: &str, answer: Result<(), EngineError>| {
        findings.push(Finding::fact(what, matches!(answer, Err(EngineError::Argument { .. }))));
    };
    refuses("step refuses too many objective weights", session.step(good, &one_more, update));
    refuses("step refuses too few objective weights", session.step(good, &weights[1..], update));
    let unfit: [&[f32]; 2] = [&weights, &one_more];
    refuses("gradients refuses too many objective weights", session.gradients(good, Pass::of(1), &unfit));
    refuses("gradient refuses a number there is none of", session.gradient(1).map(drop));
    refuses("combine refuses too many coefficients", session.combine(&[1.0, 1.0], update));
    refuses("combine refuses too few coefficients", session.combine(&[], update));
    refuses("predict refuses too many outputs", session.predict(good, &mut outputs));
    let mut gates = vec![vec![]; trial.plan.gates().count() + 1];
    refuses("gates refuses too many gates", session.gates(good, &mut gates));
    findings.push(Finding::fact("a refused call leaves no loss", session.losses()?.iter().all(|l| l.steps == 0)));
    Ok(findings)
}

fn snapshots(trial: &Trial, session: &mut dyn Session) -> Vec<Finding> {
    let good = &trial.weights;
    let mut arena = good.clone();
    arena.dense.pop();
    let mut tables = good.clone();
    tables.tables[0].push(0.0);
    let mut states = good.clone();
    states.states.push(vec![]);
    let mut memory = good.clone();
    memory.memory = Some(drawn::memory(trial.plan, Memories::MeanAndSquares, 1));
    if let Some(memory) = &mut memory.memory {
        memory.tables[1].pop();
    }
    let unfit = [("arena", arena), ("table", tables), ("list of states", states), ("memory", memory)];
    let refused = |(what, snapshot)| {
        let answer = session.restore(&snapshot);
        let refused = matches!(answer, Err(EngineError::Argument { .. }));
        Finding::fact(format!("restore refuses a snapshot whose {what} does not fit"), refused)
    };
    unfit.map(refused).into()
}
