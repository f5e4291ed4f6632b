//! Every architecture of the zoo conforms, at its defaults and with what its knobs can turn on.

use std::sync::Arc;

use mmtl_plan::{Kind, Knob, Plan, Schema, Settings, Value};
use mmtl_reference::conformance::{assert_conforms, conformance_of_sessions, conformance_of_steps};
use mmtl_reference::drawn::{self, SchemaSize};
use mmtl_zoo::{Architecture, Protocol, architectures, model_knobs};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::shapes::{hold, rows, runner, schema_size};
use crate::world;

/// Small nets: layers of `width` units, and dropout where it may be.
fn settings(knobs: &[Knob], number: usize, width: i64) -> Settings {
    let given: Vec<(&str, Value)> =
        knobs.iter().filter_map(|knob| Some((knob.name, value(knob, number, width)?))).collect();
    Settings::resolve(knobs, given.iter().map(|(name, value)| (*name, value))).expect("the values are the knobs'")
}

/// The `number`-th word of a choice, a flag that alternates, few of what is counted.
fn value(knob: &Knob, number: usize, width: i64) -> Option<Value> {
    match knob.kind {
        Kind::Bool => Some(Value::Bool(number % 2 == 1)),
        Kind::Choice(words) => Some(Value::Text(words[number % words.len()].to_owned())),
        Kind::Ints { .. } => Some(Value::List(vec![Value::Int(width)])),
        Kind::Int { .. } => Some(Value::Int(2)),
        Kind::Float { .. } if knob.name.ends_with("dropout") => Some(Value::Float(0.25 * (number % 2) as f64)),
        Kind::Float { .. } | Kind::Text | Kind::Floats { .. } | Kind::Matrix | Kind::Texts => None,
    }
}

/// So often are the knobs of an architecture turned.
const TURNS: usize = 3;
/// Units of their layers.
const WIDTH: i64 = 12;
/// Shapes drawn for each architecture.
const DRAWS: u32 = 3;
/// With dropout, and all flags on.
const RICHEST: usize = 1;

fn plans(
    architecture: &dyn Architecture,
    schema: &Schema,
    turns: impl IntoIterator<Item = usize>,
) -> Vec<(String, Arc<Plan>)> {
    let mut plans = vec![];
    for number in turns {
        for fit in architecture.fits(schema) {
            let plan = plan(architecture, schema, &fit.tasks, number, WIDTH);
            plans.push((format!("{} {} {number}", architecture.name(), fit.name), plan));
        }
    }
    plans
}

fn plan(architecture: &dyn Architecture, schema: &Schema, tasks: &[usize], number: usize, width: i64) -> Arc<Plan> {
    let [model, own] = [model_knobs(), architecture.knobs()].map(|knobs| settings(&knobs, number, width));
    Arc::new(architecture.plan(schema, tasks, &model, &own).expect("the settings make a net"))
}

#[test]
fn every_architecture_conforms() {
    let schema = drawn::schema(SchemaSize::default());
    for architecture in architectures() {
        assert_eq!(architecture.applies(&schema, Protocol::Joint), Ok(()), "{}", architecture.name());
        let mut findings = conformance_of_steps(world::engine(), &plans(*architecture, &schema, 0..TURNS));
        // What sessions keep does not depend on much.
        findings.extend(conformance_of_sessions(world::engine(), &plans(*architecture, &schema, [RICHEST])));
        assert!(findings.len() > 100, "only {} findings of {}", findings.len(), architecture.name());
        assert_conforms(&findings);
    }
}

/// One scene and thirteen, batches of a row, of primes and of several tiles, objectives without rows, layers of one unit, of a
/// prime and above a tile.
#[test]
fn every_architecture_holds_in_drawn_shapes() {
    for (number, architecture) in architectures().iter().enumerate() {
        let width = select(vec![1, 7, 17, 33, 67]);
        let drawn = (width, schema_size(), rows(), 0..1_000_000u64, any::<(Index, bool)>(), 0..TURNS);
        let outcome = runner(DRAWS, number).run(&drawn, |(width, of, rows, seed, (fit, composed), turn)| {
            let schema = drawn::schema(of);
            let fits = architecture.fits(&schema);
            let plan = plan(*architecture, &schema, &fit.get(&fits).tasks, turn, width);
            hold(&plan, &rows, seed, composed)
        });
        if let Err(failure) = outcome {
            panic!("{}: {failure}", architecture.name());
        }
    }
}
