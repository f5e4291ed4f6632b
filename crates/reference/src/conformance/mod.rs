//! What every engine must pass, written once: the same calls are made to the engine, to the oracle in `f64` and to
//! the oracle in `f32`, and what they answer is compared.

mod curve;
mod empty;
mod extremes;
mod finding;
mod looking;
mod passes;
mod refusals;
mod snapshots;
mod steps;
mod tables;
pub mod tolerance;
mod transcript;
mod trial;

use std::sync::Arc;

use mmtl_plan::{Engine, Plan, Pool};

use crate::drawn::{self, PlanCase, PlanSize, SchemaSize};
pub use finding::{Finding, assert_conforms, worst_of_each_case};
use trial::Trial;

/// Widths 1, 16 and 33: alone, a whole number of vector registers, and one more than that.
const SIZES: [(PlanSize, SchemaSize); 3] = [
    (PlanSize { dim: 1, groups: 1, width: 1 }, SchemaSize { scenes: 1, items: 5, tags: 3, numeric: 1, classes: 2 }),
    (PlanSize { dim: 4, groups: 3, width: 16 }, SchemaSize { scenes: 3, items: 11, tags: 4, numeric: 2, classes: 3 }),
    (PlanSize { dim: 7, groups: 2, width: 33 }, SchemaSize { scenes: 4, items: 31, tags: 6, numeric: 0, classes: 5 }),
];

/// Rows of four tiles of 128 and some: each of three scenes has one and a half.
const MANY_ROWS: usize = 600;

/// Plans for every op in every variant, each in three sizes.
pub fn drawn_plans() -> Vec<(String, Arc<Plan>)> {
    let mut plans = vec![];
    for (name, case) in PlanCase::all() {
        for (size, schema_size) in SIZES {
            let schema = drawn::schema(schema_size);
            let name = format!("{name}, {} × {}", size.groups, size.width);
            let plan = drawn::plan(&name, case, size, &schema).expect("a drawn schema has what drawn plans need");
            plans.push((name, Arc::new(plan)));
        }
    }
    plans
}

/// Runs the whole suite: [`conformance_of`] all [`drawn_plans`], and [`conformance_of_calls`].
pub fn conformance(engine: &dyn Engine) -> Vec<Finding> {
    let mut findings = conformance_of(engine, &drawn_plans());
    findings.extend(conformance_of_calls(engine));
    findings
}

/// Runs what needs one plan only: every optimiser with all that an update can have, calls that do not fit, large logits,
/// losses that are not finite.
pub fn conformance_of_calls(engine: &dyn Engine) -> Vec<Finding> {
    let (size, schema_size) = SIZES[1];
    let schema = drawn::schema(schema_size);
    let name = "calls";
    let plan = drawn::plan(name, PlanCase::Embed(Pool::Mean), size, &schema);
    let plan = Arc::new(plan.expect("a drawn schema has what drawn plans need"));
    let trial = Trial::new(engine, name, &plan);
    let mut findings = trial.report("refusals", refusals::check(&trial));
    findings.extend(trial.report("every rule", steps::every_rule(&trial)));
    findings.extend(trial.report("every rule's tables", tables::every_rule(&trial)));
    findings.extend(trial.report("extremes", extremes::check(engine)));
    findings.extend(trial.report("not finite", empty::not_finite(engine)));
    findings
}

/// Runs the suite on the given plans.
pub fn conformance_of(engine: &dyn Engine, plans: &[(String, Arc<Plan>)]) -> Vec<Finding> {
    let mut findings = conformance_of_steps(engine, plans);
    findings.extend(conformance_of_sessions(engine, plans));
    findings
}

/// The part of [`conformance_of`] that is about what sessions keep from step to step.
pub fn conformance_of_sessions(engine: &dyn Engine, plans: &[(String, Arc<Plan>)]) -> Vec<Finding> {
    let mut findings = vec![];
    for (name, plan) in plans {
        let trial = Trial::new(engine, name, plan);
        findings.extend(trial.report("snapshots", snapshots::check(&trial)));
        findings.extend(trial.report("tables", tables::check(&trial)));
        findings.extend(trial.report("looking", looking::check(&trial)));
        findings.extend(trial.report("empty batches", empty::check(&trial)));
    }
    findings
}

/// Passes through layers that are wider than any tile of a product, over more rows than one has: for engines that cut products
/// by their size.
pub fn conformance_of_many_rows(engine: &dyn Engine) -> Vec<Finding> {
    let schema = drawn::schema(SchemaSize::default());
    let wanted = ["linear shared relu", "linear per-scene tanh", "linear star dropout"];
    let mut findings = vec![];
    for (name, case) in PlanCase::all().into_iter().filter(|(name, _)| wanted.iter().any(|part| name.starts_with(part)))
    {
        let plan = drawn::plan(&name, case, PlanSize { dim: 24, groups: 2, width: 150 }, &schema);
        let plan = Arc::new(plan.expect("a drawn schema has what drawn plans need"));
        let trial = Trial { max_rows: MANY_ROWS, ..Trial::new(engine, &name, &plan) };
        findings.extend(trial.report("many rows", passes::of_many_rows(&trial)));
    }
    findings
}

/// The part of [`conformance_of_steps`] that is about passes forward and back alone: outputs, losses and gradients.
pub fn conformance_of_passes(engine: &dyn Engine, plans: &[(String, Arc<Plan>)]) -> Vec<Finding> {
    let passes = |(name, plan): &(String, Arc<Plan>)| {
        let trial = Trial::new(engine, name, plan);
        trial.report("passes", passes::check(&trial))
    };
    plans.iter().flat_map(passes).collect()
}

/// The part of [`conformance_of`] that is about the numbers of ops, and not about what sessions keep.
pub fn conformance_of_steps(engine: &dyn Engine, plans: &[(String, Arc<Plan>)]) -> Vec<Finding> {
    let mut findings = vec![];
    for (name, plan) in plans {
        let trial = Trial::new(engine, name, plan);
        findings.extend(trial.report("passes", passes::check(&trial)));
        findings.extend(trial.report("steps", steps::check(&trial)));
        findings.extend(trial.report("curve", curve::check(&trial)));
    }
    findings
}
