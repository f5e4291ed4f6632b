//! What is around the views.

use std::collections::BTreeSet;

use mmtl_dash::{Effect, Event, Leave, Role, Scheduler, State, Ui};
use mmtl_grid::TrialKey;
use mmtl_grid::events::{GridEvent, GridLine, Happened, Level, RunStatus};
use mmtl_grid::store::{Command, FormatVersion, Target};
use ratatui::style::Modifier;

use crate::fixture::{COLOURS, at, done, find, press, screen, snapshots, text};
use crate::made::{Made, growing, key};

#[test]
fn the_keys_of_a_view_are_told() {
    snapshots("help_of_runs", &mut at(0.5), "2?");
}

#[test]
fn commands_are_found_by_their_words() {
    snapshots("palette", &mut at(0.5), ":grid");
    let mut state = at(0.5);
    let mut ui = Ui::new(COLOURS);
    let effects = press(&mut ui, &mut state, ":resume whole<enter>");
    assert_eq!(effects, [Effect::Send(Command::Resume(Target::Grid))]);
}

#[test]
fn quick_presses_count_from_what_was_asked_for() {
    let mut state = at(0.5);
    let jobs = state.grid().jobs;
    let effects = press(&mut Ui::new(COLOURS), &mut state, "+++-");
    assert_eq!(effects, [1, 2, 3, 2].map(|more| Effect::Send(Command::Jobs(jobs + more))));
    let asked = press(&mut Ui::new(COLOURS), &mut state, "2/state:running<enter>>><");
    let priorities = asked.into_iter().filter_map(|effect| match effect {
        Effect::Send(Command::Priority { priority, .. }) => Some(priority),
        _ => None,
    });
    assert_eq!(priorities.collect::<Vec<_>>(), [1, 2, 1]);
}

#[test]
fn leaving_a_grid_that_runs_asks_and_leaves_it_running_unless_told_otherwise() {
    for (keys, left) in [("q<enter>", Leave::Running), ("qa", Leave::AfterCurrent), ("qs", Leave::Stopped)] {
        let effects = press(&mut Ui::new(COLOURS), &mut at(0.5), keys);
        assert_eq!(effects, [Effect::Leave(left)], "{keys}");
    }
    assert_eq!(press(&mut Ui::new(COLOURS), &mut at(0.5), "qn"), []);
    assert_eq!(press(&mut Ui::new(COLOURS), &mut at(0.5), "q<esc>"), []);
    assert_eq!(press(&mut Ui::new(COLOURS), &mut done(), "q"), [Effect::Leave(Leave::Running)]);
}

#[test]
fn what_destroys_asks_first() {
    let mut state = at(0.5);
    let mut ui = Ui::new(COLOURS);
    assert_eq!(press(&mut ui, &mut state, "2/state:running<enter>c<enter>"), [], "no is where the cursor is");
    let effects = press(&mut ui, &mut state, "cy");
    assert!(matches!(effects.as_slice(), [Effect::Send(Command::Cancel(Target::Runs(runs)))] if runs.len() == 1));
    let effects = press(&mut ui, &mut state, "p");
    assert!(matches!(effects.as_slice(), [Effect::Send(Command::Pause(Target::Runs(runs)))] if runs.len() == 1));
    let mut ended = done();
    assert_eq!(press(&mut ui, &mut ended, "p"), []);
    let shown = text(&screen(&ended, &mut ui, (120, 40)));
    assert!(shown.contains("nothing runs here any more; `mmtl run` starts or goes on with a grid"), "{shown}");
}

