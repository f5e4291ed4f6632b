//! What runs next: a pure state machine over the runs of a grid. It starts nothing and reads no clock; the scheduler
//! does what it says and tells it what happened.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Somebody gave it up for hopeless validation scores.
    Pruned,
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

/// What a command came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// How many runs it changed.
    pub runs: usize,
    /// What is to be done for it.
    pub actions: Vec<Action>,
}

/// The runs of a grid, in the order in which those of one priority are to start.
#[derive(Clone, Debug)]
pub struct Queue {
    order: Vec<TrialKey>,
    states: BTreeMap<TrialKey, Phase>,
    /// Those other than 0.
    priorities: BTreeMap<TrialKey, i32>,
    jobs: usize,
    fail_fast: bool,
    halted: bool,
    /// Runs that no retry reaches.
    settled: BTreeSet<TrialKey>,
}

impl Queue {
    /// `runs` in order of their start, each with the state it was found in; at most `jobs` at once. With `fail_fast`
    /// the first failure stops the others.
    pub fn new(runs: impl IntoIterator<Item = (TrialKey, Phase)>, jobs: usize, fail_fast: bool) -> Self {
        let (order, states, priorities) = (vec![], BTreeMap::new(), BTreeMap::new());
        let (jobs, settled) = (jobs.max(1), BTreeSet::new());
        let mut queue = Self { order, states, priorities, jobs, fail_fast, halted: false, settled };
        for (key, state) in runs {
            queue.add(key, state);
        }
        queue
    }

    /// Another run, behind those of its priority; one that is known stays as it is.
    pub fn add(&mut self, key: TrialKey, state: Phase) {
        if !self.states.contains_key(&key) {
            self.order.push(key.clone());
            self.states.insert(key, state);
        }
    }

    /// What these runs came to was counted: no retry reaches them from here on.
    pub fn settle(&mut self, runs: impl IntoIterator<Item = TrialKey>) {
        self.settled.extend(runs);
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
            let queued = if free == 0 { vec![] } else { self.by_priority(&Phase::Queued) };
            for key in queued.into_iter().take(free) {
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
            Outcome::Stopped => self.set(key, wanted),
            Outcome::Busy => {
                self.set(key, wanted);
                self.put_last(key);
            }
            Outcome::Failed(reason) => {
                self.set(key, Phase::Failed(reason));
                if self.fail_fast {
                    return self.halt().actions;
                }
            }
        }
        vec![]
    }

    /// Start nothing more, and let every running worker checkpoint and stop.
    pub fn halt(&mut self) -> Done {
        self.halted = true;
        self.stop_those(&Target::Grid)
    }

    /// Start nothing more; what runs goes on to its end.
    pub fn drain(&mut self) -> Done {
        self.halted = true;
        Done { runs: self.occupied(), actions: vec![] }
    }

    /// Whether nothing runs and nothing will.
    pub fn is_over(&self) -> bool {
        let waits = |state: &Phase| *state == Phase::Queued && !self.halted;
        self.occupied() == 0 && !self.states.values().any(|s| waits(s) || *s == Phase::Paused && !self.halted)
    }

    /// Runs that wait stay waiting until resumed; runs that run checkpoint and stop.
    pub fn pause(&mut self, target: &Target) -> Done {
        self.change(target, |phase| match phase {
            Phase::Queued => Some(Phase::Paused),
            Phase::Running => Some(stopping(Phase::Paused)),
            Phase::Stopping(then) if **then == Phase::Queued => Some(stopping(Phase::Paused)),
            _ => None,
        })
    }

    /// Paused runs wait for a free place again.
    pub fn resume(&mut self, target: &Target) -> Done {
        self.change(target, |phase| match phase {
            Phase::Paused => Some(Phase::Queued),
            Phase::Stopping(then) if **then == Phase::Paused => Some(stopping(Phase::Queued)),
            _ => None,
        })
    }

    /// Gives runs up; what they have done so far stays.
    pub fn cancel(&mut self, target: &Target) -> Done {
        self.give_up(target, &Phase::Cancelled)
    }

    /// Gives runs up because their validation scores are hopeless.
    pub fn prune(&mut self, runs: &BTreeSet<TrialKey>) -> Done {
        self.give_up(&Target::Runs(runs.clone()), &Phase::Pruned)
    }

    fn give_up(&mut self, target: &Target, how: &Phase) -> Done {
        self.change(target, |phase| match phase {
            Phase::Queued | Phase::Paused => Some(how.clone()),
            Phase::Running => Some(stopping(how.clone())),
            Phase::Stopping(then) if **then != *how => Some(stopping(how.clone())),
            _ => None,
        })
    }

