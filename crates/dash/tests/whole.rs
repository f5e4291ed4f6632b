//! What is around the views.

use mmtl_dash::{Effect, Leave, Ui};
use mmtl_grid::store::{Command, Target};

use crate::fixture::{COLOURS, at, done, find, press, screen, snapshots, text};

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
    assert_eq!(press(&mut ui, &mut state, "2c<enter>"), [], "no is where the cursor is");
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
fn the_log_says_what_happened() {
    snapshots("log", &mut done(), "2L");
}
