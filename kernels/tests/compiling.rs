//! A first step tells of the kernels that are compiled for it, and is the same step.

use mmtl_kernels::Launching;
use mmtl_plan::{Compiling, Session, Snapshot, TableUpdates};

use crate::alone::alone;
use crate::world;

const STEPS: u64 = 3;

/// What is told of each step, and what they leave.
fn steps(step: impl Fn(&mut dyn Session, u64, &mut dyn FnMut(Compiling))) -> (Vec<Vec<Compiling>>, Snapshot) {
    let plan = world::every_op();
    let mut session = world::session(world::engine(), &plan, TableUpdates::Exact);
    let told = (1..=STEPS).map(|number| {
        let mut told = vec![];
        step(session.as_mut(), number, &mut |compiling| told.push(compiling));
        told
    });
    (told.collect(), session.snapshot(true).expect("copies"))
}

#[test]
fn a_first_step_tells_of_its_kernels_and_is_the_same_step() {
    alone("compiling::a_first_step_tells_of_its_kernels_and_is_the_same_step", || {
        let plan = world::every_op();
        let weights = world::objective_weights(&plan);
        let batch = |step| world::batch(&plan, 60, step);
        let (told, telling) = steps(|session, step, tell| {
            session.step_telling(&batch(step), &weights, &world::adam(step), tell).expect("the batch fits");
        });
        let (_, plain) = steps(|session, step, _| {
            session.step(&batch(step), &weights, &world::adam(step)).expect("the batch fits");
        });
        assert!(telling == plain, "telling changes no bit");
        let [first, others @ ..] = told.as_slice() else { panic!("{STEPS} steps were taken") };
        assert!(others.iter().all(Vec::is_empty), "nothing is left to compile: {others:?}");
        // Software devices take a tenth of a second and more for some.
        assert!(first.len() > 3, "{first:?}");
        assert!(first.windows(2).all(|pair| pair[0].ready < pair[1].ready), "{first:?}");
        let kernels =
            mmtl_kernels::launches(&plan, TableUpdates::Exact, true, Launching::Fused).expect("the plan compiles");
        let (last, before) = first.split_last().expect("something was told");
        assert_eq!(*last, Compiling { ready: kernels.len(), of: kernels.len(), kernel: None });
        for compiling in before {
            assert_eq!(compiling.of, kernels.len());
            assert!(kernels.iter().any(|(kernel, _)| Some(*kernel) == compiling.kernel), "{compiling}");
        }
        let said = format!("compiling kernels {} of {} (", before[0].ready + 1, kernels.len());
        assert!(before[0].to_string().starts_with(&said), "{}", before[0]);
    });
}
