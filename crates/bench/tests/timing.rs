use std::convert::Infallible;

use mmtl_bench::{Budget, time_rounds};

#[test]
fn calls_are_counted_and_warm_up_comes_first() {
    let mut seen = vec![];
    let budget = Budget { seconds: 0.0, warm_up: 5 };
    let Ok(spread) = time_rounds(budget, |calls| -> Result<(), Infallible> {
        seen.push(calls);
        Ok(())
    });
    // Without time one call warms up and three rounds of one call are made.
    assert_eq!((seen, spread.rounds), (vec![0, 1, 2, 3], 3));
}

#[test]
fn a_failing_call_ends_it() {
    let budget = Budget { seconds: 1.0, warm_up: 1 };
    let ended = time_rounds(budget, |calls| if calls == 2 { Err("third") } else { Ok(()) });
    assert_eq!(ended, Err("third"));
}
