//! `mmtl verify`: an engine held to the oracle on this machine.

use std::sync::Arc;

use mmtl_kernels::CutEngine;
use mmtl_plan::{Engine, Plan, Settings};
use mmtl_reference::conformance::{
    Finding, conformance_of, conformance_of_calls, conformance_of_many_rows, drawn_plans, worst_of_each_case,
};
use mmtl_reference::drawn::{self, SchemaSize};
use mmtl_zoo::{architectures, model_knobs};

use crate::args::Verify;
use crate::engines::{PROCESSOR, device, engine, execution};
use crate::failure::Failure;
use crate::say::say;

/// Characters of a plan's name.
const NAME: usize = 44;

/// Holds outputs, gradients, updates and curves of every op and architecture to the oracle, and prints the worst of each.
pub fn verify(args: &Verify) -> Result<(), Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (execution, filter) = (execution(&args.executed), args.filter.as_deref());
    if PROCESSOR.contains(&execution.engine.as_str()) {
        return hold(engine(&execution, threads).map_err(Failure::input)?.as_ref(), &[], filter);
    }
    let device = device(&execution).map_err(Failure::input)?;
    // What conformance has is too small for the larger of a device's tiles.
    hold(device.as_ref(), &device.cut_into_tiles(), filter)
}

/// The same of an engine, of plans whose names contain `filter`.
fn hold(engine: &dyn Engine, tiles: &[CutEngine], filter: Option<&str>) -> Result<(), Failure> {
    say(format_args!("{}\n", engine.numerics()))?;
    say(format_args!("{:<NAME$} {:>9} {:>11} {:>11}  worst", "plan", "compared", "error", "allowed"))?;
    let mut compared = 0;
    let mut failures = 0;
    for (name, plan) in
        drawn_plans().into_iter().chain(zoo()).filter(|(name, _)| filter.is_none_or(|part| name.contains(part)))
    {
        let findings = conformance_of(engine, &[(name.clone(), plan)]);
        failures += tell(&name, &findings)?;
        compared += findings.len();
    }
    for (name, engine) in tiles.iter().filter(|(name, _)| filter.is_none_or(|part| name.contains(part))) {
        let findings = conformance_of_many_rows(engine.as_ref());
        failures += tell(name, &findings)?;
        compared += findings.len();
    }
    if filter.is_none() {
        let findings = conformance_of_calls(engine);
        failures += tell("every rule, refusals, extremes", &findings)?;
        compared += findings.len();
    }
    if compared == 0 {
        return Err(Failure::input(format!(
            "no plan's name contains `{}`, expected part of a name that `mmtl verify` prints",
            filter.unwrap_or_default()
        )));
    }
    say(format_args!("\n{compared} quantities compared, {failures} beyond what is allowed"))?;
    if failures > 0 { Err(Failure::failed(format!("{failures} of {compared} do not hold"))) } else { Ok(()) }
}

/// One line for a plan, one more for each finding that does not hold; how many do not.
fn tell(name: &str, findings: &[Finding]) -> Result<usize, Failure> {
    let worst = worst_of_each_case(findings).into_iter().reduce(|worst, finding| {
        if finding.excess() > worst.excess() || finding.excess().is_nan() { finding } else { worst }
    });
    if let Some(worst) = worst {
        let case = worst.case.strip_prefix(name).unwrap_or(&worst.case).trim_start_matches(": ");
        let what = format!("{case}: {}", worst.quantity);
        say(format_args!("{name:<NAME$} {:>9} {:>11.2e} {:>11.2e}  {what}", findings.len(), worst.error, worst.bound))?;
    }
    let beyond: Vec<&Finding> = findings.iter().filter(|finding| !finding.holds()).collect();
    beyond.iter().try_for_each(|finding| say(format_args!("  beyond: {finding}")))?;
    Ok(beyond.len())
}

/// Every architecture at its defaults, on a small data set with tasks of every kind.
fn zoo() -> Vec<(String, Arc<Plan>)> {
    let schema = drawn::schema(SchemaSize::default());
    let mut plans = vec![];
    for architecture in architectures() {
        let resolve = |knobs: &[mmtl_plan::Knob]| Settings::resolve(knobs, []).expect("defaults are valid");
        let (model, own) = (resolve(&model_knobs()), resolve(&architecture.knobs()));
        for fit in architecture.fits(&schema) {
            let plan =
                architecture.plan(&schema, &fit.tasks, &model, &own).expect("every architecture takes the example");
            plans.push((format!("{} {}", architecture.name(), fit.name).trim().to_owned(), Arc::new(plan)));
        }
    }
    plans
}

#[cfg(test)]
mod tests {
    use mmtl_plan::{EngineError, Session, SessionOptions};
    use mmtl_reference::ReferenceEngine;

    use super::*;
    use crate::failure::FAILED;

    /// The oracle with the dropout masks of another seed.
    struct OtherMasks(ReferenceEngine);

    impl Engine for OtherMasks {
        fn name(&self) -> &str {
            self.0.name()
        }

        fn numerics(&self) -> String {
            self.0.numerics()
        }

        fn session(&self, plan: Arc<Plan>, options: SessionOptions) -> Result<Box<dyn Session>, EngineError> {
            self.0.session(plan, SessionOptions { dropout: options.dropout + 1, ..options })
        }
    }

    #[test]
    fn an_engine_that_does_not_hold_fails() {
        let engine = OtherMasks(ReferenceEngine::default());
        assert!(hold(&engine, &[], Some("linear shared relu")).is_ok(), "it drops nothing");
        let failure =
            format!("{:?}", hold(&engine, &[], Some("linear star dropout")).expect_err("it drops other units"));
        assert!(failure.contains(&format!("code: {FAILED},")) && failure.contains(" do not hold"), "{failure}");
    }
}
