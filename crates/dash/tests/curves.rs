//! Losses and scores over steps.

use mmtl_dash::{Chosen, Depth, Effect, Event, Role, State, Subject, Subjects, Theme, Ui};
use mmtl_grid::TrialKey;
use mmtl_grid::events::{GridEvent, GridLine, Happened, RunEvent, RunStatus};
use mmtl_grid::store::FormatVersion;
use mmtl_metrics::{Kind, Metric};

use crate::fixture::{COLOURS, SIZES, at, done, find, follow, press, screen, snapshots, text};
use crate::history::{evaluated, lines, progress};

/// A look at the curves of the first so many runs of a state.
fn looking(state: &mut State, count: usize, theme: Theme, keys: &str) -> Ui {
    let keys_of: Vec<TrialKey> = state.grid().runs().map(|run| run.key.clone()).take(count).collect();
    let mut ui = Ui::new(theme);
    ui.choose(Chosen { focus: keys_of.first().cloned(), marked: keys_of.into_iter().collect() });
    press(&mut ui, state, "3");
    press(&mut ui, state, keys);
    ui
}

/// A grid of `runs` runs with `points` reports each of a noisy loss that falls, and an evaluation every tenth of the way.
fn made_up(runs: u64, points: u64) -> (State, Vec<TrialKey>) {
    let mut state = State::default();
    let tasks = vec![Subject {
        name: "click".into(),
        kind: Kind::Binary,
        compared_by: Metric::Auc,
        asked: vec![],
        at_looks: false,
    }];
    state.apply(Event::Subjects(Subjects { tasks, scenes: vec!["home".into()], ..Subjects::default() }));
    let key = |run: u64| format!("{run:016x}").parse::<TrialKey>().expect("sixteen digits");
    let grid =
        |seq, event| Event::Happened(Happened::Grid(GridLine { v: FormatVersion(1), attempt: 1, seq, at: seq, event }));
    let opened =
        GridEvent::Opened { experiment: "made up".into(), host: "vm".into(), pid: 1, jobs: 1, trials: runs as usize };
    state.apply(grid(1, opened));
    for run in 0..runs {
        let status = RunStatus::Running { host: "vm".into(), pid: 7 };
        let (architecture, protocol) = ("mmoe".to_owned(), "joint".to_owned());
        state.apply(grid(
            2 + run,
            GridEvent::Planned { key: key(run), architecture, protocol, seed: run, rows: vec![], status },
        ));
        let mut events = vec![RunEvent::Started { host: "vm".into(), pid: 7, threads: 1, fits: vec!["all".into()] }];
        let mut noise = run + 1;
        for step in 1..=points {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let falling = 0.3 + 0.4 * (-3.0 * step as f64 / points as f64).exp() + 0.02 * run as f64;
            let loss = falling + 0.1 * ((noise >> 40) as f64 / f64::from(1 << 24) - 0.5);
            events.push(progress(0, step, &[Some(loss)]));
            if step % (points / 10).max(1) == 0 {
                events.push(evaluated(step, &[Some(falling)], &[(None, falling + 0.03)]));
            }
        }
        let told = lines(1, events);
        for line in [&told[0], &told[told.len() - 1]] {
            state.apply(Event::Happened(Happened::Run(key(run), line.clone())));
        }
        state.apply(Event::Lines(key(run), told));
    }
    (state, (0..runs).map(key).collect())
}

#[test]
fn losses_of_a_run_are_drawn() {
    snapshots("curves_train_loss", &mut done(), "3");
}

#[test]
fn train_and_validation_are_told_apart() {
    for (width, height) in SIZES {
        let (mut state, _) = made_up(3, 400);
        let mut ui = looking(&mut state, 3, COLOURS, "vv]]<right><right>");
        let buffer = screen(&state, &mut ui, (width, height));
        insta::assert_snapshot!(format!("curves_log_loss_{width}x{height}"), text(&buffer));
    }
}

#[test]
fn recorded_runs_are_compared() {
    for (width, height) in SIZES {
        let mut state = at(0.9);
        let mut ui = looking(&mut state, 7, COLOURS, "vv<right><right>");
        let buffer = screen(&state, &mut ui, (width, height));
        insta::assert_snapshot!(format!("curves_recorded_{width}x{height}"), text(&buffer));
    }
}

