//! The fold over recorded and over arbitrary events.

use mmtl_metrics::{Metric, Reason, Score, Scored};
use proptest::prelude::*;

use super::*;
use crate::key::TrialKey;
use crate::store::{Line, LineReader, LineWriter};
use crate::trial::Row;

fn key(number: usize) -> TrialKey {
    format!("{number:016x}").parse().unwrap()
}

/// A grid's story, told in order.
#[derive(Default)]
struct Story {
    state: GridState,
    grid: (u32, u64),
    runs: std::collections::BTreeMap<TrialKey, (u32, u64)>,
    at: u64,
}

impl Story {
    fn new(jobs: usize, runs: usize) -> Self {
        let mut story = Self::default();
        story.open(jobs);
        (0..runs).for_each(|run| story.plan(run, RunStatus::Queued));
        story
    }

    fn open(&mut self, jobs: usize) {
        self.grid = (self.grid.0 + 1, 0);
        let event = GridEvent::Opened { experiment: "e".into(), host: "h".into(), pid: 1, jobs, trials: 0 };
        self.grid(event);
    }

    fn plan(&mut self, run: usize, status: RunStatus) {
        let row = Row { architecture: "mmoe".into(), values: vec![], ablation: None, baseline: false, tuning: false };
        let (architecture, protocol) = ("mmoe".to_owned(), "joint".to_owned());
        self.grid(GridEvent::Planned { key: key(run), architecture, protocol, seed: 1, rows: vec![row], status });
    }

    fn grid(&mut self, event: GridEvent) {
        self.grid.1 += 1;
        let line = Stamped { v: VERSION, attempt: self.grid.0, seq: self.grid.1, at: self.at, event };
        self.state.apply(Happened::Grid(line));
    }

    fn to(&mut self, run: usize, status: RunStatus) {
        self.grid(GridEvent::Moved { key: key(run), status });
    }

    fn start(&mut self, run: usize, fits: &[&str]) {
        self.to(run, RunStatus::Running { host: "h".into(), pid: 7 });
        let stamp = self.runs.entry(key(run)).or_default();
        *stamp = (stamp.0 + 1, 0);
        let fits = fits.iter().map(ToString::to_string).collect();
        self.tell(run, RunEvent::Started { host: "h".into(), pid: 7, threads: 1, fits });
    }

    fn tell(&mut self, run: usize, event: RunEvent) {
        let stamp = self.runs.entry(key(run)).or_default();
        stamp.1 += 1;
        let line = Stamped { v: VERSION, attempt: stamp.0, seq: stamp.1, at: self.at, event };
        self.state.apply(Happened::Run(key(run), line));
    }

    fn progress(&mut self, run: usize, fit: usize, step: u64) {
        self.tell(run, progress(fit, step));
    }

    fn run(&self, run: usize) -> &RunState {
        self.state.run(&key(run)).unwrap()
    }
}

pub(super) fn progress(fit: usize, step: u64) -> RunEvent {
    RunEvent::Progress { fit, step, steps: 100, epochs: 0.5, rows_per_second: 1000.0, losses: vec![Some(0.5), None] }
}

pub(super) fn evaluated(fit: usize, step: u64, score: f64, best: bool) -> RunEvent {
    let scored = Scored { positives: Some(4), negatives: Some(5), ..Scored::over(Score::Value(score), 9) };
    let scores = vec![ValidScore { task: "click".into(), scene: Some("home".into()), metric: Metric::Auc, scored }];
    let (epochs, losses) = (1.0, vec![None]);
    RunEvent::Evaluated(Evaluated { fit, step, epochs, score: Score::Value(score), best, losses, scores })
}

fn score_of(evaluated: Option<&Evaluated>) -> Option<f64> {
    evaluated?.score.value()
}