#[test]
fn what_gives_runs_up_counts_those_that_have_not_ended() {
    let status = |row: usize, _: u64| match row {
        0 => RunStatus::Finished,
        1 => RunStatus::Queued,
        2 => RunStatus::Paused,
        3 => RunStatus::Running { host: "vm".into(), pid: 7 },
        _ => RunStatus::Failed { reason: "why".into() },
    };
    let made =
        Made { architectures: &["a", "b", "c", "d", "e"], seeds: 1, scenes: &["x"], status: &status, auc: &growing };
    let unfinished: BTreeSet<TrialKey> = [1, 2, 3].map(key).into();
    let commands = [
        ("c", "Cancel 3 of 5 runs?", Command::Cancel(Target::Runs(unfinished.clone()))),
        ("x", "Prune 3 of 5 runs?", Command::Prune(unfinished)),
    ];
    for (asks, question, command) in commands {
        let (mut state, mut ui) = (made.state(), Ui::new(COLOURS));
        press(&mut ui, &mut state, &format!("2A{asks}"));
        let shown = text(&screen(&state, &mut ui, (80, 24)));
        assert!(shown.contains(question), "{shown}");
        assert_eq!(press(&mut ui, &mut state, "y"), [Effect::Send(command)]);
        // All that are asked about need no other number.
        press(&mut ui, &mut state, &format!("Uj{asks}"));
        assert!(text(&screen(&state, &mut ui, (80, 24))).contains(" 1 run?"));
        press(&mut ui, &mut state, &format!("<esc>g{asks}"));
        let shown = text(&screen(&state, &mut ui, (80, 24)));
        assert!(shown.contains("1 run cannot be") && shown.contains("ended already"), "{shown}");
    }
}

#[test]
fn the_answer_under_the_cursor_is_seen_on_the_lowest_screen() {
    let answers = ["leave it running", "end it after the current runs", "stop it: runs checkpoint", "stay here"];
    for height in 3..=10 {
        for (down, answer) in answers.iter().enumerate() {
            let (mut state, mut ui) = (at(0.5), Ui::new(COLOURS));
            press(&mut ui, &mut state, &format!("q{}", "<down>".repeat(down)));
            let buffer = screen(&state, &mut ui, (80, height));
            let (x, y) = find(&buffer, answer).unwrap_or_else(|| panic!("{height}: {}", text(&buffer)));
            assert!(buffer[(x, y)].modifier.contains(Modifier::REVERSED), "{height}: {answer}");
            assert_eq!(height >= 4, find(&buffer, "The grid still runs.").is_some(), "{height}: {}", text(&buffer));
        }
    }
}

#[test]
fn a_long_question_leaves_room_for_its_answers() {
    let (mut state, mut ui) = (at(0.5), Ui::new(COLOURS));
    press(&mut ui, &mut state, "T");
    let shown = text(&screen(&state, &mut ui, (80, 6)));
    assert!(shown.contains("Show test scores") && shown.contains(" no ") && shown.contains("show them"), "{shown}");
}

/// The recorded grid in its midst, played back.
fn replayed() -> State {
    let mut state = at(0.5);
    state.apply(Event::Replay(20.0));
    state
}

#[test]
fn a_replay_steers_nothing_and_is_left_at_once() {
    let commands = [":resume whole", ":retry all", ":cancel whole", ":end the grid", ":stop the grid"];
    let commands = commands.map(|command| format!("{command}<enter>"));
    let keys = ["p", "r", "c", "x", "R", ">", "<", "+", "-", "P", "T"].map(str::to_owned);
    for keys in keys.into_iter().chain(commands) {
        let (mut state, mut ui) = (replayed(), Ui::new(COLOURS));
        assert_eq!(press(&mut ui, &mut state, &keys), [], "{keys}");
        let shown = text(&screen(&state, &mut ui, (80, 24)));
        assert!(shown.contains("a replay steers nothing"), "{keys}: {shown}");
        assert_eq!(press(&mut ui, &mut state, "y").len(), 1, "no question is open after {keys}");
    }
    assert_eq!(press(&mut Ui::new(COLOURS), &mut replayed(), "q"), [Effect::Leave(Leave::Running)]);
}

#[test]
fn a_replay_says_first_that_it_is_one() {
    let shown = text(&screen(&replayed(), &mut Ui::new(COLOURS), (80, 24)));
    let last = shown.lines().last().expect("a status line");
    assert!(last.starts_with(" replay ×20  "), "{last}");
}