#[test]
fn without_colours_and_in_ascii_letters_tell_curves_apart() {
    let (mut state, _) = made_up(3, 400);
    let theme = Theme { depth: Depth::None, dark: true, ascii: true };
    let mut ui = looking(&mut state, 3, theme, "vv");
    let buffer = screen(&state, &mut ui, (120, 40));
    assert!(buffer.content.iter().all(|cell| cell.symbol().is_ascii()));
    insta::assert_snapshot!("curves_ascii_120x40", text(&buffer));
}

#[test]
fn each_run_has_its_colour_in_curve_and_legend() {
    let (mut state, _) = made_up(3, 400);
    let mut ui = looking(&mut state, 3, COLOURS, "v");
    let buffer = screen(&state, &mut ui, (120, 40));
    for (number, letter) in ["A", "B", "C"].into_iter().enumerate() {
        let colour = COLOURS.style(Role::Series(number)).fg.expect("there are colours");
        let cells = buffer.content.iter().filter(|cell| cell.symbol() == letter && cell.fg == colour);
        assert_eq!(cells.count(), 3, "{letter}: once in the legend, twice on its curve");
    }
}

#[test]
fn more_runs_than_can_be_told_apart_are_counted() {
    let (mut state, _) = made_up(12, 40);
    let mut ui = looking(&mut state, 12, COLOURS, "");
    for size in SIZES {
        let buffer = screen(&state, &mut ui, size);
        assert!(find(&buffer, "and 5 more: mark fewer").is_some(), "{}", text(&buffer));
        assert!(find(&buffer, "G ▶ mmoe joint").is_some() && find(&buffer, "H ▶").is_none(), "{}", text(&buffer));
    }
}

#[test]
fn the_cursor_reads_values_as_they_were_told() {
    let (mut state, _) = made_up(1, 400);
    let mut ui = looking(&mut state, 1, COLOURS, "vv]]]");
    assert!(find(&screen(&state, &mut ui, (120, 40)), "last values").is_some());
    press(&mut ui, &mut state, "G");
    let shown = text(&screen(&state, &mut ui, (120, 40)));
    assert!(shown.contains("at step 400, epoch 0.40"), "{shown}");
    let fit = &state.history(&state.grid().runs().next().unwrap().key).unwrap().fits()[0];
    let last = fit.objective_loss(0).last().unwrap().value;
    assert!(shown.contains(&format!("{last:.4}")), "{last}: {shown}");
    press(&mut ui, &mut state, "<left><left>");
    let shown = text(&screen(&state, &mut ui, (120, 40)));
    assert!(shown.contains("at step 3"), "{shown}");
    press(&mut ui, &mut state, "<esc>");
    assert!(find(&screen(&state, &mut ui, (120, 40)), "last values").is_some());
}

