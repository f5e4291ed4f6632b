//! One run in full.

use mmtl_dash::{Chosen, Effect, Event, Input, Role, State, Ui};
use mmtl_grid::events::{GridEvent, GridLine, Happened, RunStatus};
use mmtl_grid::store::FormatVersion;
use mmtl_grid::{Row, TrialKey};
use mmtl_plan::Value;
use ratatui::crossterm::event::KeyCode;

use crate::fixture::{COLOURS, SIZES, at, done, find, press, screen, snapshots, text};
use crate::made;

fn key_of(state: &State, which: impl Fn(&mmtl_grid::events::RunState) -> bool) -> TrialKey {
    state.grid().runs().find(|run| which(run)).expect("there is one").key.clone()
}

fn looking(state: &mut State, key: TrialKey) -> Ui {
    let mut ui = Ui::new(COLOURS);
    ui.choose(Chosen { focus: Some(key), ..Chosen::default() });
    press(&mut ui, state, "4");
    ui
}

#[test]
fn a_run_is_told_in_full() {
    snapshots("run", &mut done(), "4<right><right><right><right>");
}

#[test]
fn a_running_one_tells_how_far_it_is() {
    for (width, height) in SIZES {
        let mut state = at(0.62);
        let key = key_of(&state, |run| matches!(run.status, RunStatus::Running { .. }));
        let mut ui = looking(&mut state, key);
        let buffer = screen(&state, &mut ui, (width, height));
        insta::assert_snapshot!(format!("run_running_{width}x{height}"), text(&buffer));
    }
}

#[test]
fn a_failed_one_says_why() {
    let mut state = done();
    let key = key_of(&state, |run| matches!(run.status, RunStatus::Failed { .. }));
    let mut ui = looking(&mut state, key);
    let buffer = screen(&state, &mut ui, (120, 40));
    let (x, y) = find(&buffer, "fit `all`: the loss of task").expect("the reason");
    assert_eq!(Some(buffer[(x, y)].fg), COLOURS.style(Role::Failed).fg);
    assert!(find(&buffer, "✗ failed").is_some());
    // The ablation sets two keys.
    assert!(find(&buffer, "≠ train.lr").is_some() && find(&buffer, "≠ train.optimiser").is_some(), "{}", text(&buffer));
}

#[test]
fn the_baselines_run_of_the_same_seed_is_followed_too() {
    let mut state = done();
    let key = key_of(&state, |run| run.architecture == "mmoe" && run.seed == 2);
    let baseline = key_of(&state, |run| run.rows[0].baseline && run.seed == 2);
    let mut ui = Ui::new(COLOURS);
    ui.choose(Chosen { focus: Some(key.clone()), ..Chosen::default() });
    let effects = ui.input(&Input::Key(KeyCode::Char('4').into()), &state);
    assert_eq!(effects, [Effect::Follow([key.clone(), baseline.clone()].into())]);
    // Until it is read, nothing is compared.
    state.apply(Event::Configuration(key, mmtl_dash::flat("a = 1\nb = 2")));
    assert!(find(&screen(&state, &mut ui, (200, 60)), "the baseline's is not known yet").is_some());
    state.apply(Event::Configuration(baseline.clone(), mmtl_dash::flat("a = 1\nb = 3")));
    let shown = text(&screen(&state, &mut ui, (200, 60)));
    assert!(shown.contains("≠ b ") && !shown.contains("≠ a "), "{shown}");
    ui.choose(Chosen { focus: Some(baseline), ..Chosen::default() });
    assert!(find(&screen(&state, &mut ui, (200, 60)), "this run is the baseline").is_some());
}

