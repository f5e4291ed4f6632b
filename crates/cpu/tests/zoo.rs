//! Every architecture of the zoo conforms, at its defaults and with what its knobs can turn on.

use std::sync::Arc;

use mmtl_cpu::CpuEngine;
use mmtl_plan::{Kind, Knob, Plan, Schema, Settings, Value};
use mmtl_reference::conformance::{assert_conforms, conformance_of};
use mmtl_reference::drawn::{self, SchemaSize};
use mmtl_zoo::{Architecture, Protocol, architectures, model_knobs};

/// Small nets: layers of 12 or 20 units, and dropout where it may be.
fn settings(knobs: &[Knob], number: usize) -> Settings {
    let given: Vec<(&str, Value)> = knobs.iter().filter_map(|knob| Some((knob.name, value(knob, number)?))).collect();
    Settings::resolve(knobs, given.iter().map(|(name, value)| (*name, value))).unwrap()
}

/// The `number`-th word of a choice, a flag that alternates, few of what is counted.
fn value(knob: &Knob, number: usize) -> Option<Value> {
    match knob.kind {
        Kind::Bool => Some(Value::Bool(number % 2 == 1)),
        Kind::Choice(words) => Some(Value::Text(words[number % words.len()].to_owned())),
        Kind::Ints { .. } => Some(Value::List(vec![Value::Int([12, 20][number % 2])])),
        Kind::Int { .. } => Some(Value::Int(2)),
        Kind::Float { .. } if knob.name == "dropout" => Some(Value::Float(0.25 * (number % 2) as f64)),
        Kind::Float { .. } | Kind::Text | Kind::Floats { .. } | Kind::Matrix | Kind::Texts => None,
    }
}

fn plans(architecture: &dyn Architecture, schema: &Schema) -> Vec<(String, Arc<Plan>)> {
    let mut plans = vec![];
    for number in 0..3 {
        let (model, own) = (settings(&model_knobs(), number), settings(&architecture.knobs(), number));
        for fit in architecture.fits(schema) {
            let plan = architecture.plan(schema, &fit.tasks, &model, &own).unwrap();
            plans.push((format!("{} {} {number}", architecture.name(), fit.name), Arc::new(plan)));
        }
    }
    plans
}

#[test]
fn every_architecture_conforms() {
    let schema = drawn::schema(SchemaSize::default());
    let engine = CpuEngine::new(2).expect("two threads");
    for architecture in architectures() {
        assert_eq!(architecture.applies(&schema, Protocol::Joint), Ok(()), "{}", architecture.name());
        let findings = conformance_of(&engine, &plans(*architecture, &schema));
        assert!(findings.len() > 100, "only {} findings of {}", findings.len(), architecture.name());
        assert_conforms(&findings);
    }
}