#[test]
fn a_replay_knows_nothing_of_todays_scheduler() {
    let status = |state: &State| {
        let shown = text(&screen(state, &mut Ui::new(COLOURS), (120, 24)));
        shown.lines().last().expect("a status line").to_owned()
    };
    let mut midway = replayed();
    midway.apply(Event::Scheduler(Scheduler::Gone));
    let shown = status(&midway);
    assert!(shown.contains(" left") && !shown.contains("died"), "{shown}");
    let mut ended = at(1.0);
    ended.apply(Event::Replay(20.0));
    let shown = status(&ended);
    assert!(shown.contains("ended") && !shown.contains(" left"), "{shown}");
}

#[test]
fn notices_of_a_replay_last_by_the_clock_of_who_looks() {
    let (mut state, mut ui) = (replayed(), Ui::new(COLOURS));
    state.apply(Event::Wall(1_000));
    press(&mut ui, &mut state, "p");
    let mut shown = |wall| {
        state.apply(Event::Clock(state.now() + 600_000));
        state.apply(Event::Wall(wall));
        text(&screen(&state, &mut ui, (80, 24))).contains("a replay steers nothing")
    };
    assert_eq!([1_000, 4_999, 5_000].map(&mut shown), [true, true, false]);
}

#[test]
fn failures_of_a_replay_stay_as_long_as_others_do() {
    let mut state = at(1.0);
    state.apply(Event::Replay(20.0));
    let last = state.grid().log.iter().filter(|(_, _, level, _)| *level == Level::Error).map(|(at, ..)| *at).max();
    let last = last.expect("two runs failed");
    let mut shown = |after: u64| {
        state.apply(Event::Clock(last + after));
        find(&screen(&state, &mut Ui::new(COLOURS), (120, 40)), "failed: mmoe").is_some()
    };
    assert_eq!([159_999, 160_000].map(&mut shown), [true, false]);
}

#[test]
fn failures_come_up_and_go_away() {
    let mut state = at(0.0);
    let mut ui = Ui::new(COLOURS);
    let mut shown = 0;
    for (time, happened) in crate::fixture::recorded() {
        state.apply(mmtl_dash::Event::Clock(time));
        state.apply(mmtl_dash::Event::Happened(happened));
        shown += usize::from(find(&screen(&state, &mut ui, (120, 40)), "failed: mmoe").is_some());
    }
    assert!(shown > 0);
    state.apply(mmtl_dash::Event::Clock(state.now() + 8_001));
    assert_eq!(find(&screen(&state, &mut ui, (120, 40)), "failed: mmoe"), None);
}

#[test]
fn a_worker_that_was_killed_comes_up_as_a_failure_too() {
    let status = |_: usize, _: u64| RunStatus::Running { host: "vm".into(), pid: 7 };
    let made = Made { architectures: &["ple"], seeds: 1, scenes: &["x"], status: &status, auc: &growing };
    let mut state = made.state();
    let reason = "the worker died (signal: 9 (SIGKILL)); see worker.log".to_owned();
    let event = GridEvent::Moved { key: key(0), status: RunStatus::Failed { reason } };
    let line = GridLine { v: FormatVersion(2), attempt: 1, seq: 99, at: state.now(), event };
    state.apply(Event::Happened(Happened::Grid(line)));
    let shown = text(&screen(&state, &mut Ui::new(COLOURS), (120, 40)));
    assert!(shown.contains("failed: ple") && shown.contains("the worker died (signal: 9 (SIGKILL))"), "{shown}");
}

