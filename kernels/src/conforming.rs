//! Conformance of what no device here chooses by itself: factors rounded without matrix units, tiles and tails as larger
//! devices have them.

use std::sync::Arc;

use cubecl::wgpu::WgpuRuntime;
use mmtl_plan::{Engine, Factors, Kind, Pass, Plan, SessionOptions, Settings, TableUpdates, Value};
use mmtl_reference::ReferenceEngine;
use mmtl_reference::conformance::{
    assert_conforms, conformance_of_many_rows, conformance_of_passes, conformance_of_steps, drawn_plans,
};
use mmtl_reference::drawn::{self, Rows, SchemaSize};
use mmtl_zoo::{Architecture, architectures, model_knobs};

use crate::tile::Tile;
use crate::{DeviceEngine, GpuEngine, chip, wgpu_devices};

/// Plans of all kinds of weights.
fn layers() -> Vec<(String, Arc<Plan>)> {
    let wanted = ["linear shared relu", "linear per-scene tanh", "linear star dropout", "gate"];
    let mut plans = drawn_plans();
    plans.retain(|(name, _)| name.ends_with("2 × 33") && wanted.iter().any(|part| name.contains(part)));
    assert!(plans.len() >= wanted.len(), "{plans:?}");
    plans
}

fn engine() -> GpuEngine<WgpuRuntime> {
    wgpu_devices::engine(0).unwrap_or_else(|error| panic!("{error}"))
}

/// What a plan predicts for a batch at drawn weights, and its gradient, which a tail makes where there is one.
fn answers(engine: &dyn Engine, plan: &Arc<Plan>) -> [Vec<f32>; 2] {
    let options = SessionOptions { max_rows: 64, initialisation: 1, dropout: 2, tables: TableUpdates::Exact };
    let mut session = engine.session(Arc::clone(plan), options).expect("there is memory");
    session.restore(&drawn::weights(plan, 3)).expect("the snapshot is the plan's");
    let mut out = vec![vec![]; plan.outputs.len()];
    let batch = drawn::batch(&plan.schema, &Rows::count(64), 4);
    session.predict(&batch, &mut out).expect("the batch fits");
    let weights = vec![1.0; plan.objectives.len()];
    session.gradients(&batch, Pass::of(1), &[&weights]).expect("the batch fits");
    [out.concat(), session.gradient(0).expect("it is there").dense]
}

/// An engine that forgot to round would be within the tolerance of one that does.
#[test]
fn rounded_factors_are_rounded() {
    for factors in [Factors::Tf32, Factors::Bf16] {
        for (name, plan) in layers() {
            let oracle = |factors| answers(&ReferenceEngine { factors, ..ReferenceEngine::default() }, &plan);
            let (rounded, whole) = (oracle(factors), oracle(Factors::F32));
            let fused = engine().rounding_softly(factors);
            let composed = fused.composed();
            for (engine, way) in [(&fused as &dyn Engine, "fused"), (composed.as_ref(), "composed")] {
                for (at, got) in answers(engine, &plan).iter().enumerate() {
                    let off = |to: &[f32]| got.iter().zip(to).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>();
                    let (near, far) = (off(&rounded[at]), off(&whole[at]));
                    let what = format!("{name}, {}, {way}, {at}", factors.name());
                    assert!(far > 8.0 * near, "{what}: {near:e} from the oracle, {far:e} without");
                }
            }
        }
    }
}

/// What matrix units do to factors, done by chains.
#[test]
fn rounded_factors_conform() {
    for factors in [Factors::Tf32, Factors::Bf16] {
        assert!(engine().rounding(factors).is_err_and(|why| why.contains("needs matrix units")));
        let composed = engine().rounding_softly(factors).composed();
        assert_conforms(&conformance_of_steps(composed.as_ref(), &layers()));
    }
}

/// Every architecture in small, whose layers read what others have rounded.
fn small_zoo() -> Vec<(String, Arc<Plan>)> {
    let schema = drawn::schema(SchemaSize::default());
    let plan = |architecture: &&dyn Architecture| {
        let knobs = architecture.knobs();
        let narrow = Value::List(vec![Value::Int(24), Value::Int(12)]);
        let widths = knobs.iter().filter(|knob| matches!(knob.kind, Kind::Ints { .. }));
        let own = Settings::resolve(&knobs, widths.map(|knob| (knob.name, &narrow))).expect("they are knobs");
        let model = Settings::resolve(&model_knobs(), []).expect("defaults");
        let tasks = &architecture.fits(&schema)[0].tasks;
        let plan = architecture.plan(&schema, tasks, &model, &own).expect("the settings make a net");
        (architecture.name().to_owned(), Arc::new(plan))
    };
    architectures().iter().map(plan).collect()
}

/// What updates do to gradients does not depend on what their factors were rounded to.
#[test]
fn architectures_conform_with_rounded_factors() {
    for factors in [Factors::Tf32, Factors::Bf16] {
        assert_conforms(&conformance_of_passes(&engine().rounding_softly(factors), &small_zoo()));
    }
}

/// A tail's tiles as devices have them, whose units stage sums in rounds.
#[test]
fn architectures_conform_with_tails_as_devices_have_them() {
    assert_conforms(&conformance_of_passes(&engine().laid_out(chip::SMALL), &small_zoo()));
}

/// Layers of all kinds of weights, in tiles that the software device would not choose.
#[test]
fn larger_tiles_conform() {
    for tile in Tile::OF_DEVICES {
        assert_conforms(&conformance_of_steps(&engine().cut(tile), &layers()));
        assert_conforms(&conformance_of_many_rows(&engine().cut(tile)));
    }
}