#[test]
fn of_two_baselines_the_nearer_one_is_followed() {
    let mut state = State::default();
    let planned = |(number, (architecture, protocol, baseline)): (usize, (&str, &str, bool))| {
        let values = vec![("protocol".to_owned(), Value::Text(protocol.to_owned()))];
        let (architecture, protocol) = (architecture.to_owned(), protocol.to_owned());
        let row = Row { architecture: architecture.clone(), values, ablation: None, baseline, tuning: false };
        let (key, rows, status) = (made::key(number), vec![row], RunStatus::Queued);
        GridEvent::Planned { key, architecture, protocol, seed: 1, rows, status }
    };
    let rows = [("shared-bottom", "joint", true), ("shared-bottom", "per-scene", true), ("mmoe", "per-scene", false)];
    for (seq, event) in (1..).zip(rows.into_iter().enumerate().map(planned)) {
        let line = GridLine { v: FormatVersion(2), attempt: 1, seq, at: 1_000 + seq, event };
        state.apply(Event::Happened(Happened::Grid(line)));
    }
    let mut ui = Ui::new(COLOURS);
    ui.choose(Chosen { focus: Some(made::key(2)), ..Chosen::default() });
    let effects = ui.input(&Input::Key(KeyCode::Char('4').into()), &state);
    assert_eq!(effects, [Effect::Follow([made::key(1), made::key(2)].into())]);
}

#[test]
fn metrics_fits_and_runs_are_gone_through() {
    let mut state = done();
    let key = key_of(&state, |run| run.fits.len() == 7);
    let mut ui = looking(&mut state, key.clone());
    let shown = text(&screen(&state, &mut ui, (120, 40)));
    assert!(shown.contains("recommended auc ↑") && shown.contains("rating mse ↓"), "{shown}");
    press(&mut ui, &mut state, "m");
    assert!(find(&screen(&state, &mut ui, (120, 40)), "rating rmse ↓").is_some());
    press(&mut ui, &mut state, "f");
    assert!(find(&screen(&state, &mut ui, (120, 40)), "▸ all/Bottoms").is_some());
    press(&mut ui, &mut state, "<right>");
    assert_ne!(ui.chosen().focus, Some(key.clone()));
    press(&mut ui, &mut state, "<left>");
    assert_eq!(ui.chosen().focus, Some(key));
    for _ in 0..40 {
        press(&mut ui, &mut state, "<right>");
    }
    assert_eq!(ui.chosen().focus, Some(key_of(&state, |run| run.rows[0].ablation.is_some() && run.seed == 2)));
}

#[test]
fn a_small_screen_scrolls_to_the_end_and_back() {
    let mut state = done();
    let key = key_of(&state, |run| run.fits.len() == 7);
    let mut ui = looking(&mut state, key);
    let top = text(&screen(&state, &mut ui, (80, 24)));
    press(&mut ui, &mut state, "G");
    let bottom = text(&screen(&state, &mut ui, (80, 24)));
    assert!(
        top.contains("✓ finished") && !top.contains("it said nothing yet") && bottom.contains("it said nothing yet"),
        "{bottom}"
    );
    press(&mut ui, &mut state, "<down><down>");
    assert_eq!(text(&screen(&state, &mut ui, (80, 24))), bottom);
    press(&mut ui, &mut state, "g<up>");
    assert_eq!(text(&screen(&state, &mut ui, (80, 24))), top);
}

#[test]
fn what_its_worker_printed_is_in_its_log() {
    let mut state = done();
    let key = key_of(&state, |run| run.fits.len() == 1);
    state.apply(Event::Printed(Some(key.clone()), vec!["a library \u{1b}[31mwarns".into()]));
    let mut ui = looking(&mut state, key);
    press(&mut ui, &mut state, "G");
    let shown = text(&screen(&state, &mut ui, (80, 24)));
    assert!(shown.contains("| a library ?[31mwarns"), "{shown}");
}

#[test]
fn the_configuration_is_copied_as_toml() {
    let mut state = done();
    let key = key_of(&state, |run| run.architecture == "ple");
    let mut ui = looking(&mut state, key.clone());
    let effects = press(&mut ui, &mut state, "y");
    let [Effect::Copy(copied)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(Some(&mmtl_dash::flat(copied)), state.configuration(&key));
}

#[test]
fn a_run_that_makes_no_sense_and_none_at_all_say_so() {
    let mut state = done();
    let key = key_of(&state, |run| matches!(run.status, RunStatus::NotApplicable { .. }));
    let mut ui = looking(&mut state, key);
    let shown = text(&screen(&state, &mut ui, (120, 40)));
    assert!(shown.contains("star shares one centre") && shown.contains("none: it is never run"), "{shown}");
    let mut nothing = State::default();
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, &mut nothing, "4");
    assert!(find(&screen(&nothing, &mut ui, (80, 24)), "no run is chosen").is_some());
}