#[test]
fn why_nothing_goes_on_is_said_before_the_counts() {
    let states = [
        RunStatus::Finished,
        RunStatus::Running { host: "vm".into(), pid: 7 },
        RunStatus::Failed { reason: "why".into() },
        RunStatus::Queued,
        RunStatus::Paused,
        RunStatus::Cancelled,
        RunStatus::Pruned,
    ];
    let status = |row: usize, _: u64| states[row].clone();
    let architectures = ["a", "b", "c", "d", "e", "f", "g"];
    let made = Made { architectures: &architectures, seeds: 1, scenes: &["x"], status: &status, auc: &growing };
    let mut state = made.state();
    state.apply(Event::Scheduler(Scheduler::Gone));
    let shown = text(&screen(&state, &mut Ui::new(COLOURS), (80, 24)));
    let last = shown.lines().last().expect("a status line");
    assert!(last.starts_with(" its scheduler died; `mmtl run` goes on  1 of 7 done"), "{last}");
}

#[test]
fn a_grid_that_is_paused_as_a_whole_has_no_time_left() {
    let last = |other: RunStatus| {
        let status = |row: usize, _: u64| match row {
            0 => RunStatus::Finished,
            1 => other.clone(),
            _ => RunStatus::Paused,
        };
        let architectures = ["a", "b", "c"];
        let made = Made { architectures: &architectures, seeds: 1, scenes: &["x"], status: &status, auc: &growing };
        let shown = text(&screen(&made.state(), &mut Ui::new(COLOURS), (80, 24)));
        shown.lines().last().expect("a status line").to_owned()
    };
    let whole = last(RunStatus::Finished);
    assert!(whole.contains("1 paused  paused ") && !whole.contains("left"), "{whole}");
    for other in [RunStatus::Queued, RunStatus::Running { host: "vm".into(), pid: 7 }] {
        let shown = last(other);
        assert!(shown.contains("1 paused") && shown.contains(" left"), "{shown}");
    }
}

#[test]
fn runs_that_nobody_is_at_are_abandoned_in_every_view() {
    let status = |row: usize, _: u64| match row {
        0 => RunStatus::Finished,
        _ => RunStatus::Running { host: "vm".into(), pid: 7 },
    };
    let made = Made { architectures: &["star", "ple"], seeds: 1, scenes: &["x", "y"], status: &status, auc: &growing };
    let mut state = made.state();
    state.apply(Event::Scheduler(Scheduler::Gone));
    state.apply(Event::Abandoned([key(1)].into()));
    let mut shown = |keys: &str| {
        let mut ui = Ui::new(COLOURS);
        press(&mut ui, &mut state, keys);
        let buffer = screen(&state, &mut ui, (120, 30));
        if let Some((x, y)) = find(&buffer, "! abandoned") {
            assert_eq!(Some(buffer[(x, y)].fg), COLOURS.style(Role::Warning).fg);
        }
        text(&buffer)
    };
    let grid = shown("1");
    let status = grid.lines().last().expect("a status line");
    assert!(status.starts_with(" its scheduler died; `mmtl run` goes on  "), "{status}");
    assert!(status.contains(" 1 of 2 done  1 abandoned  "), "{status}");
    assert!(!grid.contains("running") && grid.contains('!') && !grid.contains('▶'), "{grid}");
    let runs = shown("2");
    assert!(runs.contains("! abandoned") && runs.contains("worker gone; `mmtl run` goes on"), "{runs}");
    assert!(shown("2/state:abandoned<enter>").contains("1 of 2 runs listed"));
    assert!(shown("2/state:running<enter>").contains("0 of 2 runs listed"));
    let run = shown("2G4");
    assert!(run.contains("! abandoned by process 7 on vm"), "{run}");
    assert!(run.contains("Nobody is at it: `mmtl run` goes on from its beginning."), "{run}");
    assert!(!run.contains("left") && !run.contains("so far"), "{run}");
    let machine = shown("6");
    assert!(machine.contains("no run runs now"), "{machine}");
    // Another scheduler takes them up.
    state.apply(Event::Abandoned([].into()));
    let mut ui = Ui::new(COLOURS);
    assert!(text(&screen(&state, &mut ui, (120, 30))).contains("1 running"));
}

#[test]
fn the_log_says_what_happened() {
    snapshots("log", &mut done(), "2L");
}
