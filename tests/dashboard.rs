//! The dashboard of the real binary in a real terminal.

use std::fs;
use std::path::Path;
use std::process::Command as Process;
use std::thread;
use std::time::{Duration, Instant};

use mmtl_grid::events::{Ending, GridState, Happened, RunStatus};
use mmtl_grid::store::{Command, Store};

use crate::program::{Program, SMALL};
use crate::terminal::Terminal;

/// Two architectures × two seeds that train until they are told to stop.
fn endless() -> String {
    SMALL.replace("epochs = 2", "epochs = 100000\npatience = 0")
}

#[test]
fn a_grid_is_watched_steered_left_and_found_again() {
    let program = Program::new();
    program.write("small.toml", &endless());
    let mut terminal = Terminal::new(40, 120);
    let before = terminal.modes();
    let mut child = terminal.start(&program.command(&["run", "small.toml", "--jobs", "1", "--threads", "1"]));
    terminal.wait_for("1 Grid");
    terminal.wait_for("1 running");
    let taken = (terminal.modes().0, [true, true, true]);
    terminal.wait_for_modes(&taken);
    assert_ne!(taken.0, before.0, "keys come one by one");
    let grid = Grid::of(&program);
    let store = &grid.0;

    // Every view.
    for (key, title) in [
        ("2", "4 of 4 runs listed"),
        ("3", "Curves: train loss"),
        ("4", "Run 1 of 4: shared-bottom"),
        ("5", "Table"),
        ("6", "Machine"),
        ("1", "Grid: MSE of task1, validation"),
    ] {
        terminal.press(key);
        terminal.wait(title, |screen| screen.lines().nth(1).is_some_and(|line| line.contains(title)));
    }

    // A filter.
    terminal.press("2");
    terminal.press("/seed:2");
    terminal.wait_for("filter: seed:2");
    terminal.press("\r");
    terminal.wait("only seed 2", |screen| screen.contains("2 of 4 runs"));
    terminal.press("\x1b");
    terminal.wait_for("4 of 4 runs");

    // Pause, resume.
    terminal.press("g");
    terminal.press("p");
    until(store, "paused", |state| count(state, |status| *status == RunStatus::Paused) == 1);
    terminal.wait_for("1 paused");
    terminal.press("r");
    until(store, "resumed", |state| count(state, |status| *status == RunStatus::Paused) == 0);

    // Cancel one, which asks; then retry it.
    terminal.press("G");
    terminal.press("c");
    terminal.wait_for("Cancel 1 run?");
    terminal.press("y");
    until(store, "cancelled", |state| count(state, |status| *status == RunStatus::Cancelled) == 1);
    terminal.wait_for("1 cancelled");
    terminal.press("R");
    until(store, "retried", |state| count(state, |status| *status == RunStatus::Cancelled) == 0);

    // A smaller terminal, then a larger one.
    terminal.resize(24, 80);
    terminal.wait("the small screen", |screen| screen.lines().count() <= 24 && screen.contains("q: quit"));
    terminal.resize(50, 160);
    terminal.wait_for("q: quit");

    // Leave it running: the terminal is as it was, the grid goes on.
    terminal.press("q");
    terminal.wait_for("The grid still runs.");
    terminal.press("\r");
    assert!(child.wait().unwrap().success());
    terminal.wait_for("the grid runs on; `mmtl watch results/small` shows it again");
    terminal.wait_for_modes(&before);
    assert!(store.scheduler().unwrap().is_some());

    // Played back while it runs, no key reaches it.
    let mut child = terminal.start(&program.command(&["watch", "results/small", "--replay"]));
    terminal.wait_for("replay ×20");
    terminal.press("P");
    terminal.wait_for("a replay steers nothing");
    terminal.press("q");
    assert!(child.wait().unwrap().success());
    terminal.wait_for_modes(&before);
    assert_eq!(count(&folded(store), |status| *status == RunStatus::Paused), 0);

    // Attach again, and stop it.
    let mut child = terminal.start(&program.command(&["watch", "results/small"]));
    terminal.wait_for("1 running");
    terminal.press("q");
    terminal.wait_for("The grid still runs.");
    terminal.press("s");
    assert!(child.wait().unwrap().success());
    terminal.wait_for_modes(&before);
    until(store, "stopped", |state| state.ending == Some(Ending::Stopped));
    assert!(store.runs().unwrap().iter().all(|run| !run.is_finished()));

    // Test scores may be seen from now on, though no scheduler is there to hear of it.
    assert_eq!(folded(store).revealed, None);
    assert_eq!(program.run(&["ctl", "results/small", "reveal-test"]).code, 0);
    assert!(folded(store).revealed.is_some());
}

