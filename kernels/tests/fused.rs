//! A tail launched at once computes what its ops do one by one, and what the oracle does.

use std::sync::Arc;

use mmtl_kernels::{Launching, launches};
use mmtl_plan::{Engine, Gradient, Kind, Pass, Plan, SessionOptions, Settings, TableUpdates, Update, Value};
use mmtl_reference::conformance::drawn_plans;
use mmtl_reference::conformance::tolerance::of_plan;
use mmtl_reference::drawn::{self, SchemaSize};
use mmtl_reference::{Precision, ReferenceEngine};
use mmtl_zoo::{architecture, architectures, model_knobs};

use crate::world;

/// Small nets of three scenes' rows, with dropout.
fn zoo() -> Vec<(String, Arc<Plan>)> {
    let schema = drawn::schema(SchemaSize::default());
    let tasks: Vec<usize> = (0..schema.tasks.len()).collect();
    let plan = |name: &str| {
        let architecture = architecture(name).expect("the zoo has it");
        let narrow = |knob: &mmtl_plan::Knob| {
            if let Kind::Ints { .. } = knob.kind {
                return Some((knob.name, Value::List(vec![Value::Int(24), Value::Int(12)])));
            }
            let Kind::Choice(words) = knob.kind else { return None };
            (knob.name == "norm").then(|| (knob.name, Value::Text(words[words.len() - 1].to_owned())))
        };
        let knobs = architecture.knobs();
        let given: Vec<(&str, Value)> = knobs.iter().filter_map(narrow).collect();
        let own = Settings::resolve(&knobs, given.iter().map(|(name, value)| (*name, value))).expect("they are knobs");
        let dropout = ("dropout", &Value::Float(0.25));
        let model = Settings::resolve(&model_knobs(), [dropout]).expect("a rate");
        architecture.plan(&schema, &tasks, &model, &own).expect("the settings make a net")
    };
    let names = architectures().iter().map(|architecture| architecture.name()).filter(|name| *name != "esmm");
    names.map(|name| (name.to_owned(), Arc::new(plan(name)))).collect()
}

/// What a session of an engine answers.
struct Answers {
    /// Losses, then each gradient's elements.
    readings: Vec<Vec<f64>>,
}

impl Answers {
    fn of(engine: &dyn Engine, plan: &Arc<Plan>, rows: usize) -> Self {
        let options = SessionOptions { max_rows: 300, initialisation: 1, dropout: 2, tables: TableUpdates::Exact };
        let mut session = engine.session(Arc::clone(plan), options).expect("there is memory");
        session.restore(&drawn::weights(plan, 5)).expect("the weights are the plan's");
        let batch = world::batch(plan, rows, 3);
        let weights = world::objective_weights(plan);
        let alone: Vec<f32> = (0..weights.len()).map(|k| if k == 0 { 2.0 } else { 0.0 }).collect();
        session.gradients(&batch, Pass::of(9), &[&weights, &alone]).expect("the batch fits");
        let mut readings = vec![session.losses().expect("they are there").iter().map(|totals| totals.sum).collect()];
        for number in 0..2 {
            let Gradient { dense, tables } = session.gradient(number).expect("it is there");
            for param in &plan.params {
                readings.push(dense[param.range()].iter().map(|&value| f64::from(value)).collect());
            }
            readings.extend(tables.iter().map(|table| table.values.iter().map(|&value| f64::from(value)).collect()));
        }
        Self { readings }
    }

    /// How far others are off at worst, by what is largest in each.
    fn off(&self, other: &Self) -> f64 {
        let largest = |values: &[f64]| values.iter().fold(1e-3, |largest: f64, value| largest.max(value.abs()));
        let distance = |(a, b): (&f64, &f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() };
        let of = |(own, other): (&Vec<f64>, &Vec<f64>)| {
            assert_eq!(own.len(), other.len());
            own.iter().zip(other).map(distance).fold(0.0, f64::max) / largest(own)
        };
        self.readings.iter().zip(&other.readings).map(of).fold(0.0, f64::max)
    }
}

