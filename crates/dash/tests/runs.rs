//! The list of runs.

use mmtl_dash::{Effect, Event, Input, Role, Tab, Ui};
use mmtl_grid::events::{Happened, RunEvent, RunLine, RunStatus};
use mmtl_grid::store::FormatVersion;
use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::style::Modifier;

use crate::fixture::{COLOURS, at, done, find, press, screen, snapshots, text};
use crate::made::{Made, finished, growing, key};

fn shown(state: &mut mmtl_dash::State, keys: &str, size: (u16, u16)) -> String {
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, state, keys);
    text(&screen(state, &mut ui, size))
}

#[test]
fn runs_are_listed_with_what_they_do() {
    snapshots("runs_midway", &mut at(0.55), "2");
    snapshots("runs_done", &mut done(), "2");
}

#[test]
fn failed_runs_say_why_in_their_line() {
    let (mut state, mut ui) = (done(), Ui::new(COLOURS));
    press(&mut ui, &mut state, "2");
    let buffer = screen(&state, &mut ui, (200, 60));
    let (x, y) = find(&buffer, "✗ failed").expect("two failed");
    assert_eq!(buffer[(x, y)].fg, COLOURS.style(Role::Failed).fg.expect("it has a colour"));
    let line = text(&buffer).lines().nth(usize::from(y)).expect("it is there").to_owned();
    assert!(line.contains("fit `all`: the loss of task `rating` is not finite"), "{line}");
    // Where the line has no room, the one below the list tells it of the run under the cursor.
    let shown = shown(&mut state, "2G", (80, 24));
    assert!(shown.contains("seed 2: failed: fit `all`: the loss"), "{shown}");
}

#[test]
fn a_filter_lists_what_fits_and_escape_lists_all() {
    snapshots("runs_filtered", &mut done(), "2/arch:mmoe state:failed,finished<enter>");
    let (mut state, mut ui) = (done(), Ui::new(COLOURS));
    press(&mut ui, &mut state, "2/state:failed<enter>");
    assert!(text(&screen(&state, &mut ui, (120, 40))).contains("2 of 18 runs listed, filter: state:failed"));
    // What is under the cursor is a run that is seen.
    let focus = ui.chosen().focus.clone().expect("the first of those listed");
    assert!(matches!(state.run(&focus).expect("it is known").status, RunStatus::Failed { .. }));
    press(&mut ui, &mut state, "<esc>");
    assert!(text(&screen(&state, &mut ui, (120, 40))).contains("18 of 18 runs listed"));
}

#[test]
fn a_filter_that_makes_no_sense_lists_nothing_and_is_not_taken() {
    snapshots("runs_mistaken", &mut done(), "2/ach:ple<enter>");
    let (mut state, mut ui) = (done(), Ui::new(COLOURS));
    assert_eq!(press(&mut ui, &mut state, "2/stat:failed<enter>Ac<enter>"), [], "it is still typed");
    let shown = text(&screen(&state, &mut ui, (80, 24)));
    assert!(shown.contains("0 of 18 runs listed") && shown.contains("filter: stat:failedAc"), "{shown}");
    assert!(shown.contains("no column is called `stat`, did you mean `state`?"), "{shown}");
    assert!(shown.contains("attempt, priority"), "the whole of it: {shown}");
    // What held before comes back, and what makes sense is taken.
    press(&mut ui, &mut state, "<esc>");
    assert!(text(&screen(&state, &mut ui, (80, 24))).contains("18 of 18 runs listed"));
    press(&mut ui, &mut state, "/stat:failed<enter><left><left><left><left><left><left><left>e<enter>A");
    assert_eq!(ui.chosen().marked.len(), 2);
}

#[test]
fn a_filter_that_is_left_half_typed_marks_nothing() {
    let (mut state, mut ui) = (done(), Ui::new(COLOURS));
    press(&mut ui, &mut state, "2/stat:failed");
    let kind = MouseEventKind::Down(MouseButton::Left);
    let click = MouseEvent { kind, column: 40, row: 10, modifiers: KeyModifiers::NONE };
    ui.input(&Input::Mouse(click), &state);
    press(&mut ui, &mut state, "A");
    assert!(ui.chosen().marked.is_empty());
}

#[test]
fn a_filter_that_nothing_fits_says_how_to_go_on() {
    let shown = shown(&mut done(), "2/arch:nothing<enter>", (80, 24));
    assert!(shown.contains("0 of 18 runs listed"), "{shown}");
    assert!(shown.contains("No run fits `arch:nothing`: Esc lists all, / changes the filter."), "{shown}");
}

#[test]
fn marks_are_counted_and_those_not_listed_too() {
    let (mut state, mut ui) = (done(), Ui::new(COLOURS));
    press(&mut ui, &mut state, "2<space><space>/arch:mmoe<enter>A");
    let shown = text(&screen(&state, &mut ui, (120, 40)));
    assert!(shown.contains("runs listed, 8 marked (2 not listed)"), "{shown}");
    assert_eq!(shown.matches('●').count(), 6, "{shown}");
    press(&mut ui, &mut state, "U");
    assert!(ui.chosen().marked.is_empty());
    press(&mut ui, &mut state, "<space><esc><esc>");
    assert!(ui.chosen().marked.is_empty() && !text(&screen(&state, &mut ui, (80, 24))).contains("marked"));
}