#[test]
fn a_window_goes_where_the_cursor_goes() {
    let (mut state, _) = made_up(1, 400);
    let mut ui = looking(&mut state, 1, COLOURS, "");
    let step = |state: &mut State, ui: &mut Ui, keys: &str| -> u64 {
        press(ui, state, keys);
        let shown = text(&screen(state, ui, (120, 40)));
        let after = shown.split_once("at step ").unwrap_or_else(|| panic!("{keys}: {shown}")).1;
        after.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    let first = step(&mut state, &mut ui, "g");
    assert!(first <= 10, "{first}: the beginning, also of a view without a cursor");
    press(&mut ui, &mut state, "<esc>zz");
    let edge = step(&mut state, &mut ui, "g");
    assert!(edge > 250, "{edge}: a quarter is shown");
    let before = step(&mut state, &mut ui, "<left>");
    assert!(before < edge, "{before}");
    let all: String = "<left>".repeat(400);
    assert!(step(&mut state, &mut ui, &all) <= 10);
}

#[test]
fn zooming_in_shows_fewer_steps_and_back_all() {
    let (mut state, _) = made_up(1, 400);
    let mut ui = looking(&mut state, 1, COLOURS, "");
    let all = text(&screen(&state, &mut ui, (120, 40)));
    press(&mut ui, &mut state, "zz");
    let near = text(&screen(&state, &mut ui, (120, 40)));
    assert!(all.contains(" 100 ") && !near.contains(" 100 ") && near.contains("400"), "{near}");
    press(&mut ui, &mut state, "ZZ");
    assert_eq!(text(&screen(&state, &mut ui, (120, 40))), all);
    press(&mut ui, &mut state, "zzzzzzzzzzzzzzzzzzzz<esc>");
    assert_eq!(text(&screen(&state, &mut ui, (120, 40))), all);
}

#[test]
fn a_logarithmic_axis_counts_what_it_leaves_out() {
    let (mut state, keys) = made_up(1, 40);
    let told = (1..=4).map(|step| progress(0, 1_000 + step, &[Some(step as f64 - 3.0)]));
    state.apply(Event::Lines(
        keys[0].clone(),
        lines(2, [RunEvent::Resumed { fit: 0, step: 40 }].into_iter().chain(told)),
    ));
    let mut ui = looking(&mut state, 1, COLOURS, "");
    // What was made up is not in the recorded store that keys follow.
    let linear = text(&screen(&state, &mut ui, (120, 40)));
    assert!(!linear.contains("left out"));
    press(&mut ui, &mut state, "a");
    let log = text(&screen(&state, &mut ui, (120, 40)));
    assert!(log.contains("3 values at or below 0 left out") && log.contains("log axis"), "{log}");
}

#[test]
fn a_run_goes_through_its_fits() {
    let mut state = done();
    let key = state.grid().runs().find(|run| run.fits.len() == 7).unwrap().key.clone();
    let mut ui = Ui::new(COLOURS);
    ui.choose(Chosen { focus: Some(key), ..Chosen::default() });
    press(&mut ui, &mut state, "3");
    assert!(find(&screen(&state, &mut ui, (120, 40)), "fit all/(missing)").is_some());
    press(&mut ui, &mut state, "f");
    assert!(find(&screen(&state, &mut ui, (120, 40)), "fit all/Bottoms").is_some());
    press(&mut ui, &mut state, "f");
    assert!(find(&screen(&state, &mut ui, (120, 40)), "fit all/Dresses").is_some());
}

#[test]
fn what_has_no_curves_says_why() {
    let mut nothing = State::default();
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, &mut nothing, "3");
    assert!(find(&screen(&nothing, &mut ui, (80, 24)), "no run is chosen").is_some());
    let mut queued = at(0.06);
    let last = queued.grid().runs().last().expect("it was planned").key.clone();
    ui.choose(Chosen { focus: Some(last), ..Chosen::default() });
    press(&mut ui, &mut queued, "3");
    let shown = text(&screen(&queued, &mut ui, (80, 24)));
    assert!(shown.contains("none of the chosen runs has started yet"), "{shown}");
}

#[test]
fn seven_runs_are_followed_and_no_more() {
    let mut state = done();
    let keys: Vec<TrialKey> = state.grid().runs().map(|run| run.key.clone()).collect();
    let mut ui = Ui::new(COLOURS);
    ui.choose(Chosen { focus: Some(keys[0].clone()), marked: keys.into_iter().collect() });
    press(&mut ui, &mut state, "2");
    let effects = ui.input(&mmtl_dash::Input::Key(ratatui::crossterm::event::KeyCode::Char('3').into()), &state);
    let Some(Effect::Follow(keys)) = effects.into_iter().next() else { panic!("nothing is followed") };
    assert!((7..=8).contains(&keys.len()), "{keys:?}");
    follow(&mut state, keys);
    assert!(find(&screen(&state, &mut ui, (120, 40)), "and 11 more: mark fewer").is_some());
}

#[test]
fn a_hundred_thousand_points_a_run_are_drawn_at_once() {
    let (mut state, keys) = made_up(7, 100_000);
    let mut ui = looking(&mut state, 7, COLOURS, "]]");
    screen(&state, &mut ui, (200, 60));
    let frame = |frame: u64| {
        let start = std::time::Instant::now();
        let mut told = lines(1, [progress(0, 100_001 + frame, &[Some(0.3)])]);
        told[0].seq = 1_000_000 + frame;
        state.apply(Event::Happened(Happened::Run(keys[0].clone(), told.remove(0))));
        screen(&state, &mut ui, (200, 60));
        start.elapsed()
    };
    // The fastest of them: the machine may be busy with something else.
    let fastest = (0..20).map(frame).min().expect("there are frames");
    println!("a frame that draws all anew: {fastest:?}");
    assert!(fastest.as_millis() < 100, "{fastest:?}: ten times what a release build on an idle machine may take");
}
