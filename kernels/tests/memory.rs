//! What a session says it takes is what it takes.

use std::sync::Arc;

use cubecl::Runtime;
use cubecl::wgpu::{WgpuDevice, WgpuRuntime};
use mmtl_plan::{Plan, Schema, Session, SessionOptions, TableUpdates};
use mmtl_reference::drawn::{self, SchemaSize};

use crate::alone::alone;
use crate::world;

/// Where CubeCL puts what is uploaded, on a device whose largest page has 128 MiB: a page of 8 MiB that is not full, and
/// little beside it.
const PAGES: u64 = 10 << 20;

/// How much more or less may be taken of anything else: buffers begin at multiples of 32 bytes, and few batches touch as
/// many rows as they might.
const TOLERANCE: f64 = 0.02;

fn reserved() -> u64 {
    let client = WgpuRuntime::client(&WgpuDevice::Cpu);
    client.memory_usage().expect("the device answers").bytes_reserved
}

fn every_op(schema: &Schema, experts: usize, width: usize) -> Arc<Plan> {
    let experts = (0..experts).map(|expert| format!("expert {expert}")).collect();
    Arc::new(drawn::every_op(schema, experts, width).expect("the plan is valid"))
}

fn step(session: &mut dyn Session, rows: usize, number: u64) {
    let plan = session.plan().clone();
    let weights = world::objective_weights(&plan);
    session.step(&world::batch(&plan, rows, number), &weights, &world::adam(number)).expect("the batch fits");
}

#[test]
fn what_a_session_takes_was_said_before() {
    alone("memory::what_a_session_takes_was_said_before", || {
        let engine = world::engine();
        let items = |items| drawn::schema(SchemaSize { items, ..SchemaSize::default() });
        let (exact, dense) = (TableUpdates::Exact, TableUpdates::Dense);
        let plans = [
            ("large tables", every_op(&items(500_000), 2, 8), 100, exact),
            ("large swept tables", every_op(&items(500_000), 2, 8), 100, dense),
            ("many rows", every_op(&items(1000), 4, 32), 6000, exact),
            ("a wide model", every_op(&items(1000), 32, 192), 64, exact),
        ];
        for (name, plan, max_rows, tables) in plans {
            let options = SessionOptions { max_rows, initialisation: 1, dropout: 2, tables };
            let said = engine.footprint(&plan, options).expect("it compiles").expect("it is known").total();
            let mut session = engine.session(Arc::clone(&plan), options).expect("there is memory");
            (1..3).for_each(|number| step(session.as_mut(), max_rows, number));
            let saved = session.snapshot(true).expect("copies");
            let taken = reserved();
            assert!(taken as f64 <= said as f64 * (1.0 + TOLERANCE) + PAGES as f64, "{name}: {taken}, said {said}");
            assert!(said as f64 <= taken as f64 * (1.0 + TOLERANCE), "{name}: {taken}, said {said}");
            session.restore(&saved).expect("the sizes are its own");
            let after = reserved();
            assert!(after <= taken, "{name}: {after} after it was put back, {taken} before");
        }
    });
}
