//! What runs next: a pure state machine over the runs of a grid. It starts nothing and reads no clock; the scheduler
//! does what it says and tells it what happened.

use std::collections::BTreeMap;

use crate::key::TrialKey;
use crate::store::Target;

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waits for a free place.
    Queued,
    /// A worker executes it.
    Running,
    /// Its worker was asked to checkpoint and stop, and will be in the given state then.
    Stopping(Box<Phase>),
    /// Waits until somebody resumes it.
    Paused,
    /// Its record is written.
    Finished,
    /// It ended without a record, for this reason.
    Failed(String),
    /// Somebody gave it up.
    Cancelled,
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The record is written.
    Finished,
    /// It checkpointed and stopped, as asked.
    Stopped,
    /// Another worker holds the run.
    Busy,
    /// It failed, for this reason.
    Failed(String),
}

/// What the scheduler is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a worker for this run.
    Start(TrialKey),
    /// Ask this run's worker to checkpoint and stop.
    Stop(TrialKey),
}

/// The runs of a grid, in the order in which they are to start.
#[derive(Clone, Debug)]
pub struct Queue {
    order: Vec<TrialKey>,
    states: BTreeMap<TrialKey, Phase>,
    jobs: usize,
    fail_fast: bool,
    halted: bool,
}

impl Queue {
    /// `runs` in order of their start, each with the state it was found in; at most `jobs` at once. With `fail_fast`
    /// the first failure stops the others.
    pub fn new(runs: impl IntoIterator<Item = (TrialKey, Phase)>, jobs: usize, fail_fast: bool) -> Self {
        let mut queue = Self { order: vec![], states: BTreeMap::new(), jobs: jobs.max(1), fail_fast, halted: false };
        for (key, state) in runs {
            queue.order.push(key.clone());
            queue.states.insert(key, state);
        }
        queue
    }

    /// The state of a run; `None` for a key that is not in the grid.
    pub fn state(&self, key: &TrialKey) -> Option<&Phase> {
        self.states.get(key)
    }

    /// Every run with its state, in order.
    pub fn states(&self) -> impl Iterator<Item = (&TrialKey, &Phase)> {
        self.order.iter().map(|key| (key, &self.states[key]))
    }

    /// How many runs may run at once.
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// What to do now; whatever it says to start is taken to run from here on, and to stop, to be stopping.
    pub fn actions(&mut self) -> Vec<Action> {
        let mut actions = self.surplus();
        if !self.halted {
            let free = self.jobs.saturating_sub(self.occupied());
            let next: Vec<TrialKey> =
                self.order.iter().filter(|key| self.states[*key] == Phase::Queued).take(free).cloned().collect();
            for key in next {
                self.set(&key, Phase::Running);
                actions.push(Action::Start(key));
            }
        }
        actions
    }

    /// A worker ended.
    pub fn ended(&mut self, key: &TrialKey, outcome: Outcome) -> Vec<Action> {
        let wanted = match self.states.get(key) {
            Some(Phase::Stopping(then)) => (**then).clone(),
            _ => Phase::Queued,
        };
        match outcome {
            Outcome::Finished => self.set(key, Phase::Finished),
            Outcome::Stopped | Outcome::Busy => self.set(key, wanted),
            Outcome::Failed(reason) => {
                self.set(key, Phase::Failed(reason));
                if self.fail_fast {
                    return self.halt();
                }
            }
        }
        vec![]
    }

    /// Start nothing more, and let every running worker checkpoint and stop.
    pub fn halt(&mut self) -> Vec<Action> {
        self.halted = true;
        self.stop_those(&Target::Grid, &Phase::Queued)
    }

    /// Start nothing more; what runs goes on to its end.
    pub fn drain(&mut self) {
        self.halted = true;
    }

    /// Whether nothing runs and nothing will.
    pub fn is_over(&self) -> bool {
        let waits = |state: &Phase| *state == Phase::Queued && !self.halted;
        self.occupied() == 0 && !self.states.values().any(|s| waits(s) || *s == Phase::Paused && !self.halted)
    }

    /// Runs that wait stay waiting until resumed; runs that run checkpoint and stop.
    pub fn pause(&mut self, target: &Target) -> Vec<Action> {
        self.change(target, |state| (*state == Phase::Queued).then_some(Phase::Paused));
        self.stop_those(target, &Phase::Paused)
    }

    /// Paused runs wait for a free place again.
    pub fn resume(&mut self, target: &Target) {
        self.change(target, |state| match state {
            Phase::Paused => Some(Phase::Queued),
            Phase::Stopping(then) if **then == Phase::Paused => Some(Phase::Stopping(Box::new(Phase::Queued))),
            _ => None,
        });
    }

    /// Gives runs up; what they have done so far stays.
    pub fn cancel(&mut self, target: &Target) -> Vec<Action> {
        self.change(target, |state| match state {
            Phase::Queued | Phase::Paused => Some(Phase::Cancelled),
            Phase::Stopping(_) => Some(Phase::Stopping(Box::new(Phase::Cancelled))),
            _ => None,
        });
        self.stop_those(target, &Phase::Cancelled)
    }

    /// Failed and cancelled runs wait for a free place again.
    pub fn retry(&mut self, target: &Target) {
        self.change(target, |state| matches!(state, Phase::Failed(_) | Phase::Cancelled).then_some(Phase::Queued));
    }

    /// Changes how many may run at once; surplus workers checkpoint and wait at the next [`Queue::actions`].
    pub fn set_jobs(&mut self, jobs: usize) {
        self.jobs = jobs.max(1);
    }

    /// The latest started beyond the number of jobs go back to waiting.
    fn surplus(&mut self) -> Vec<Action> {
        let running: Vec<TrialKey> =
            self.order.iter().filter(|key| self.states[*key] == Phase::Running).cloned().collect();
        let surplus = running.len().saturating_sub(self.jobs);
        let last = running.into_iter().rev().take(surplus).collect();
        self.stop_those(&Target::Runs(last), &Phase::Queued)
    }

    fn stop_those(&mut self, target: &Target, then: &Phase) -> Vec<Action> {
        let changed =
            self.change(target, |state| (*state == Phase::Running).then(|| Phase::Stopping(Box::new(then.clone()))));
        changed.into_iter().map(Action::Stop).collect()
    }

    fn change(&mut self, target: &Target, next: impl Fn(&Phase) -> Option<Phase>) -> Vec<TrialKey> {
        let aimed = |key: &&TrialKey| match target {
            Target::Grid => true,
            Target::Runs(keys) => keys.contains(key),
        };
        let changes: Vec<(TrialKey, Phase)> =
            self.order.iter().filter(aimed).filter_map(|key| Some((key.clone(), next(&self.states[key])?))).collect();
        for (key, state) in &changes {
            self.set(key, state.clone());
        }
        changes.into_iter().map(|(key, _)| key).collect()
    }

    fn occupied(&self) -> usize {
        self.states.values().filter(|s| matches!(s, Phase::Running | Phase::Stopping(_))).count()
    }

    fn set(&mut self, key: &TrialKey, state: Phase) {
        if let Some(slot) = self.states.get_mut(key) {
            *slot = state;
        }
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(q.pause(&Target::Grid), [stop(0)]);
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
        assert_eq!(q.halt(), [stop(0), stop(1)]);
        q.ended(&key(0), Outcome::Stopped);
        q.ended(&key(1), Outcome::Finished);
        assert!(q.is_over());
        assert_eq!(q.states().filter(|(_, s)| **s == Phase::Queued).count(), 2);
    }
}