#[test]
fn a_grid_is_done_once_all_its_runs_are_told_of() {
    let mut story = Story::default();
    let event = GridEvent::Opened { experiment: "e".into(), host: "h".into(), pid: 1, jobs: 1, trials: 2 };
    story.grid = (1, 0);
    story.grid(event);
    story.plan(0, RunStatus::Finished);
    assert!(!story.state.is_done() && !story.state.shows_test(), "another run is to be told of");
    story.plan(1, RunStatus::Finished);
    assert!(story.state.is_done() && story.state.shows_test());
}

#[test]
fn runs_are_counted_by_state() {
    let mut story = Story::new(2, 8);
    story.start(0, &["all"]);
    story.to(1, RunStatus::Paused);
    story.to(2, RunStatus::Finished);
    story.to(3, RunStatus::Failed { reason: "loss".into() });
    story.to(4, RunStatus::Cancelled);
    story.to(5, RunStatus::NotApplicable { reason: "star".into() });
    story.to(6, RunStatus::Pruned);
    let (cancelled, pruned, not_applicable) = (1, 1, 1);
    let expected =
        Counts { queued: 1, running: 1, paused: 1, finished: 1, failed: 1, cancelled, pruned, not_applicable };
    assert_eq!(story.state.counts(), expected);
    story.progress(0, 0, 10);
    assert_eq!(story.state.rows_per_second(), 1000.0);
    story.to(0, RunStatus::Finished);
    assert_eq!(story.state.rows_per_second(), 0.0);
    story.grid(GridEvent::Jobs { jobs: 5 });
    story.grid(GridEvent::Closed { ending: Ending::Done });
    assert_eq!((story.state.jobs, story.state.ending), (5, Some(Ending::Done)));
}

#[test]
fn what_lies_past_the_checkpoint_is_superseded() {
    let mut story = Story::new(1, 1);
    story.start(0, &["a", "b"]);
    story.tell(0, evaluated(0, 10, 0.5, true));
    story.tell(0, RunEvent::Checkpointed { fit: 0, step: 10 });
    story.tell(0, evaluated(0, 20, 0.75, true));
    story.tell(0, evaluated(0, 30, 0.625, false));
    story.progress(0, 0, 40);
    let fit = |story: &Story| story.run(0).fits[0].clone();
    assert_eq!((score_of(fit(&story).latest()), score_of(fit(&story).best())), (Some(0.625), Some(0.75)));
    story.start(0, &["a", "b"]);
    story.tell(0, RunEvent::Resumed { fit: 0, step: 10 });
    let resumed = fit(&story);
    assert_eq!((score_of(resumed.latest()), score_of(resumed.best())), (Some(0.5), Some(0.5)));
    assert_eq!((resumed.step, resumed.checkpoint), (10, Some(10)));
    story.tell(0, evaluated(0, 20, 0.75, true));
    assert_eq!(score_of(fit(&story).best()), Some(0.75));
    assert_eq!(story.run(0).attempt, 2);
}

fn insight(fit: usize, step: u64, weight: f32) -> RunEvent {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let weights = vec![vec![vec![Some(weight), None]]];
    let (name, gates, experts) = ("gate".to_owned(), names(&["click"]), names(&["0", "1"]));
    let gates = vec![GateWeights { name, gates, experts, weights, dead: vec![0] }];
    let cosines = Some(Cosines { objectives: names(&["click", "buy"]), matrix: vec![vec![Some(1.0), None]; 2] });
    RunEvent::Insight(Insight { fit, step, scenes: names(&["home"]), gates, cosines })
}

#[test]
fn what_was_seen_past_the_checkpoint_is_superseded() {
    let mut story = Story::new(1, 1);
    story.start(0, &["a", "b"]);
    story.tell(0, insight(0, 10, 0.5));
    story.tell(0, insight(0, 20, 0.25));
    let seen = |story: &Story, fit: usize| story.run(0).fits[fit].insight.as_ref().map(|insight| insight.step);
    assert_eq!(seen(&story, 0), Some(20), "the latest");
    for (checkpoint, expected) in [(20, Some(20)), (19, None)] {
        story.start(0, &["a", "b"]);
        story.tell(0, RunEvent::Resumed { fit: 0, step: checkpoint });
        assert_eq!(seen(&story, 0), expected, "resumed at {checkpoint}");
    }
    story.tell(0, insight(0, 20, 0.25));
    assert_eq!(seen(&story, 0), Some(20), "told again");
    story.tell(0, insight(1, 5, 0.25));
    assert_eq!([0, 1].map(|fit| seen(&story, fit)), [Some(20), Some(5)]);
    assert_eq!(story.run(0).fit, 1);
    story.start(0, &["a", "b"]);
    story.tell(0, insight(1, 3, 0.25));
    assert_eq!(seen(&story, 1), Some(3), "begun anew");
}

