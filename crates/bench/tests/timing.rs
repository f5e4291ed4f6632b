use std::convert::Infallible;

use mmtl_bench::{Budget, WarmUp, time_rounds};

/// The calls and rounds that are made when there is no time.
fn without_time(warm_up: WarmUp) -> (Vec<u64>, usize) {
    let mut seen = vec![];
    let Ok(spread) = time_rounds(Budget { seconds: 0.0, warm_up }, |calls| -> Result<(), Infallible> {
        seen.push(calls);
        Ok(())
    });
    (seen, spread.rounds)
}

#[test]
fn calls_are_counted_and_warm_up_comes_first() {
    // One call warms up and three rounds of one call are made.
    assert_eq!(without_time(WarmUp::UpTo(5)), (vec![0, 1, 2, 3], 3));
}

#[test]
fn a_warm_up_that_is_needed_is_made_whole() {
    assert_eq!(without_time(WarmUp::All(5)), ((0..8).collect(), 3));
}

#[test]
fn a_failing_call_ends_it() {
    let budget = Budget { seconds: 1.0, warm_up: WarmUp::UpTo(1) };
    let ended = time_rounds(budget, |calls| if calls == 2 { Err("third") } else { Ok(()) });
    assert_eq!(ended, Err("third"));
}
