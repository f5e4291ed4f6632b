//! What is timed one by one is what a step launches.

use std::collections::BTreeSet;
use std::sync::Arc;

use mmtl_kernels::{Launching, Profiled, launches, time_kernels};
use mmtl_plan::{Decay, Optimiser, SessionOptions, TableUpdates, Update};

use crate::world;

const ROWS: usize = 40;

/// How often each is timed.
const ROUNDS: usize = 11;

#[test]
fn every_launch_of_a_step_is_timed() {
    let software = mmtl_kernels::software().expect("Debian's `mesa-vulkan-drivers` brings one");
    let plan = world::every_op();
    let batches: Arc<Vec<_>> = Arc::new((0..2).map(|seed| world::batch(&plan, ROWS, seed)).collect());
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    let update = Update { optimiser, lr: 1e-3, step: 1, clip: Some(0.5), decay: Decay::default() };
    for tables in [TableUpdates::Exact, TableUpdates::Sparse] {
        let options = SessionOptions { max_rows: ROWS, initialisation: 1, dropout: 1, tables };
        let profiled = Profiled { plan: Arc::clone(&plan), options, batches: Arc::clone(&batches), update };
        let mut timer = software.profile(&profiled).expect("the software device trains");
        let works = timer.works();
        // In a step's order, and numbered from 1 on where there are several.
        let counts = launches(&plan, tables, true, Launching::Fused).expect("the plan is executed");
        assert_eq!(works.iter().map(|work| work.kernel).collect::<BTreeSet<_>>().len(), counts.len(), "{works:?}");
        for (kernel, count) in counts {
            // No id is frequent here, and a norm's three launches are timed together.
            let together = ["tables, gradient", "clipping"].contains(&kernel);
            let count = if together { 1 } else { count };
            let numbers: Vec<_> = works.iter().filter(|work| work.kernel == kernel).map(|work| work.number).collect();
            let expected: Vec<_> = (1..=count).map(|number| (count > 1).then_some(number)).collect();
            assert_eq!(numbers, expected, "{kernel}");
        }
        // So few bytes stay in any cache, and no number of sessions would change that.
        assert!(works.iter().all(|work| work.bytes > 0 && work.sessions == 1 && !work.uncached), "{works:?}");
        let times = time_kernels(timer.as_mut(), 0.0).expect("the device goes on");
        assert!(times.iter().map(|time| &time.work).eq(&works), "{times:?}");
        // Even a launch of nothing takes a microsecond: less was not waited for.
        let each = times.iter().flat_map(|time| &time.seconds);
        assert!(each.clone().all(|&seconds| seconds > 1e-7 && seconds.is_finite()), "{times:?}");
        assert_eq!(each.count(), ROUNDS * works.len(), "{times:?}");
    }
}