fn count(plan: &Plan, launching: Launching) -> usize {
    let counts = launches(plan, TableUpdates::Exact, false, launching).expect("the plan is executed");
    counts.iter().map(|(_, count)| count).sum()
}

/// Rows that fill tiles and cubes, and that do not; each of three scenes begins a tile of its own where layers have weights
/// for each.
#[test]
fn fused_and_composed_agree_with_the_oracle() {
    let oracle = ReferenceEngine { precision: Precision::Double, ..ReferenceEngine::default() };
    for (name, plan) in zoo() {
        assert!(count(&plan, Launching::Fused) < count(&plan, Launching::Composed), "{name}: nothing is fused");
        for rows in [1, 5, 64, 300] {
            let [fused, composed, truth] =
                [world::engine(), world::composed(), &oracle].map(|engine| Answers::of(engine, &plan, rows));
            for (what, of) in [("fused", &fused), ("composed", &composed)] {
                let off = truth.off(of);
                assert!(off < 3.0 * of_plan(&plan), "{name}, {rows} rows: {what} is off by {off:e}");
            }
            assert!(composed.off(&fused) < 3.0 * of_plan(&plan), "{name}, {rows} rows: {:e}", composed.off(&fused));
        }
    }
}

/// Losses of a step come with its derivatives; here nobody asks for any.
#[test]
fn losses_are_there_without_gradients() {
    let (_, plan) = zoo().swap_remove(0);
    let batch = world::batch(&plan, 70, 1);
    let losses = [world::engine(), world::composed()].map(|engine| {
        let mut session = world::session(engine, &plan, TableUpdates::Exact);
        session.gradients(&batch, Pass::of(1), &[]).expect("the batch fits");
        session.losses().expect("they are there")
    });
    let [fused, composed] = losses.map(|of| of.iter().map(|totals| totals.sum).collect::<Vec<f64>>());
    assert!(fused.iter().all(|&loss| loss > 0.0), "{fused:?}");
    for (fused, composed) in fused.iter().zip(&composed) {
        assert!((fused - composed).abs() < 1e-5 * composed.abs(), "{fused}, expected {composed}");
    }
}

/// Launched either way, each engine repeats its bits; its name says which way it launches.
#[test]
fn engines_that_launch_otherwise_are_told_apart() {
    let (_, plan) = zoo().swap_remove(0);
    let steps = |engine: &dyn Engine| {
        let mut session = world::session(engine, &plan, TableUpdates::Exact);
        for step in 1..4 {
            let update: Update = world::adam(step);
            let weights = world::objective_weights(&plan);
            session.step(&world::batch(&plan, 130, step), &weights, &update).expect("the batch fits");
        }
        session.snapshot(false).expect("copies").dense
    };
    assert_eq!(steps(world::engine()), steps(world::engine()));
    assert_eq!(steps(world::composed()), steps(world::composed()));
    assert_eq!(world::composed().numerics(), format!("{}, composed", world::engine().numerics()));
}

/// Plans of each op are tails but for their lookups, unless they normalise over rows, read predictions, or mix by a parameter
/// that all rows share, whose gradient is a sum over rows.
#[test]
fn every_op_but_norms_is_fused() {
    for (name, plan) in drawn_plans() {
        let fused = count(&plan, Launching::Fused);
        assert!(fused <= count(&plan, Launching::Composed), "{name}");
        if !["norm", "predict", "mix shared"].iter().any(|apart| name.contains(apart)) {
            println!("{name}: {fused} of {}", count(&plan, Launching::Composed));
            // An inner product looks up two tables, each a launch of its own and of its gradient's.
            let most = if name.starts_with("dot") { 9 } else { 8 };
            assert!(fused <= most, "{name}: {fused}");
        }
    }
}
