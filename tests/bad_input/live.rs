//! Grids that live: runs that fail, signals, and commands.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mmtl_grid::events::{GridState, Happened, RunEvent, RunStatus};
use mmtl_grid::store::Store;
use mmtl_grid::{TrialKey, read_grid};
use rustix::process::{Pid, Signal, kill_process};

use crate::bad_input::{changed, is_refused};
use crate::program::{Finished, Program};

/// Only a grid that hangs takes as long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A grid whose second of two runs never ends by itself.
const ENDLESS: [(&str, &str); 3] = [
    ("\"shared-bottom\", ", ""),
    ("epochs = 2", "patience = 0"),
    ("seed = [1, 2]", "\"train.epochs\" = [1, 100000]\nseed = [1]"),
];

/// A followed grid; its scheduler is ended with it.
struct Live {
    program: Program,
    follower: Option<Child>,
}

impl Live {
    fn start(program: Program, jobs: &str) -> Self {
        let mut live = Self { program, follower: None };
        live.follower = Some(live.follow(jobs));
        live.until("a scheduler", |live| live.scheduler().is_some());
        live
    }

    /// `mmtl run`, which starts the grid, or follows the one that runs.
    fn follow(&self, jobs: &str) -> Child {
        let mut command = self.program.command(&["run", "--plain", "--jobs", jobs, "--threads", "1", "small.toml"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn store(&self) -> Option<Store> {
        Store::open(&self.program.path("results/small")).ok()
    }

    fn scheduler(&self) -> Option<u32> {
        self.store().and_then(|store| store.scheduler().unwrap()).map(|grant| grant.holder.pid)
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < PATIENCE, "waited in vain for {what}: {:?}", self.statuses());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn statuses(&self) -> Vec<(TrialKey, RunStatus)> {
        self.state().runs().map(|run| (run.key.clone(), run.status.clone())).collect()
    }

    /// What the scheduler has told.
    fn state(&self) -> GridState {
        let mut state = GridState::default();
        let Some(store) = self.store() else { return state };
        let take = |line: mmtl_grid::store::Line<_>| {
            if let Some(line) = line.into_value() {
                state.apply(Happened::Grid(line));
            }
        };
        store.grid_lines().poll_each(take).unwrap();
        state
    }

    fn count(&self, status: &str) -> usize {
        self.statuses().iter().filter(|(_, found)| found.name() == status).count()
    }

    /// The run that never ends.
    fn endless(&self) -> TrialKey {
        let runs = read_grid(&self.store().unwrap()).unwrap().runs;
        runs.into_iter().find(|run| run.rows[0].to_string().contains("100000")).unwrap().key
    }

    fn status(&self, key: &TrialKey) -> &'static str {
        self.statuses().iter().find(|(known, _)| known == key).map_or("unknown", |(_, status)| status.name())
    }

    fn events(&self, key: &TrialKey) -> Vec<RunEvent> {
        let run = self.store().unwrap().run(key);
        let mut events = vec![];
        if run.events_file().exists() {
            run.events().poll_each(|line| events.extend(line.into_value().map(|line| line.event))).unwrap();
        }
        events
    }

    /// The steps of the checkpoints written, and of those gone on from.
    fn checkpoints(&self, key: &TrialKey) -> (Vec<u64>, Vec<u64>) {
        let (mut written, mut resumed) = (vec![], vec![]);
        for event in self.events(key) {
            match event {
                RunEvent::Checkpointed { step, .. } => written.push(step),
                RunEvent::Resumed { step, .. } => resumed.push(step),
                _ => {}
            }
        }
        (written, resumed)
    }

    /// Waits until the first run is finished and the endless one has trained since it was last started.
    fn until_half_done(&self, endless: &TrialKey) {
        self.until("the short run to finish", |live| live.count("finished") == 1);
        self.until_trained(endless);
    }

    fn until_trained(&self, key: &TrialKey) {
        self.until("an evaluation", |live| {
            let events = live.events(key);
            let stopped = events.iter().rposition(|event| matches!(event, RunEvent::Stopped));
            let since = &events[stopped.map_or(0, |last| last + 1)..];
            live.status(key) == "running" && since.iter().any(|event| matches!(event, RunEvent::Evaluated(_)))
        });
    }

    fn ctl(&self, order: &[&str]) {
        let done = self.program.run(&[&["ctl", "results/small"], order].concat());
        assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (0, "", ""), "{order:?}");
    }

    fn ended(&mut self) -> Finished {
        let finished = Finished::from(self.follower.take().unwrap().wait_with_output().unwrap());
        assert_eq!(self.scheduler(), None, "the scheduler outlived its grid");
        finished
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.program.run(&["ctl", "results/small", "stop"]);
        if let Some(mut follower) = self.follower.take() {
            let _ = follower.kill();
            let _ = follower.wait();
        }
        let began = Instant::now();
        while self.scheduler().is_some() && began.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// Two runs, of which the first, with a learning rate out of all proportion, cannot stay finite.
fn diverging() -> Program {
    changed(&[
        ("\"shared-bottom\", ", ""),
        ("epochs = 2", "epochs = 2\noptimiser = \"sgd\""),
        ("seed = [1, 2]", "\"train.lr\" = [1e3, 1e-3]\nseed = [1]"),
    ])
}

#[test]
fn a_loss_that_is_not_finite_fails_its_run_and_the_grid_goes_on() {
    let program = diverging();
    let done = program.grid("small.toml", &["--jobs", "1"]);
    assert_eq!(done.code, 1, "{done:?}");
    // Which step is the first may differ between instruction sets.
    let line = done.out.lines().find(|line| line.starts_with("failed ")).unwrap();
    assert!(line.contains("fit `all`: the loss of task `task") && line.contains("` is not finite at step "), "{line}");
    for part in ["failed    star lr=1000.0 seed 1", "finished  star lr=0.001 seed 1", "2 runs finished, 1 failed"] {
        assert!(done.out.contains(part), "`{part}` is not in: {}", done.out);
    }
    assert!(done.err.contains("1 run failed; `mmtl run --retry-failed` runs it again"), "{}", done.err);
    // It is not tried again unasked.
    let again = program.grid("small.toml", &[]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.out.contains("1 finished before, 1 failed before") && !again.out.contains("finished  "), "{again:?}");
    let retried = program.grid("small.toml", &["--retry-failed"]);
    assert_eq!(retried.code, 1, "{retried:?}");
    assert!(retried.out.contains("failed    star lr=1000.0 seed 1"), "{retried:?}");
}

#[test]
fn fail_fast_ends_the_grid_at_the_first_failure() {
    let done = diverging().grid("small.toml", &["--jobs", "1", "--fail-fast"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("0 of 2 runs finished, 1 failed, 1 unfinished"), "{}", done.out);
}

#[test]
fn ctrl_c_checkpoints_and_the_next_run_goes_on() {
    let mut live = Live::start(changed(&ENDLESS), "1");
    let endless = live.endless();
    let mut last = 0;
    for round in 0..3 {
        if round > 0 {
            live.follower = Some(live.follow("1"));
        }
        live.until_half_done(&endless);
        signal(live.follower.as_ref().unwrap().id(), Signal::INT);
        let done = live.ended();
        assert_eq!(done.code, 130, "{done:?}");
        assert!(done.out.contains("1 of 2 runs finished, 1 unfinished"), "{done:?}");
        assert!(done.err.contains("the next `mmtl run` of small goes on from here"), "{done:?}");
        let (written, resumed) = live.checkpoints(&endless);
        assert_eq!(resumed.len(), round, "each start after the first goes on");
        assert_eq!(resumed.last().copied().unwrap_or(0), last, "it goes on from where it was stopped");
        assert!(*written.last().unwrap() > last, "round {round} came no further than {last}");
        last = *written.last().unwrap();
    }
}

#[test]
fn a_second_ctrl_c_leaves_the_runs_to_their_checkpoints() {
    let mut live = Live::start(changed(&ENDLESS), "1");
    let endless = live.endless();
    live.until_half_done(&endless);
    let (scheduler, mut follower) = (live.scheduler().unwrap(), live.follower.take().unwrap());
    // One that takes its time.
    signal(scheduler, Signal::STOP);
    signal(follower.id(), Signal::INT);
    let mut out = BufReader::new(follower.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("stopping: runs checkpoint first") {
        said.clear();
        assert!(out.read_line(&mut said).unwrap() > 0, "it ended before it was asked to");
    }
    signal(follower.id(), Signal::INT);
    let left = Finished::from(follower.wait_with_output().unwrap());
    assert_eq!(left.code, 130, "{left:?}");
    assert!(left.err.contains("left: what runs still checkpoints and stops"), "{left:?}");
    signal(scheduler, Signal::CONT);
    live.until("the scheduler to stop", |live| live.scheduler().is_none());
    assert!(matches!(live.events(&endless).last(), Some(RunEvent::Stopped)));
}

#[test]
fn a_checkpoint_that_cannot_be_used_is_set_aside() {
    let mut live = Live::start(changed(&ENDLESS), "1");
    let endless = live.endless();
    live.until_half_done(&endless);
    signal(live.follower.as_ref().unwrap().id(), Signal::INT);
    assert_eq!(live.ended().code, 130);
    let folder = live.program.path("results/small").join(endless.to_string());
    std::fs::write(folder.join("checkpoint-0.safetensors"), "garbled").unwrap();
    live.follower = Some(live.follow("1"));
    live.until_half_done(&endless);
    signal(live.follower.as_ref().unwrap().id(), Signal::INT);
    assert_eq!(live.ended().code, 130);
    let stages = |event: RunEvent| matches!(event, RunEvent::Stage { name } if name.starts_with("starting anew ("));
    assert!(live.events(&endless).into_iter().any(stages));
    assert!(live.checkpoints(&endless).1.is_empty(), "nothing is gone on with");
    assert_eq!(std::fs::read_to_string(folder.join("checkpoint-0.unusable")).unwrap(), "garbled");
}

#[test]
fn ctrl_c_is_heard_from_the_first_moment() {
    let mut live = Live::start(changed(&ENDLESS), "1");
    signal(live.follower.as_ref().unwrap().id(), Signal::INT);
    let done = live.ended();
    assert_eq!(done.code, 130, "{done:?}");
    assert!(done.out.contains("of 2 runs finished"), "{done:?}");
}

#[test]
fn a_terminated_scheduler_checkpoints_its_runs() {
    let mut live = Live::start(changed(&ENDLESS), "1");
    let endless = live.endless();
    live.until_half_done(&endless);
    signal(live.scheduler().unwrap(), Signal::TERM);
    let done = live.ended();
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("1 of 2 runs finished, 1 unfinished"), "{done:?}");
    let (written, resumed) = live.checkpoints(&endless);
    assert!(*written.last().unwrap() > 0 && resumed.is_empty());
    assert!(matches!(live.events(&endless).last(), Some(RunEvent::Stopped)));
}

#[test]
fn a_terminal_that_closes_leaves_the_grid_running() {
    let mut live = Live::start(changed(&ENDLESS), "1");
    let endless = live.endless();
    live.until_half_done(&endless);
    let follower = RefCell::new(live.follower.take().unwrap());
    signal(follower.borrow().id(), Signal::HUP);
    let failed = |_: &Live| follower.borrow_mut().try_wait().unwrap().is_some_and(|status| !status.success());
    live.until("the follower to end, which `nohup` keeps from it", failed);
    let told = live.events(&endless).len();
    live.until("further events", |live| live.events(&endless).len() > told + 3);
    assert_eq!(live.status(&endless), "running");
    live.follower = Some(live.follow("1"));
    live.ctl(&["stop"]);
    live.ended();
}

#[test]
fn a_second_run_follows_the_first() {
    let mut live = Live::start(changed(&ENDLESS), "1");
    let endless = live.endless();
    live.until_half_done(&endless);
    let mut second = live.follow("1");
    let mut said = String::new();
    BufReader::new(second.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "this grid is running already; following it\n");
    live.ctl(&["stop"]);
    let (first, second) = (live.ended(), Finished::from(second.wait_with_output().unwrap()));
    assert_eq!((first.code, second.code), (1, 1), "{first:?} {second:?}");
    assert!(first.err.contains("stopped with 1 unfinished; the next `mmtl run` of small goes on"), "{first:?}");
    let started = |event: &RunEvent| matches!(event, RunEvent::Started { .. });
    assert_eq!(live.events(&endless).iter().filter(|event| started(event)).count(), 1);
    let table = |done: &Finished| done.out[done.out.find("Validation scores").unwrap()..].to_owned();
    assert_eq!(table(&first), table(&second));
}

#[test]
fn the_same_file_on_another_engine_is_another_grid() {
    let mut live = Live::start(changed(&ENDLESS), "1");
    let endless = live.endless();
    live.until_half_done(&endless);
    let other = live.program.grid("small.toml", &["--engine", "reference"]);
    assert_eq!(other.code, 2, "{other:?}");
    assert!(other.err.contains("runs another version of this experiment"), "{other:?}");
    live.ctl(&["stop"]);
    live.ended();
}

#[test]
fn a_live_grid_is_steered() {
    let mut live = Live::start(changed(&ENDLESS), "1");
    let key = live.endless();
    live.until_half_done(&key);
    live.ctl(&["pause"]);
    live.until("the pause", |live| live.status(&key) == "paused");
    let paused = *live.checkpoints(&key).0.last().unwrap();
    live.ctl(&["resume", &key.as_str()[..6]]);
    live.until_trained(&key);
    assert_eq!(live.checkpoints(&key).1, [paused]);
    live.ctl(&["pause", key.as_str()]);
    live.until("the pause", |live| live.status(&key) == "paused");
    live.ctl(&["cancel", key.as_str()]);
    let done = live.ended();
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("1 of 2 runs finished, 1 cancelled"), "{done:?}");
    // A grid that has ended cannot be steered.
    let late = live.program.run(&["ctl", "results/small", "pause"]);
    is_refused(&late, "ctl", &["nothing runs in results/small; `mmtl run` starts or goes on with a grid"]);
    // What was cancelled stays so until it is asked for.
    let again = live.program.grid("small.toml", &[]);
    assert!(again.out.contains("1 of 2 runs finished, 1 cancelled"), "{again:?}");
}

#[test]
fn runs_are_pruned_and_ordered_and_the_grid_drained() {
    let mut live = Live::start(changed(&[("epochs = 2", "epochs = 100000\npatience = 0")]), "1");
    live.until("one run", |live| live.count("running") == 1);
    let keys: Vec<TrialKey> = live.statuses().into_iter().map(|(key, _)| key).collect();
    assert_eq!(live.status(&keys[0]), "running");
    live.ctl(&["priority", keys[1].as_str(), keys[3].as_str(), "-1"]);
    live.ctl(&["priority", keys[3].as_str(), "2"]);
    live.ctl(&["prune", keys[0].as_str(), keys[2].as_str()]);
    live.until("the pruning", |live| live.status(&keys[0]) == "pruned" && live.status(&keys[2]) == "pruned");
    live.until("the run of high priority", |live| live.status(&keys[3]) == "running");
    live.ctl(&["drain"]);
    live.ctl(&["prune", keys[0].as_str()]);
    live.ctl(&["cancel", keys[3].as_str()]);
    let done = live.ended();
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("0 of 4 runs finished, 1 cancelled, 2 pruned, 1 unfinished"), "{}", done.out);
    assert!(done.out.contains("Pruned for their validation scores (2 of 4 runs)"), "{}", done.out);
    let said = |what: &str| done.out.lines().any(|line| line.starts_with(what) && line.contains(", as asked by "));
    for what in
        ["gave 2 runs priority -1", "gave 1 run priority 2", "pruned 2 runs", "starting no more", "pruned 0 runs"]
    {
        assert!(said(what), "`{what}` is not in: {}", done.out);
    }
    assert_eq!(live.state().run(&keys[1]).unwrap().priority, -1);
    // The next scheduler leaves what was pruned alone and goes by the priorities given before.
    live.follower = Some(live.follow("1"));
    live.until("the run that is left", |live| live.scheduler().is_some() && live.status(&keys[1]) == "running");
    assert_eq!((live.count("pruned"), live.status(&keys[3])), (2, "cancelled"));
    live.ctl(&["retry"]);
    live.until("the cancelled run", |live| live.status(&keys[3]) == "queued");
    live.ctl(&["retry", keys[2].as_str()]);
    live.until("the pruned run", |live| live.status(&keys[2]) == "queued");
    live.ctl(&["stop"]);
    live.ended();
    assert_eq!((live.count("pruned"), live.count("queued")), (1, 3));
    let state = live.state();
    assert_eq!([0, 1, 2, 3].map(|run: usize| state.run(&keys[run]).unwrap().priority), [0, -1, 0, 2]);
}

#[test]
fn orders_that_make_no_sense_are_refused() {
    let live = Live::start(changed(&ENDLESS), "1");
    let key = live.endless();
    let order = |words: &[&str]| live.program.run(&[&["ctl", "results/small"], words].concat());
    is_refused(
        &order(&["priority", "3"]),
        "all",
        &["a priority of all runs would change nothing, expected some runs'"],
    );
    is_refused(&order(&["priority", key.as_str()]), "none", &["is no priority, expected runs' keys and then a whole"]);
    is_refused(&order(&["priority", "zz", "1"]), "zz", &["no run's key begins with `zz`"]);
    is_refused(&order(&["prune", "zz"]), "zz", &["no run's key begins with `zz`"]);
    let all = order(&["prune"]);
    assert!(all.code == 2 && all.err.contains("<KEYS>..."), "{all:?}");
}

#[test]
fn jobs_and_retry_of_a_live_grid() {
    let endless = [("epochs = 2", "epochs = 100000\npatience = 0")];
    let mut live = Live::start(changed(&endless), "1");
    live.until("one run", |live| live.count("running") == 1);
    live.ctl(&["jobs", "3"]);
    live.until("three runs", |live| live.count("running") == 3);
    live.ctl(&["jobs", "1"]);
    live.until("one run again", |live| live.count("running") == 1 && live.count("queued") == 3);
    let running = live.statuses().into_iter().find(|(_, status)| status.name() == "running").unwrap().0;
    live.ctl(&["cancel", running.as_str()]);
    live.until("its cancelling", |live| live.status(&running) == "cancelled" && live.count("running") == 1);
    live.ctl(&["retry", running.as_str()]);
    live.until("its retrying", |live| live.status(&running) == "queued");
    let unknown = live.program.run(&["ctl", "results/small", "pause", "zz"]);
    is_refused(&unknown, "ctl", &["no run's key begins with `zz`"]);
    live.ctl(&["stop"]);
    let done = live.ended();
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.err.contains("stopped with 4 unfinished; the next `mmtl run` of small goes on"), "{done:?}");
    assert!(done.out.contains("0 of 4 runs finished, 4 unfinished"), "{done:?}");
}
