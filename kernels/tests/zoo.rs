//! Every architecture of the zoo conforms, at its defaults and with what its knobs can turn on.

use std::sync::Arc;

use mmtl_plan::{Kind, Knob, Plan, Schema, Settings, Value};
use mmtl_reference::conformance::{assert_conforms, conformance_of_sessions, conformance_of_steps};
use mmtl_reference::drawn::{self, SchemaSize};
use mmtl_zoo::{Architecture, Protocol, architectures, model_knobs};

use crate::world;

/// Small nets: layers of 12 units, and dropout where it may be.
fn settings(knobs: &[Knob], number: usize) -> Settings {
    let given: Vec<(&str, Value)> = knobs.iter().filter_map(|knob| Some((knob.name, value(knob, number)?))).collect();
    Settings::resolve(knobs, given.iter().map(|(name, value)| (*name, value))).expect("the values are the knobs'")
}

/// The `number`-th word of a choice, a flag that alternates, few of what is counted.
fn value(knob: &Knob, number: usize) -> Option<Value> {
    match knob.kind {
        Kind::Bool => Some(Value::Bool(number % 2 == 1)),
        Kind::Choice(words) => Some(Value::Text(words[number % words.len()].to_owned())),
        Kind::Ints { .. } => Some(Value::List(vec![Value::Int(12)])),
        Kind::Int { .. } => Some(Value::Int(2)),
        Kind::Float { .. } if knob.name.ends_with("dropout") => Some(Value::Float(0.25 * (number % 2) as f64)),
        Kind::Float { .. } | Kind::Text | Kind::Floats { .. } | Kind::Matrix | Kind::Texts => None,
    }
}

/// So often are the knobs of an architecture turned.
const TURNS: usize = 3;
/// With dropout, and all flags on.
const RICHEST: usize = 1;

fn plans(
    architecture: &dyn Architecture,
    schema: &Schema,
    turns: impl IntoIterator<Item = usize>,
) -> Vec<(String, Arc<Plan>)> {
    let mut plans = vec![];
    for number in turns {
        let (model, own) = (settings(&model_knobs(), number), settings(&architecture.knobs(), number));
        for fit in architecture.fits(schema) {
            let plan = architecture.plan(schema, &fit.tasks, &model, &own).expect("the settings make a net");
            plans.push((format!("{} {} {number}", architecture.name(), fit.name), Arc::new(plan)));
        }
    }
    plans
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