    /// Failed and cancelled runs wait for a free place again, and pruned ones that are named; none that is settled.
    pub fn retry(&mut self, target: &Target) -> Done {
        let settled = std::mem::take(&mut self.settled);
        let done = self.change_but(&settled, target, |phase| retried(phase, target));
        self.settled = settled;
        done
    }

    /// How many runs a retry would reach were they not settled.
    pub fn out_of_reach(&self, target: &Target) -> usize {
        let aimed = self.settled.iter().filter(|key| is_aimed(target, key));
        aimed.filter_map(|key| self.states.get(key)).filter(|phase| retried(phase, target).is_some()).count()
    }

    /// Changes the priority of runs that are not finished; which ones had another.
    pub fn prioritise(&mut self, runs: &BTreeSet<TrialKey>, priority: i32) -> Vec<TrialKey> {
        let changes = |key: &&TrialKey| {
            self.states.get(*key).is_some_and(|phase| *phase != Phase::Finished) && self.priority(key) != priority
        };
        let changed: Vec<TrialKey> = runs.iter().filter(changes).cloned().collect();
        self.priorities.extend(changed.iter().map(|key| (key.clone(), priority)));
        changed
    }

    /// The priority of a run.
    pub fn priority(&self, key: &TrialKey) -> i32 {
        self.priorities.get(key).copied().unwrap_or(0)
    }

    /// Changes how many may run at once; surplus workers checkpoint and wait at the next [`Queue::actions`].
    pub fn set_jobs(&mut self, jobs: usize) {
        self.jobs = jobs.max(1);
    }

    /// The last of those that run beyond the number of jobs go back to waiting.
    fn surplus(&mut self) -> Vec<Action> {
        let occupied = self.occupied();
        if occupied <= self.jobs {
            return vec![];
        }
        let running = self.by_priority(&Phase::Running);
        let surplus = running.len().saturating_sub(self.jobs);
        let last = running.into_iter().rev().take(surplus).collect();
        self.stop_those(&Target::Runs(last)).actions
    }

    /// The runs in a state, in the order in which they are to start.
    fn by_priority(&self, phase: &Phase) -> Vec<TrialKey> {
        let mut runs: Vec<TrialKey> = self.order.iter().filter(|key| self.states[*key] == *phase).cloned().collect();
        runs.sort_by_key(|key| Reverse(self.priority(key)));
        runs
    }

    fn stop_those(&mut self, target: &Target) -> Done {
        self.change(target, |phase| (*phase == Phase::Running).then(|| stopping(Phase::Queued)))
    }

    fn change(&mut self, target: &Target, next: impl Fn(&Phase) -> Option<Phase>) -> Done {
        self.change_but(&BTreeSet::new(), target, next)
    }

    fn change_but(
        &mut self,
        spared: &BTreeSet<TrialKey>,
        target: &Target,
        next: impl Fn(&Phase) -> Option<Phase>,
    ) -> Done {
        let mut done = Done::default();
        for key in self.order.iter().filter(|key| is_aimed(target, key) && !spared.contains(*key)) {
            let Some(phase) = self.states.get_mut(key) else { continue };
            let Some(next) = next(phase) else { continue };
            if *phase == Phase::Running {
                done.actions.push(Action::Stop(key.clone()));
            }
            *phase = next;
            done.runs += 1;
        }
        done
    }

    /// Behind all others of its priority: one that others hold must not keep the first place.
    fn put_last(&mut self, key: &TrialKey) {
        if let Some(place) = self.order.iter().position(|other| other == key) {
            let key = self.order.remove(place);
            self.order.push(key);
        }
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

fn is_aimed(target: &Target, key: &TrialKey) -> bool {
    match target {
        Target::Grid => true,
        Target::Runs(keys) => keys.contains(key),
    }
}

/// The state in which a retry leaves a run; `None` where it changes nothing.
fn retried(phase: &Phase, target: &Target) -> Option<Phase> {
    let named = matches!(target, Target::Runs(_));
    let given_up = |phase: &Phase| *phase == Phase::Cancelled || named && *phase == Phase::Pruned;
    match phase {
        Phase::Failed(_) => Some(Phase::Queued),
        Phase::Stopping(then) if given_up(then) => Some(stopping(Phase::Queued)),
        phase if given_up(phase) => Some(Phase::Queued),
        _ => None,
    }
}

fn stopping(then: Phase) -> Phase {
    Phase::Stopping(Box::new(then))
}