#[test]
fn a_fit_that_does_not_resume_begins_anew_and_others_stand() {
    let mut story = Story::new(1, 1);
    story.start(0, &["a", "b"]);
    story.tell(0, evaluated(0, 50, 0.5, true));
    story.tell(0, RunEvent::Fitted { fit: 0, best_step: 50 });
    story.tell(0, evaluated(1, 20, 0.75, true));
    story.start(0, &["a", "b"]);
    story.tell(0, RunEvent::Stage { name: "opening the data".into() });
    assert_eq!(story.run(0).stage.as_deref(), Some("opening the data"));
    story.progress(0, 1, 5);
    let run = story.run(0);
    assert_eq!(run.stage, None);
    assert_eq!(score_of(run.fits[1].best()), None);
    assert_eq!((score_of(run.fits[0].best()), run.fits[0].fraction()), (Some(0.5), 1.0));
    assert_eq!(run.fraction(), 0.525);
}

#[test]
fn late_and_repeated_events_change_nothing() {
    let mut story = Story::new(1, 1);
    story.start(0, &["a"]);
    story.start(0, &["a"]);
    story.progress(0, 0, 30);
    let before = story.state.clone();
    for (attempt, seq) in [(1, 99), (2, 1), (2, 2)] {
        let line = Stamped { v: VERSION, attempt, seq, at: 999, event: progress(0, 80) };
        story.state.apply(Happened::Run(key(0), line));
    }
    let event = GridEvent::Moved { key: key(0), status: RunStatus::Cancelled };
    story.state.apply(Happened::Grid(Stamped { v: VERSION, attempt: 1, seq: 2, at: 999, event }));
    assert_eq!(story.state, before);
}

#[test]
fn a_new_scheduler_plans_the_grid_anew() {
    let mut story = Story::new(1, 3);
    story.open(1);
    story.plan(2, RunStatus::Finished);
    story.plan(0, RunStatus::Queued);
    let keys: Vec<_> = story.state.runs().map(|run| run.key.clone()).collect();
    assert_eq!(keys, [key(0), key(2)]);
    assert!(story.state.run(&key(1)).is_some());
}

fn failures(state: &GridState) -> Vec<&str> {
    let errors = state.log.iter().filter(|(_, key, level, _)| *level == Level::Error && key.is_some());
    errors.map(|(.., text)| text.as_str()).collect()
}

#[test]
fn a_failure_is_said_once_whoever_tells_it() {
    let failed = |reason: &str| RunStatus::Failed { reason: reason.to_owned() };
    let told = |reason: &str| RunEvent::Failed { reason: reason.to_owned() };
    let mut story = Story::new(2, 3);
    // A worker that was killed cannot tell.
    story.start(0, &["all"]);
    story.to(0, failed("the worker died"));
    assert_eq!(failures(&story.state), ["the worker died"]);
    // The next attempt fails as well.
    story.start(0, &["all"]);
    story.to(0, failed("the worker died"));
    assert_eq!(failures(&story.state), ["the worker died"; 2]);
    // The worker is heard first, then the scheduler.
    story.start(1, &["all"]);
    story.tell(1, told("no memory"));
    story.to(1, failed("no memory"));
    assert_eq!(failures(&story.state).iter().filter(|text| **text == "no memory").count(), 1);
    // The other way round.
    story.start(2, &["all"]);
    story.to(2, failed("no rows"));
    story.tell(2, told("no rows"));
    assert_eq!(failures(&story.state).iter().filter(|text| **text == "no rows").count(), 1);
}

