//! `mmtl verify`: an engine held to the oracle on this machine.

use std::sync::Arc;

use mmtl_plan::{Plan, Settings};
use mmtl_reference::conformance::{Finding, conformance_of, conformance_of_calls, drawn_plans, worst_of_each_case};
use mmtl_reference::drawn::{self, SchemaSize};
use mmtl_zoo::{architectures, model_knobs};

use crate::args::Verify;
use crate::engines::{engine, execution};
use crate::failure::Failure;

/// Characters of a plan's name.
const NAME: usize = 44;

/// Holds outputs, gradients, updates and curves of every op and architecture to the oracle, and prints the worst of each.
pub fn verify(args: &Verify) -> Result<(), Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let engine = engine(&execution(&args.executed), threads).map_err(Failure::input)?;
    println!("{}\n", engine.numerics());
    println!("{:<NAME$} {:>9} {:>11} {:>11}  worst", "plan", "compared", "error", "allowed");
    let mut compared = 0;
    let mut failures = 0;
    for (name, plan) in drawn_plans().into_iter().chain(zoo()).filter(|(name, _)| chosen(args, name)) {
        let findings = conformance_of(engine.as_ref(), &[(name.clone(), plan)]);
        failures += print(&name, &findings);
        compared += findings.len();
    }
    if args.filter.is_none() {
        let findings = conformance_of_calls(engine.as_ref());
        failures += print("every rule, refusals, extremes", &findings);
        compared += findings.len();
    }
    if compared == 0 {
        return Err(Failure::input(format!(
            "no plan's name contains `{}`, expected part of a name that `mmtl verify` prints",
            args.filter.as_deref().unwrap_or_default()
        )));
    }
    println!("\n{compared} quantities compared, {failures} beyond what is allowed");
    if failures > 0 { Err(Failure::failed(format!("{failures} of {compared} do not hold"))) } else { Ok(()) }
}

fn chosen(args: &Verify, name: &str) -> bool {
    args.filter.as_ref().is_none_or(|part| name.contains(part.as_str()))
}

/// One line for a plan, one more for each finding that does not hold; how many do not.
fn print(name: &str, findings: &[Finding]) -> usize {
    let worst = worst_of_each_case(findings).into_iter().reduce(|worst, finding| {
        if finding.excess() > worst.excess() || finding.excess().is_nan() { finding } else { worst }
    });
    if let Some(worst) = worst {
        let case = worst.case.strip_prefix(name).unwrap_or(&worst.case).trim_start_matches(": ");
        let what = format!("{case}: {}", worst.quantity);
        println!("{name:<NAME$} {:>9} {:>11.2e} {:>11.2e}  {what}", findings.len(), worst.error, worst.bound);
    }
    let beyond = findings.iter().filter(|finding| !finding.holds());
    beyond.map(|finding| println!("  beyond: {finding}")).count()
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
