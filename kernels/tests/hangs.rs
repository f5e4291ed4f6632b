//! A device that hangs is an error, whatever the session was about to do.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use cubecl::Runtime;
use cubecl::wgpu::{WgpuDevice, WgpuRuntime};
use mmtl_kernels::{DeviceEngine, GpuEngine};
use mmtl_plan::{Engine, EngineError, Session, TableUpdates};

use crate::alone::alone;
use crate::world;

/// How long the device may stand still here: longer than the software device takes for what is compiled.
const PATIENCE: Duration = Duration::from_secs(8);

/// Blocks CubeCL's thread of the device, through which everything goes, until the sender is dropped: launches fill its
/// queue and then spin, waits wait.
fn hang() -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (hangs, hung) = mpsc::channel();
    let client = WgpuRuntime::client(&WgpuDevice::Cpu);
    thread::spawn(move || {
        client.exclusive(move || {
            hangs.send(()).expect("the test waits");
            released.recv()
        })
    });
    hung.recv().expect("the device's thread is blocked");
    release
}

/// What comes of a call of a session that has taken a step, on a device that hangs from then on.
fn outcome(call: impl FnOnce(&mut dyn Session) -> Result<(), EngineError>) -> String {
    let plan = world::every_op();
    let (batch, weights) = (world::batch(&plan, 40, 1), world::objective_weights(&plan));
    let step = |engine: &dyn Engine| {
        let mut session = world::session(engine, &plan, TableUpdates::Exact);
        session.step_telling(&batch, &weights, &world::adam(1), &mut |_| {}).expect("the batch fits");
        session.losses().expect("nothing hangs yet");
        session
    };
    // Opens the device with all that CubeCL has to be told, and compiles with all the patience that a busy machine needs.
    drop(step(world::engine()));
    let client = WgpuRuntime::client(&WgpuDevice::Cpu);
    let engine = GpuEngine::new("wgpu", "numerics".to_owned(), client, None).patient(PATIENCE);
    let mut session = step(&engine);
    let release = hang();
    let began = Instant::now();
    let error = call(session.as_mut()).expect_err("the device hangs").to_string();
    assert!(began.elapsed() >= PATIENCE, "{error} after {:?}", began.elapsed());
    let after = Instant::now();
    let again = session.losses().expect_err("it stays given up").to_string();
    assert_eq!(again, error);
    let none = engine.session(
        plan,
        mmtl_plan::SessionOptions { max_rows: 1, initialisation: 1, dropout: 1, tables: TableUpdates::Exact },
    );
    assert_eq!(none.err().map(|error| error.to_string()).as_ref(), Some(&error));
    drop((session, engine));
    assert!(after.elapsed() < PATIENCE, "nothing waits for what hangs: {:?}", after.elapsed());
    // The device hangs until the process ends: freed, its thread would run into the driver's end.
    std::mem::forget(release);
    error
}

#[test]
fn a_wait_without_end_is_given_up() {
    alone("hangs::a_wait_without_end_is_given_up", || {
        let error = outcome(|session| session.snapshot(false).map(drop));
        let expected = "the device failed: it took no work and gave no answer for 8 s and was given up; \
                        MMTL_DEVICE_PATIENCE sets how many";
        assert_eq!(error, expected);
    });
}

#[test]
fn a_launch_without_end_is_given_up() {
    alone("hangs::a_launch_without_end_is_given_up", || {
        let error = outcome(|session| {
            let plan = session.plan().clone();
            let weights = world::objective_weights(&plan);
            // Nothing is read: steps are handed over until the queue is full.
            (2..100).try_for_each(|step| session.step(&world::batch(&plan, 40, step), &weights, &world::adam(step)))
        });
        assert!(error.contains("took no work"), "{error}");
    });
}

#[test]
fn what_is_measured_without_end_is_given_up() {
    alone("hangs::what_is_measured_without_end_is_given_up", || {
        let _ = world::engine();
        let engine = || GpuEngine::new("wgpu", "numerics".to_owned(), WgpuRuntime::client(&WgpuDevice::Cpu), None);
        // Compiles with all the patience that a busy machine needs.
        engine().probe().expect("the device is there").copy().expect("nothing hangs yet");
        let engine = engine().patient(PATIENCE);
        let probe = engine.probe().expect("the device is there");
        probe.copy().expect("nothing hangs yet");
        let release = hang();
        let error = probe.copy().expect_err("the device hangs").to_string();
        assert!(error.contains("took no work"), "{error}");
        drop(probe);
        std::mem::forget(release);
    });
}