#[test]
fn runs_are_abandoned_until_a_scheduler_takes_them_up() {
    let mut story = Story::new(2, 3);
    story.start(0, &["all"]);
    story.start(1, &["all"]);
    story.progress(0, 0, 10);
    story.progress(1, 0, 10);
    // A run that does not run cannot be abandoned.
    story.state.abandon(&[key(1), key(2)].into());
    let words = |story: &Story| [0, 1, 2].map(|run| story.run(run).word());
    assert_eq!(words(&story), ["running", "abandoned", "queued"]);
    assert_eq!(story.state.rows_per_second(), 1000.0, "nobody is at the other one");
    story.state.abandon(&[].into());
    assert_eq!(words(&story), ["running", "running", "queued"]);
    story.state.abandon(&[key(0), key(1)].into());
    story.open(2);
    story.plan(0, RunStatus::Queued);
    story.start(1, &["all"]);
    assert_eq!(words(&story)[..2], ["queued", "running"]);
}

#[test]
fn priorities_and_revealed_scores_outlast_schedulers() {
    let mut story = Story::new(1, 2);
    story.grid(GridEvent::Priority { key: key(1), priority: 3 });
    assert_eq!((story.run(0).priority, story.run(1).priority, story.state.revealed), (0, 3, None));
    for at in [5, 9] {
        story.at = at;
        story.grid(GridEvent::Revealed);
    }
    story.open(1);
    story.plan(0, RunStatus::Queued);
    story.plan(1, RunStatus::Queued);
    assert_eq!((story.run(1).priority, story.state.revealed), (3, Some(5)));
    story.grid(GridEvent::Priority { key: key(1), priority: -1 });
    assert_eq!(story.run(1).priority, -1);
}

#[test]
fn the_time_left_follows_from_what_is_known() {
    let mut story = Story::new(2, 4);
    assert_eq!(story.state.time_left(), None);
    story.at = 1_000;
    story.start(0, &["a"]);
    story.start(1, &["a"]);
    story.at = 2_000;
    story.progress(0, 0, 1);
    assert_eq!(story.state.time_left(), None, "a hundredth of a run tells nothing");
    story.at = 11_000;
    story.progress(0, 0, 50);
    story.progress(1, 0, 25);
    // 20 and 40 s a run, 30 on average: 10 + 30 left of these, 2 x 30 of those that wait, on 2 places.
    assert_eq!(story.state.time_left(), Some(50_000));
    story.to(2, RunStatus::Cancelled);
    story.to(3, RunStatus::Cancelled);
    assert_eq!(story.state.time_left(), Some(30_000), "no shorter than the longest run");
    story.at = 21_000;
    story.tell(0, RunEvent::Finished);
    story.to(0, RunStatus::Finished);
    story.to(1, RunStatus::Queued);
    assert_eq!(story.state.time_left(), Some(20_000));
    story.to(1, RunStatus::Paused);
    assert_eq!(story.state.time_left(), None, "nobody knows when it is resumed");
    story.to(1, RunStatus::Finished);
    assert_eq!(story.state.time_left(), Some(0));
}

#[test]
fn runs_that_tuning_has_yet_to_choose_take_time() {
    let mut story = Story::new(2, 2);
    let ahead = |runs: &[(&str, usize)]| GridEvent::Ahead {
        runs: runs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
    };
    story.grid(ahead(&[("mmoe", 3), ("star", 1)]));
    assert_eq!((story.state.ahead(), story.state.total()), (4, 6));
    for run in [0, 1] {
        story.start(run, &["a"]);
        story.at += 10_000;
        story.tell(run, RunEvent::Finished);
        story.to(run, RunStatus::Finished);
    }
    assert_eq!(story.state.time_left(), Some(20_000), "four of ten seconds on two places");
    story.plan(2, RunStatus::Queued);
    story.grid(ahead(&[("star", 1)]));
    assert_eq!((story.state.total(), story.state.time_left()), (4, Some(10_000)));
    story.open(2);
    assert_eq!(story.state.ahead(), 0, "a new scheduler tells anew");
}

