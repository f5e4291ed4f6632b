//! What the queue says to do.

use super::*;

fn key(number: u64) -> TrialKey {
    format!("{number:016x}").parse().unwrap()
}

fn queued(n: u64, jobs: usize, fail_fast: bool) -> Queue {
    Queue::new((0..n).map(|i| (key(i), Phase::Queued)), jobs, fail_fast)
}

fn start(number: u64) -> Action {
    Action::Start(key(number))
}

fn stop(number: u64) -> Action {
    Action::Stop(key(number))
}

fn run(number: u64) -> Target {
    Target::Runs([key(number)].into())
}

#[test]
fn runs_start_in_order_and_fill_free_places() {
    let mut q = queued(4, 2, false);
    assert_eq!(q.actions(), [start(0), start(1)]);
    assert_eq!(q.actions(), []);
    q.ended(&key(1), Outcome::Finished);
    assert_eq!(q.actions(), [start(2)]);
}

#[test]
fn finished_runs_never_start_again() {
    let mut q = Queue::new([(key(0), Phase::Finished), (key(1), Phase::Queued)], 4, false);
    assert_eq!(q.actions(), [start(1)]);
    q.retry(&Target::Grid);
    assert_eq!(q.actions(), []);
    q.ended(&key(1), Outcome::Finished);
    assert!(q.is_over());
}

#[test]
fn a_run_that_another_worker_holds_waits_behind_the_others() {
    let mut q = queued(3, 1, false);
    assert_eq!(q.actions(), [start(0)]);
    q.ended(&key(0), Outcome::Busy);
    assert_eq!(q.actions(), [start(1)]);
    q.ended(&key(1), Outcome::Stopped);
    assert_eq!(q.actions(), [start(1)], "one that was only stopped keeps its place");
    q.ended(&key(1), Outcome::Finished);
    assert_eq!(q.actions(), [start(2)]);
    q.ended(&key(2), Outcome::Finished);
    assert_eq!(q.actions(), [start(0)]);
}

#[test]
fn a_failure_is_kept_and_the_grid_goes_on_unless_told_otherwise() {
    let mut q = queued(3, 1, false);
    q.actions();
    assert_eq!(q.ended(&key(0), Outcome::Failed("loss".into())), []);
    assert_eq!(q.actions(), [start(1)]);
    let mut q = queued(3, 2, true);
    q.actions();
    assert_eq!(q.ended(&key(0), Outcome::Failed("loss".into())), [stop(1)]);
    assert!(!q.is_over());
    q.ended(&key(1), Outcome::Stopped);
    assert!(q.is_over());
    assert_eq!((q.actions(), q.state(&key(1))), (vec![], Some(&Phase::Queued)));
}

#[test]
fn pausing_and_resuming_while_it_stops() {
    let mut q = queued(2, 1, false);
    q.actions();
    assert_eq!(q.pause(&Target::Grid), Done { runs: 2, actions: vec![stop(0)] });
    assert_eq!(q.pause(&Target::Grid), Done::default());
    q.resume(&run(0));
    q.ended(&key(0), Outcome::Stopped);
    assert_eq!(q.actions(), [start(0)]);
    assert_eq!(q.state(&key(1)), Some(&Phase::Paused));
    q.ended(&key(0), Outcome::Finished);
    assert!(!q.is_over(), "a paused run is not over");
    q.resume(&Target::Grid);
    assert_eq!(q.actions(), [start(1)]);
}

#[test]
fn cancelling_beats_pausing_and_retry_brings_back() {
    let mut q = queued(2, 1, false);
    q.actions();
    q.pause(&run(0));
    q.cancel(&run(0));
    q.ended(&key(0), Outcome::Stopped);
    assert_eq!(q.state(&key(0)), Some(&Phase::Cancelled));
    q.retry(&Target::Grid);
    assert_eq!(q.actions(), [start(0)]);
}

#[test]
fn pruned_runs_come_back_only_by_name() {
    let mut q = queued(3, 1, false);
    q.actions();
    assert_eq!(q.prune(&[key(0), key(1), key(9)].into()), Done { runs: 2, actions: vec![stop(0)] });
    q.ended(&key(0), Outcome::Stopped);
    assert_eq!((q.state(&key(0)), q.state(&key(1))), (Some(&Phase::Pruned), Some(&Phase::Pruned)));
    q.cancel(&run(1));
    assert_eq!((q.retry(&Target::Grid).runs, q.state(&key(1))), (0, Some(&Phase::Pruned)));
    assert_eq!((q.retry(&run(1)).runs, q.state(&key(1))), (1, Some(&Phase::Queued)));
    assert_eq!(q.actions(), [start(1)]);
    q.prune(&[key(1)].into());
    assert_eq!(q.retry(&run(1)).runs, 1, "its worker has not ended yet");
    q.ended(&key(1), Outcome::Stopped);
    assert_eq!(q.actions(), [start(1)]);
}

