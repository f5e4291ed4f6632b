//! Twenty steps: losses, and predictions after them.

use mmtl_plan::{Decay, EngineError, Factors, Optimiser, Session, TableUpdates, Update};

use super::finding::Finding;
use super::tolerance;
use super::transcript::Transcript;
use super::trial::Trial;
use crate::drawn::Rows;

const STEPS: u64 = 20;

pub(super) fn check(trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    trial.compare(TableUpdates::Exact, |session| answers(trial, session))
}

/// Parameters are not compared: where a gradient is nothing but rounding error (a bias before a batch norm), Adam
/// takes steps of full size that change no loss.
fn answers(trial: &Trial, session: &mut dyn Session) -> Result<Transcript, EngineError> {
    let plan = trial.plan;
    let tolerance = tolerance::CURVE + tolerance::of_plan(plan);
    let mut transcript = Transcript::default();
    for step in 1..=STEPS {
        let batch = trial.batch(&Rows::count(16 + step as usize), 100 + step);
        session.step(&batch, &trial.objective_weights(), &update(step, trial.engine.factors()))?;
        for (objective, totals) in plan.objectives.iter().zip(session.losses()?) {
            let quantity = format!("{} at step {step}", objective.name);
            transcript.doubles("curve, losses", &quantity, vec![totals.sum], tolerance);
        }
    }
    let mut outputs = vec![vec![]; plan.outputs.len()];
    session.predict(&trial.batch(&Rows::count(32), 99), &mut outputs)?;
    for (output, values) in plan.outputs.iter().zip(&outputs) {
        transcript.values("curve, outputs", &output.name, values, tolerance);
    }
    Ok(transcript)
}

/// Adam, warmed up and cooled down, with decay and clipping. Where factors of products are rounded, momentum: Adam moves a
/// weight whose gradient is little more than rounding by its learning rate either way, and plain loops in `f32` end up
/// percents from `f64` then.
fn update(step: u64, factors: Factors) -> Update {
    let optimiser = match factors {
        Factors::F32 => Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        Factors::Tf32 | Factors::Bf16 => Optimiser::Sgd { momentum: 0.9 },
    };
    let lr = 0.01 * (step.min(STEPS + 1 - step) as f32 / 5.0).min(1.0);
    Update { optimiser, lr, step, clip: Some(0.5), decay: Decay { dense: 0.01, tables: 0.01 } }
}
