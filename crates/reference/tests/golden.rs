//! Forward passes, losses, gradients and optimiser steps agree with PyTorch in float64 (`tests/golden/autograd.py`).

use std::collections::BTreeMap;
use std::sync::Arc;

use mmtl_plan::{
    Batch, Decay, Lookup, Optimiser, Pass, Plan, Purpose, Schema, Session, SessionOptions, Snapshot, Stream,
    TableUpdates, Update,
};
use mmtl_reference::drawn::{self, SchemaSize};
use mmtl_reference::{Mode, Moments, Oracle, Parameters, apply};
use serde::Deserialize;

use crate::golden_plans;

/// Both sides compute in float64; sums are taken in another order.
const RELATIVE: f64 = 1e-9;

type Named = BTreeMap<String, Vec<f64>>;

#[derive(Deserialize)]
struct Golden {
    dropout: Dropout,
    cases: Vec<Case>,
    updates: Updates,
}

#[derive(Deserialize)]
struct Dropout {
    keys: Vec<[u32; 2]>,
    step: u64,
    rate: f32,
    seed: u64,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    batch: Rows,
    parameters: Named,
    tables: Named,
    states: Named,
    objective_weights: Vec<f64>,
    training: Named,
    evaluation: Named,
    losses: Vec<f64>,
    gradients: Named,
    states_after: Named,
}

#[derive(Deserialize)]
struct Rows {
    scene_starts: Vec<u32>,
    lookups: Vec<Ids>,
    numeric: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<u32>,
    starts: Option<Vec<u32>>,
}

#[derive(Deserialize)]
struct Updates {
    case: String,
    gradients: Vec<Named>,
    rates: Vec<f32>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    optimiser: String,
    decay: (f32, f32),
    clip: Option<f32>,
    after: Named,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../tests/golden/autograd.json")).expect("the committed file parses")
}

fn schema() -> Schema {
    drawn::schema(SchemaSize { scenes: 2, items: 5, tags: 3, numeric: 2, classes: 3 })
}

impl Rows {
    fn batch(&self) -> Batch {
        let lookup = |ids: &Ids| Lookup { ids: ids.ids.clone(), starts: ids.starts.clone() };
        let rows = *self.scene_starts.last().expect("two scenes");
        let mut batch = Batch {
            row_ids: (0..u64::from(rows)).collect(),
            scene_starts: self.scene_starts.clone(),
            lookups: self.lookups.iter().map(lookup).collect(),
            numeric: self.numeric.clone(),
            labels: self.labels.clone(),
            weights: self.weights.clone(),
            groups: vec![],
            segments: vec![],
        };
        batch.rebuild_segments(&schema());
        batch
    }
}

impl Case {
    fn plan(&self) -> Arc<Plan> {
        Arc::new(golden_plans::build(&self.name, &schema()).expect("the plan fits the schema"))
    }

    /// The plan's parameters, tables and states by name, none left over on either side.
    fn snapshot(&self, plan: &Plan) -> Snapshot {
        let parameters = parameters(plan, &[&self.parameters, &self.tables]);
        let singles = |values: &Vec<f64>| values.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        assert_eq!(self.states.len(), plan.states.len(), "{}: states", self.name);
        Snapshot {
            dense: singles(&parameters.dense),
            tables: parameters.tables.iter().map(singles).collect(),
            states: plan.states.iter().map(|spec| singles(&self.states[&spec.name])).collect(),
            memory: None,
        }
    }
}

/// Named values in the layout of `plan`.
fn parameters(plan: &Plan, named: &[&Named]) -> Parameters<f64> {
    let of = |name: &str| named.iter().find_map(|values| values.get(name)).unwrap_or_else(|| panic!("no {name}"));
    let mut all = Parameters::zeros(plan);
    for spec in &plan.params {
        all.dense[spec.range()].copy_from_slice(of(&spec.name));
    }
    for (table, spec) in all.tables.iter_mut().zip(&plan.tables) {
        table.copy_from_slice(of(&spec.name));
    }
    let names: usize = named.iter().map(|values| values.len()).sum();
    assert_eq!(names, plan.params.len() + plan.tables.len(), "{}: parameters", plan.name);
    all
}

fn assert_close(what: &str, got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    for (k, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= RELATIVE * scale, "{what}[{k}]: {got}, PyTorch has {expected}");
    }
}