#[test]
fn a_run_on_its_way_back_to_the_queue_can_be_paused() {
    let mut q = queued(2, 2, false);
    q.actions();
    q.set_jobs(1);
    assert_eq!(q.actions(), [stop(1)]);
    assert_eq!(q.pause(&run(1)), Done { runs: 1, actions: vec![] });
    q.ended(&key(1), Outcome::Stopped);
    assert_eq!(q.state(&key(1)), Some(&Phase::Paused));
}

#[test]
fn higher_priorities_start_first_and_stop_last() {
    let mut q = queued(5, 2, false);
    assert_eq!(q.prioritise(&[key(3), key(4), key(9)].into(), 2), [key(3), key(4)]);
    assert_eq!(q.prioritise(&[key(3)].into(), 2), []);
    q.prioritise(&[key(0)].into(), -1);
    assert_eq!(q.actions(), [start(3), start(4)]);
    q.set_jobs(1);
    assert_eq!(q.actions(), [stop(4)]);
    q.ended(&key(4), Outcome::Stopped);
    q.ended(&key(3), Outcome::Finished);
    assert_eq!(q.prioritise(&[key(3)].into(), 7), [], "a finished run never starts again");
    q.set_jobs(3);
    assert_eq!(q.actions(), [start(4), start(1), start(2)]);
    q.ended(&key(4), Outcome::Finished);
    assert_eq!(q.actions(), [start(0)]);
}

#[test]
fn a_run_that_finishes_while_asked_to_stop_is_finished() {
    let mut q = queued(1, 1, false);
    q.actions();
    q.cancel(&Target::Grid);
    q.ended(&key(0), Outcome::Finished);
    assert_eq!(q.state(&key(0)), Some(&Phase::Finished));
}

#[test]
fn fewer_jobs_stop_the_latest() {
    let mut q = queued(4, 3, false);
    q.actions();
    q.set_jobs(1);
    assert_eq!(q.actions(), [stop(1), stop(2)]);
    for number in [1, 2] {
        q.ended(&key(number), Outcome::Stopped);
    }
    assert_eq!(q.actions(), []);
    q.set_jobs(2);
    assert_eq!(q.actions(), [start(1)]);
}

#[test]
fn a_halted_grid_keeps_its_queue_for_the_next_time() {
    let mut q = queued(3, 2, false);
    q.actions();
    assert_eq!(q.halt(), Done { runs: 2, actions: vec![stop(0), stop(1)] });
    q.ended(&key(0), Outcome::Stopped);
    q.ended(&key(1), Outcome::Finished);
    assert!(q.is_over());
    assert_eq!(q.states().filter(|(_, s)| **s == Phase::Queued).count(), 2);
}

#[test]
fn runs_that_are_added_start_behind_those_that_wait() {
    let mut q = queued(2, 1, false);
    q.add(key(7), Phase::Queued);
    q.add(key(0), Phase::Cancelled);
    assert_eq!(q.actions(), [start(0)], "a run that is known stays as it is");
    for (done, next) in [(0, 1), (1, 7)] {
        q.ended(&key(done), Outcome::Finished);
        assert!(!q.is_over());
        assert_eq!(q.actions(), [start(next)]);
    }
}

#[test]
fn no_retry_reaches_what_is_settled() {
    let runs = [(key(0), Phase::Failed("x".into())), (key(1), Phase::Cancelled), (key(2), Phase::Pruned)];
    let all = Target::Runs([key(0), key(1), key(2)].into());
    let mut q = Queue::new(runs, 1, false);
    assert_eq!(q.out_of_reach(&all), 0);
    q.settle([key(0), key(2)]);
    assert_eq!((q.out_of_reach(&Target::Grid), q.out_of_reach(&all), q.out_of_reach(&run(1))), (1, 2, 0));
    assert_eq!(q.retry(&all).runs, 1);
    assert_eq!((q.state(&key(0)), q.state(&key(1))), (Some(&Phase::Failed("x".into())), Some(&Phase::Queued)));
    assert_eq!(q.cancel(&Target::Grid).runs, 1, "other commands reach what they did");
}