#[test]
fn the_cursor_stays_on_its_run_when_the_order_changes() {
    let made = Made { architectures: &["a", "b", "c"], seeds: 2, scenes: &["x"], status: &finished, auc: &growing };
    let (mut state, mut ui) = (made.state(), Ui::new(COLOURS));
    press(&mut ui, &mut state, "2jj");
    assert_eq!(ui.chosen().focus, Some(key(2)));
    let order = |ui: &mut Ui, state: &mmtl_dash::State| {
        let shown = text(&screen(state, ui, (160, 20)));
        let lines = shown.lines().filter(|line| line.contains("✓ finished"));
        lines.map(|line| line.chars().skip(14).find(char::is_ascii_lowercase).expect("a name")).collect::<String>()
    };
    assert_eq!(order(&mut ui, &state), "aabbcc");
    press(&mut ui, &mut state, "S");
    assert_eq!(order(&mut ui, &state), "ccbbaa");
    assert_eq!(ui.chosen().focus, Some(key(2)));
    let buffer = screen(&state, &mut ui, (160, 20));
    let y = (0..20).find(|y| buffer[(5, *y)].modifier.contains(Modifier::REVERSED)).expect("the cursor's line");
    assert!(text(&buffer).lines().nth(usize::from(y)).expect("it is there").contains(" b "));
    // By state all are equal, by architecture they are not.
    press(&mut ui, &mut state, "Sss");
    assert!(text(&screen(&state, &mut ui, (160, 20))).contains("by architecture"));
    press(&mut ui, &mut state, "S");
    assert_eq!(order(&mut ui, &state), "ccbbaa");
}

#[test]
fn a_click_on_a_head_sorts_by_it_and_a_second_one_turns_it_around() {
    let made = Made { architectures: &["a", "b"], seeds: 1, scenes: &["x"], status: &finished, auc: &growing };
    let (state, mut ui) = (made.state(), Ui::new(COLOURS));
    let click = |ui: &mut Ui, wanted: &str| {
        let (column, row) = find(&screen(&state, ui, (160, 20)), wanted).expect(wanted);
        let kind = MouseEventKind::Down(MouseButton::Left);
        ui.input(&Input::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }), &state);
        text(&screen(&state, ui, (160, 20)))
    };
    ui.act(&mmtl_dash::Action::Show(Tab::Runs), &state);
    let first = |shown: &str| {
        let line = shown.lines().find(|line| line.contains("✓ finished")).expect("two are");
        line.contains(" a ")
    };
    // The best first.
    let shown = click(&mut ui, "score tries");
    assert!(shown.contains("by score downwards") && !first(&shown), "{shown}");
    let shown = click(&mut ui, "score tries");
    assert!(shown.contains("by score upwards") && first(&shown), "{shown}");
}

#[test]
fn what_a_worker_does_stands_in_place_of_the_bar() {
    let status = |_: usize, _: u64| RunStatus::Running { host: "vm".into(), pid: 7 };
    let made = Made { architectures: &["ple"], seeds: 1, scenes: &["x"], status: &status, auc: &growing };
    let mut state = made.state();
    let before = shown(&mut state, "2", (120, 20));
    assert!(before.contains("40 %") && before.contains("50,000") && before.contains("40/100"), "{before}");
    // Three seconds for 40 of 100 steps.
    assert!(before.contains("3 s"), "{before}");
    let event = RunEvent::Stage { name: "compiling kernels 12 of 31".into() };
    let line = RunLine { v: FormatVersion(2), attempt: 1, seq: 9, at: 6_000, event };
    state.apply(Event::Happened(Happened::Run(key(0), line)));
    let staged = shown(&mut state, "2", (120, 20));
    assert!(staged.contains("compiling kernels 12 of 31") && !staged.contains("40 %"), "{staged}");
}

#[test]
fn listed_runs_are_copied_with_all_columns() {
    let made = Made { architectures: &["a", "b"], seeds: 2, scenes: &["x"], status: &finished, auc: &growing };
    let effects = press(&mut Ui::new(COLOURS), &mut made.state(), "2/arch=b seed:2<enter>y");
    let [Effect::Copy(copied)] = effects.as_slice() else { panic!("{effects:?}") };
    let lines: Vec<Vec<&str>> = copied.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].len(), 14);
    let score = "0.6120";
    let expected = [
        "finished",
        "b",
        "joint",
        "width=16",
        "2",
        "100 %",
        "2.0",
        "40/100",
        "50,000",
        "",
        score,
        "1",
        "0",
        "0000000000000003",
    ];
    assert_eq!(lines[1], expected);
}

#[test]
fn enter_opens_the_run() {
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, &mut at(0.5), "2j<enter>");
    assert_eq!(ui.tab(), Tab::Run);
}

#[test]
fn ten_thousand_runs_are_listed_filtered_and_sorted() {
    let names: Vec<String> = (0..2000).map(|row| format!("row{row}")).collect();
    let architectures: Vec<&str> = names.iter().map(String::as_str).collect();
    let made = Made { architectures: &architectures, seeds: 5, scenes: &["a"], status: &finished, auc: &growing };
    let mut state = made.state();
    assert!(shown(&mut state, "2", (80, 24)).contains("10000 of 10000 runs listed"));
    let last = shown(&mut state, "2G", (120, 40));
    assert!(last.contains("row1999"), "{last}");
    let filtered = shown(&mut state, "2/arch=row17 seed:2..4<enter>", (120, 40));
    assert!(filtered.contains("3 of 10000 runs listed"), "{filtered}");
}

#[test]
fn long_and_wide_names_keep_columns_in_place() {
    let long = "an architecture whose name has some sixty characters or more";
    let architectures = [long, "混合专家网络与场景门控", "ple"];
    let made = Made { architectures: &architectures, seeds: 1, scenes: &["x"], status: &finished, auc: &growing };
    snapshots("runs_names", &mut made.state(), "2");
}

#[test]
fn before_anything_is_planned_it_says_what_to_do() {
    let shown = shown(&mut mmtl_dash::State::default(), "2", (80, 24));
    assert!(shown.contains("No run is planned yet: `mmtl run EXPERIMENT.toml`"), "{shown}");
}