#[test]
fn the_time_left_does_not_grow_with_what_was_compiled() {
    let mut story = Story::new(1, 1);
    story.start(0, &["a"]);
    for at in [2_000, 7_000] {
        story.at = at;
        story.tell(0, RunEvent::Stage { name: "compiling kernels 12 of 31 (gate)".into() });
    }
    story.at = 17_000;
    story.progress(0, 0, 50);
    // Seven seconds of seventeen went by before kernels were ready: half of the run took ten.
    assert_eq!(story.state.time_left(), Some(10_000));
    story.start(0, &["a"]);
    story.tell(0, RunEvent::Resumed { fit: 0, step: 50 });
    story.at = 20_000;
    story.tell(0, RunEvent::Stage { name: "31 kernels compiled".into() });
    story.at = 25_000;
    story.progress(0, 0, 75);
    assert_eq!(story.state.time_left(), Some(5_000), "a quarter, of which three took 10 and 5 s");
}

#[test]
fn what_was_said_is_kept_within_bounds() {
    let mut story = Story::new(1, 1);
    story.start(0, &["a"]);
    story.tell(0, RunEvent::Failed { reason: "the loss of `click` is not finite at step 3".into() });
    for line in 0..5_000 {
        story.grid(GridEvent::Log { level: Level::Info, text: line.to_string() });
    }
    assert!((1_000..=2_000).contains(&story.state.log.len()));
    assert_eq!(story.state.log.last().map(|(_, _, _, text)| text.as_str()), Some("4999"));
}

fn any_score() -> impl Strategy<Value = Score> {
    prop_oneof![(-1e9..1e9f64).prop_map(Score::Value), Just(Score::Undefined(Reason::SingleClass))]
}

fn any_index() -> impl Strategy<Value = usize> {
    prop_oneof![0..3usize, any::<usize>()]
}

fn any_step() -> impl Strategy<Value = u64> {
    prop_oneof![0..5u64, any::<u64>()]
}

fn any_run_event() -> impl Strategy<Value = RunEvent> {
    let text = any::<String>;
    prop_oneof![
        (text(), any::<u32>(), proptest::collection::vec(text(), 0..4))
            .prop_map(|(host, pid, fits)| RunEvent::Started { host, pid, threads: 2, fits }),
        text().prop_map(|name| RunEvent::Stage { name }),
        (any_index(), any_step()).prop_map(|(fit, step)| RunEvent::Resumed { fit, step }),
        (any_index(), any_step(), any_step(), -1e9..1e9f64).prop_map(|(fit, step, steps, rate)| RunEvent::Progress {
            fit,
            step,
            steps,
            epochs: rate,
            rows_per_second: rate,
            losses: vec![Some(rate), None],
        }),
        (any_index(), any_step(), any_score(), any::<bool>()).prop_map(|(fit, step, score, best)| {
            let scored = Scored { weight: 0.5, negatives: Some(3), ..Scored::over(score, 1) };
            let scores = vec![ValidScore { task: "t".into(), scene: None, metric: Metric::LogLoss, scored }];
            RunEvent::Evaluated(Evaluated { fit, step, epochs: 0.1, score, best, losses: vec![], scores })
        }),
        (any_index(), any_step(), 0..=10_000u16).prop_map(|(fit, step, share)| insight(
            fit,
            step,
            f32::from(share) / 1e4
        )),
        (any_index(), any_step()).prop_map(|(fit, step)| RunEvent::Checkpointed { fit, step }),
        (any_index(), any_step()).prop_map(|(fit, best_step)| RunEvent::Fitted { fit, best_step }),
        text().prop_map(|text| RunEvent::Log { level: Level::Warning, text }),
        Just(RunEvent::Stopped),
        Just(RunEvent::Finished),
        text().prop_map(|reason| RunEvent::Failed { reason }),
    ]
}

