//! Gradients of whole nets, of every architecture, against difference quotients.

use std::sync::Arc;

use mmtl_plan::{Kind, Settings, Value};
use mmtl_reference::drawn::{self, Draws, Rows, SchemaSize};
use mmtl_reference::finite_difference::{Differences, Point};
use mmtl_zoo::{Architecture, architectures, model_knobs};

/// Schemas, knobs and batches drawn for each architecture.
const DRAWS: u64 = 40;

/// Of all quotients, those that a ReLU's kink may take away.
const MOST_REJECTED: f64 = 0.02;

/// A value that keeps the net small: one of a choice's words, any flag, one to three of what is counted.
fn value(kind: Kind, draws: &mut Draws) -> Option<Value> {
    let few = |draws: &mut Draws| Value::Int([1, 2, 3][draws.below(3)]);
    match kind {
        Kind::Bool => Some(Value::Bool(draws.chance(0.5))),
        Kind::Choice(words) => Some(Value::Text(words[draws.below(words.len())].to_owned())),
        Kind::Int { .. } => Some(few(draws)),
        Kind::Ints { .. } => Some(Value::List((0..=draws.below(2)).map(|_| few(draws)).collect())),
        Kind::Float { .. } | Kind::Text | Kind::Floats { .. } | Kind::Matrix | Kind::Texts => None,
    }
}

fn settings(knobs: &[mmtl_plan::Knob], draws: &mut Draws) -> Settings {
    let mut given: Vec<(&str, Value)> =
        knobs.iter().filter_map(|knob| value(knob.kind, draws).map(|value| (knob.name, value))).collect();
    if knobs.iter().any(|knob| knob.name == "dropout") && draws.chance(0.25) {
        given.push(("dropout", Value::Float(0.25)));
    }
    Settings::resolve(knobs, given.iter().map(|(name, value)| (*name, value))).unwrap()
}

fn differences(architecture: &dyn Architecture, seed: u64) -> Differences {
    let mut draws = Draws::new(seed, "architecture");
    let size = SchemaSize {
        scenes: 2 + draws.below(2),
        items: [2, 5, 7][draws.below(3)],
        tags: draws.below(3),
        numeric: draws.below(3),
        classes: 2 + draws.below(2),
    };
    let schema = drawn::schema(size);
    let rows = Rows {
        rows: [1, 2, 3, 7, 11][draws.below(5)],
        only_scene: draws.chance(0.25).then_some(1),
        unlabelled: if draws.chance(0.25) { vec![draws.below(5)] } else { vec![] },
        most_ids: None,
    };
    let batch = drawn::batch(&schema, &rows, seed);
    let (model, own) = (settings(&model_knobs(), &mut draws), settings(&architecture.knobs(), &mut draws));
    let mut found = Differences::default();
    for fit in architecture.fits(&schema) {
        let plan = Arc::new(architecture.plan(&schema, &fit.tasks, &model, &own).unwrap());
        let weights = drawn::weights(&plan, seed);
        // Of one sign: were large losses to cancel, the small rest would carry their rounding errors.
        let objectives: Vec<f32> = (0..plan.objectives.len()).map(|k| 1.0 + 0.375 * k as f32).collect();
        let point =
            Point { plan: &plan, weights: &weights, batch: &batch, objectives: &objectives, per_tensor: 6, seed };
        found.merge(point.differences().unwrap());
    }
    found
}

#[test]
fn every_architecture_s_gradient_is_its_loss_s() {
    for architecture in architectures() {
        let mut total = Differences::default();
        for seed in 0..DRAWS {
            let found = differences(*architecture, seed);
            let worst = found.worst.as_ref().map_or(0.0, |worst| worst.excess);
            assert!(worst <= 1.0, "{}, draw {seed}: {:?}", architecture.name(), found.worst);
            total.merge(found);
        }
        assert!(total.checked > 1000, "{}: only {} quotients", architecture.name(), total.checked);
        let (name, rejected, checked) = (architecture.name(), total.rejected, total.checked);
        println!("{name}: {checked} quotients agree, {rejected} cross a kink");
        assert!(total.rejected_share() <= MOST_REJECTED, "{name}: {rejected} of {checked} cross a kink");
    }
}