#[test]
fn signals_and_the_shells_stop_give_the_terminal_back() {
    let program = Program::new();
    program.write("small.toml", SMALL);
    assert_eq!(program.grid("small.toml", &[]).code, 0);
    let mut terminal = Terminal::new(30, 100);
    let before = terminal.modes();
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let mut child = terminal.start(&program.command(&["watch"]));
        terminal.wait_for("4 of 4 done");
        kill(signal, child.process_id().unwrap());
        assert_eq!(child.wait().unwrap().exit_code(), code, "{signal}");
        terminal.wait_for_modes(&before);
    }
    let mut child = terminal.start(&program.command(&["watch"]));
    terminal.wait_for("4 of 4 done");
    terminal.press("\x1a");
    let pid = child.process_id().unwrap();
    wait("stopped", || stat(pid) == "T");
    terminal.wait_for_modes(&before);
    kill("CONT", pid);
    wait("awake", || terminal.modes().1[0]);
    terminal.wait_for("4 of 4 done");
    terminal.press("q");
    assert!(child.wait().unwrap().success());
    terminal.wait_for_modes(&before);
}

#[test]
fn a_grid_is_played_back_and_looks_as_it_did() {
    let program = Program::new();
    program.write("small.toml", SMALL);
    assert_eq!(program.grid("small.toml", &[]).code, 0);
    let mut watching = [&["watch"][..], &["watch", "--replay", "--speed", "100000"]].map(|args| {
        let mut terminal = Terminal::new(40, 120);
        let child = terminal.start(&program.command(args));
        terminal.press("2");
        terminal.wait("its end", |screen| screen.contains("4 of 4 done") && screen.contains("4 of 4 runs"));
        (terminal, child)
    });
    // The last line says of a replay that it is one.
    let shown = |terminal: &Terminal| terminal.text().lines().take(39).map(str::to_owned).collect::<Vec<_>>();
    // Frames come in pieces, and scores after the runs that have them.
    wait("the same screens", || shown(&watching[0].0) == shown(&watching[1].0));
    for (terminal, child) in &mut watching {
        terminal.press("q");
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn a_terminal_that_closes_leaves_the_grid_running_and_no_view() {
    let program = Program::new();
    program.write("small.toml", &endless());
    let terminal = Terminal::new(30, 100);
    let mut child = terminal.start(&program.command(&["run", "small.toml", "--jobs", "1", "--threads", "1"]));
    let store = Grid::of(&program);
    terminal.wait_for("1 running");
    drop(terminal);
    assert_eq!(child.wait().unwrap().exit_code(), 129);
    assert!(store.0.scheduler().unwrap().is_some());
}

#[test]
fn without_a_terminal_there_is_a_sentence() {
    let program = Program::new();
    program.write("small.toml", SMALL);
    assert_eq!(program.grid("small.toml", &[]).code, 0);
    let piped = program.run(&["watch", "results/small"]);
    assert!(piped.code == 2 && piped.err.contains("a dashboard needs a terminal"), "{piped:?}");
    let none = program.run(&["watch", "results/other"]);
    assert!(none.code == 2 && none.err.contains("is not a folder of results"), "{none:?}");
    fs::remove_dir_all(program.path("results")).unwrap();
    let nothing = program.run(&["watch"]);
    assert!(nothing.code == 2 && nothing.err.contains("no grid lies below `results`"), "{nothing:?}");
}

#[test]
fn a_terminal_that_places_no_letters_gets_the_sentence_too() {
    let program = Program::new();
    program.write("small.toml", SMALL);
    assert_eq!(program.grid("small.toml", &[]).code, 0);
    for term in ["", "dumb"] {
        let terminal = Terminal::new(30, 100);
        let mut command = program.command(&["watch", "results/small"]);
        let mut child = terminal.start(command.env("TERM", term));
        terminal.wait_for("a dashboard needs a terminal that places letters");
        assert_eq!(child.wait().unwrap().exit_code(), 2);
        assert_eq!(terminal.modes().1, [false; 3]);
    }
}

fn folded(store: &Store) -> GridState {
    let mut state = GridState::default();
    let read = store.grid_lines().poll_each(|line| {
        if let Some(line) = line.into_value() {
            state.apply(Happened::Grid(line));
        }
    });
    read.unwrap();
    state
}

fn count(state: &GridState, is: impl Fn(&RunStatus) -> bool) -> usize {
    state.runs().filter(|run| is(&run.status)).count()
}

fn until(store: &Store, what: &str, is_so: impl Fn(&GridState) -> bool) {
    wait(what, || is_so(&folded(store)));
}

/// A grid that runs, and is stopped when a test is done with it or fails.
struct Grid(Store);

impl Grid {
    fn of(program: &Program) -> Self {
        let root = program.path("results/small");
        wait("a scheduler", || {
            Store::open(&root).is_ok_and(|store| store.scheduler().is_ok_and(|held| held.is_some()))
        });
        Self(Store::open(&root).unwrap())
    }
}

impl Drop for Grid {
    fn drop(&mut self) {
        // One that is gone needs no order.
        let _ = self.0.inbox().send(&Command::Stop);
        while self.0.scheduler().is_ok_and(|held| held.is_some()) {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn wait(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what}: never");
        thread::sleep(Duration::from_millis(20));
    }
}

fn kill(signal: &str, pid: u32) {
    let killed = Process::new("kill").args(["-s", signal, &pid.to_string()]).status().unwrap();
    assert!(killed.success());
}

/// The state of a process, as `T` for a stopped one.
fn stat(pid: u32) -> String {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().next().unwrap().to_owned()
}