fn any_status() -> impl Strategy<Value = RunStatus> {
    prop_oneof![
        Just(RunStatus::Queued),
        Just(RunStatus::Running { host: "h".into(), pid: 3 }),
        Just(RunStatus::Paused),
        Just(RunStatus::Finished),
        any::<String>().prop_map(|reason| RunStatus::Failed { reason }),
        Just(RunStatus::Cancelled),
        Just(RunStatus::Pruned),
        any::<String>().prop_map(|reason| RunStatus::NotApplicable { reason }),
    ]
}

fn any_grid_event() -> impl Strategy<Value = GridEvent> {
    let row =
        Row { architecture: "a".into(), values: vec![], ablation: Some("x".into()), baseline: true, tuning: false };
    prop_oneof![
        (any::<String>(), any::<usize>()).prop_map(|(experiment, jobs)| GridEvent::Opened {
            experiment,
            host: String::new(),
            pid: 0,
            jobs,
            trials: jobs,
        }),
        (0..3usize, any_status()).prop_map(move |(run, status)| GridEvent::Planned {
            key: key(run),
            architecture: "a".into(),
            protocol: "joint".into(),
            seed: u64::MAX,
            rows: vec![row.clone()],
            status,
        }),
        (0..4usize, any_status()).prop_map(|(run, status)| GridEvent::Moved { key: key(run), status }),
        any::<usize>().prop_map(|jobs| GridEvent::Jobs { jobs }),
        (0..4usize, any::<i32>()).prop_map(|(run, priority)| GridEvent::Priority { key: key(run), priority }),
        Just(GridEvent::Revealed),
        any::<String>().prop_map(|text| GridEvent::Log { level: Level::Error, text }),
        Just(GridEvent::Closed { ending: Ending::FailedFast }),
    ]
}

fn stamped<E: std::fmt::Debug>(event: impl Strategy<Value = E>) -> impl Strategy<Value = Stamped<E>> {
    let stamp = |(attempt, seq, at, event)| Stamped { v: VERSION, attempt, seq, at, event };
    (0..4u32, any_step(), any_step(), event).prop_map(stamp)
}

fn any_happened() -> impl Strategy<Value = Happened> {
    prop_oneof![
        stamped(any_grid_event()).prop_map(Happened::Grid),
        (0..4usize, stamped(any_run_event())).prop_map(|(run, line)| Happened::Run(key(run), line)),
    ]
}

proptest! {
    #[test]
    fn any_events_in_any_order_are_folded(story in proptest::collection::vec(any_happened(), 0..60)) {
        let mut state = GridState::default();
        for happened in &story {
            state.apply(happened.clone());
            let mut counted = Counts::default();
            state.runs().for_each(|run| *counted.of(&run.status) += 1);
            prop_assert_eq!(state.counts(), counted);
            prop_assert_eq!(counted.all(), state.runs().count());
            let is_running = |run: &&RunState| matches!(run.status, RunStatus::Running { .. });
            prop_assert!(state.running().eq(state.runs().filter(is_running)));
            let _ = (state.time_left(), state.rows_per_second());
            prop_assert!(state.runs().all(|run| (0.0..=1.0).contains(&run.fraction())));
        }
        let before = state.clone();
        if let Some(again) = story.last() {
            state.apply(again.clone());
        }
        prop_assert_eq!(state, before);
    }

    #[test]
    fn lines_come_back(grid in stamped(any_grid_event()), run in stamped(any_run_event())) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        LineWriter::open(&path("grid.jsonl")).unwrap().append(&grid).unwrap();
        LineWriter::open(&path("events.jsonl")).unwrap().append(&run).unwrap();
        prop_assert_eq!(LineReader::<GridLine>::new(&path("grid.jsonl")).poll().unwrap(), vec![Line::Value(grid)]);
        prop_assert_eq!(LineReader::<RunLine>::new(&path("events.jsonl")).poll().unwrap(), vec![Line::Value(run)]);
    }
}