fn assert_parameters_close(what: &str, plan: &Plan, got: &Parameters<f64>, expected: &Parameters<f64>) {
    for spec in &plan.params {
        let (got, expected) = (&got.dense[spec.range()], &expected.dense[spec.range()]);
        assert_close(&format!("{what}: {}", spec.name), got, expected);
    }
    for (spec, (got, expected)) in plan.tables.iter().zip(got.tables.iter().zip(&expected.tables)) {
        assert_close(&format!("{what}: {}", spec.name), got, expected);
    }
}

fn options(dropout: &Dropout) -> SessionOptions {
    SessionOptions { max_rows: 100, initialisation: 0, dropout: dropout.seed, tables: TableUpdates::Dense }
}

fn hold(name: &str) {
    let golden = golden();
    let case = golden.cases.iter().find(|case| case.name == name).expect("the case is in the file");
    let (plan, batch) = (case.plan(), case.batch.batch());
    let mut oracle = Oracle::<f64>::new(Arc::clone(&plan), options(&golden.dropout));
    oracle.restore(&case.snapshot(&plan)).expect("the snapshot fits the plan");

    let training = oracle.forward(&batch, Mode::Training(Pass::of(golden.dropout.step)));
    let evaluation = oracle.forward(&batch, Mode::Evaluation);
    assert_eq!(case.training.len(), plan.outputs.len(), "{name}: outputs");
    for output in &plan.outputs {
        let slot = output.slot.0;
        assert_close(
            &format!("{name}: {} in training", output.name),
            &training.slots[slot],
            &case.training[&output.name],
        );
        let expected = &case.evaluation[&output.name];
        assert_close(&format!("{name}: {} in evaluation", output.name), &evaluation.slots[slot], expected);
    }
    let losses: Vec<f64> = training.losses.iter().map(|loss| loss.expect("every objective has rows")).collect();
    assert_close(&format!("{name}: losses"), &losses, &case.losses);
    for (spec, state) in plan.states.iter().zip(&training.states_after) {
        assert_close(&format!("{name}: {}", spec.name), state, &case.states_after[&spec.name]);
    }
    let gradient = oracle.backward(&batch, &training, &case.objective_weights);
    let expected = parameters(&plan, &[&case.gradients]);
    assert_parameters_close(&format!("{name}: gradient of"), &plan, &gradient, &expected);
}

#[test]
fn shared_bottom() {
    hold("shared-bottom");
}

#[test]
fn mmoe() {
    hold("mmoe");
}

#[test]
fn star() {
    hold("star");
}

#[test]
fn norms() {
    hold("norms");
}

#[test]
fn product_of_probabilities() {
    hold("product");
}

#[test]
fn softmax_cross_entropy() {
    hold("softmax");
}

#[test]
fn token_bags() {
    hold("bag");
}

#[test]
fn dropout() {
    let dropout = golden().dropout;
    assert_eq!(dropout.rate, golden_plans::DROPOUT);
    for (group, key) in ["a", "b"].iter().zip(dropout.keys) {
        let stream = Stream::new(dropout.seed, Purpose::Dropout, &format!("hidden.dropout/{group}"));
        assert_eq!(stream.key(), key);
    }
    hold("dropout");
}

#[test]
fn shares_of_columns() {
    hold("stitch");
}

#[test]
fn inner_products() {
    hold("factorisation");
}

fn rule(name: &str) -> Optimiser {
    drawn::RULES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no rule is called {name}")).1
}

#[test]
fn optimiser_steps() {
    let golden = golden();
    let updates = &golden.updates;
    let case = golden.cases.iter().find(|case| case.name == updates.case).expect("the case is in the file");
    let plan = case.plan();
    assert_eq!(updates.runs.len(), 32);
    for run in &updates.runs {
        let mut weights = parameters(&plan, &[&case.parameters, &case.tables]);
        let mut moments = Moments::none();
        for (step, (gradient, &lr)) in updates.gradients.iter().zip(&updates.rates).enumerate() {
            let gradient = parameters(&plan, &[gradient]);
            let decay = Decay { dense: run.decay.0, tables: run.decay.1 };
            let update = Update { optimiser: rule(&run.optimiser), lr, step: step as u64 + 1, clip: run.clip, decay };
            apply(&plan, &mut weights, &mut moments, &gradient, &[], TableUpdates::Dense, &update);
        }
        let what = format!("{}, decay {:?}, clip {:?}", run.optimiser, run.decay, run.clip);
        assert_parameters_close(&what, &plan, &weights, &parameters(&plan, &[&run.after]));
    }
}
