//! The heat map.

use mmtl_dash::{Depth, Effect, Event, Tab, Theme, Ui};
use mmtl_grid::events::RunStatus;
use mmtl_metrics::{Reason, Score};
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use crate::fixture::{COLOURS, at, done, find, press, screen, snapshots, text};
use crate::made::{Made, finished, growing};

fn shown(state: &mut mmtl_dash::State, keys: &str, size: (u16, u16)) -> String {
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, state, keys);
    text(&screen(state, &mut ui, size))
}

/// What stands on a screen as one line: sentences are broken where there is no room.
fn flowing(shown: &str) -> String {
    shown.lines().map(|line| line.trim_matches(['│', ' '])).collect::<Vec<_>>().join(" ")
}

fn light(buffer: &Buffer, (x, y): (u16, u16)) -> u32 {
    match buffer[(x, y)].bg {
        Color::Rgb(r, g, b) => u32::from(r) * 30 + u32::from(g) * 59 + u32::from(b) * 11,
        other => panic!("no ground but {other:?} at {x}, {y}"),
    }
}

#[test]
fn scores_fill_in_while_runs_go_on() {
    snapshots("grid_midway", &mut at(0.5), "");
    snapshots("grid_late", &mut at(0.8), "");
}

#[test]
fn a_grid_that_is_done_shows_validation_first_and_test_on_demand() {
    snapshots("grid_done", &mut done(), "");
    snapshots("grid_test", &mut done(), "d");
    let mut ui = Ui::new(COLOURS);
    assert_eq!(press(&mut ui, &mut done(), "d"), [Effect::ReadScores]);
    assert!(shown(&mut done(), "", (120, 40)).contains("Grid: AUC of recommended, validation"));
    assert!(shown(&mut done(), "d", (120, 40)).contains("Grid: AUC of recommended, test"));
    assert!(shown(&mut done(), "dd", (120, 40)).contains("Grid: AUC of recommended, validation"));
}

#[test]
fn who_turns_back_to_a_task_sees_what_came_meanwhile() {
    let size = (120, 40);
    let mut ui = Ui::new(COLOURS);
    for _ in 0..2 {
        press(&mut ui, &mut at(0.5), "t");
        screen(&at(0.5), &mut ui, size);
    }
    assert_eq!(text(&screen(&at(0.8), &mut ui, size)), shown(&mut at(0.8), "tt", size));
    assert_ne!(shown(&mut at(0.8), "tt", size), shown(&mut at(0.5), "tt", size));
}

#[test]
fn test_scores_stay_hidden_until_the_grid_is_done() {
    let shown = shown(&mut at(0.5), "d", (120, 40));
    assert!(shown.contains("Grid: AUC of recommended, validation"), "{shown}");
    assert!(shown.contains("test scores stay hidden until the grid is done"), "{shown}");
}

#[test]
fn test_scores_are_those_of_the_records() {
    let mut state = done();
    let mmtl_dash::Tables::Read(scores) = state.tables().clone() else { panic!("they were read") };
    let of = |entry: &&mmtl_report::Entry| {
        entry.candidate == 0
            && entry.task == 0
            && entry.split == mmtl_report::Split::Test
            && entry.metric == mmtl_metrics::Metric::Auc
    };
    let values = scores.entries.iter().filter(of).filter_map(|entry| entry.scenes[1].score.value());
    let values: Vec<f64> = values.collect();
    assert_eq!(values.len(), 2);
    let mean = format!("{:.4}", f64::midpoint(values[0], values[1]));
    let shown = shown(&mut state, "d<right><right>", (200, 60));
    let scene = &scores.scenes[1];
    assert!(shown.contains(&format!("shared-bottom joint, {scene}: AUC {mean} ±")), "{mean}\n{shown}");
}

#[test]
fn differences_have_a_sign_an_arrow_and_a_colour() {
    snapshots("grid_relative", &mut done(), "b");
    let aucs = [0.70, 0.72, 0.69, 0.70];
    let auc = |row: usize, seed: u64, _: usize| Some(Score::Value(aucs[row] + 0.01 * seed as f64));
    let architectures = ["base", "up", "down", "same"];
    let made = Made { architectures: &architectures, seeds: 3, scenes: &["a", "b"], status: &finished, auc: &auc };
    let (mut state, mut ui) = (made.state(), Ui::new(COLOURS));
    press(&mut ui, &mut state, "b");
    let buffer = screen(&state, &mut ui, (120, 30));
    let role = |role| COLOURS.style(role).fg.expect("it has a colour");
    let up = find(&buffer, "▲+0.0200").expect("better");
    let down = find(&buffer, "▼-0.0100").expect("worse");
    assert_eq!(buffer[up].fg, role(mmtl_dash::Role::Better));
    assert_eq!(buffer[down].fg, role(mmtl_dash::Role::Worse));
    assert!(find(&buffer, "=+0.0000").is_some());
    let shown = text(&buffer);
    assert!(shown.contains("0.7200"), "the baseline shows its scores:\n{shown}");
    // Paired by seed, a constant difference has no spread.
    assert!(shown.contains("▲+0.0200 ±.0000"), "{shown}");
}

#[test]
fn better_is_lighter_whichever_way_a_metric_points() {
    let state = Made {
        architectures: &["low", "middle", "high"],
        seeds: 3,
        scenes: &["a", "b"],
        status: &finished,
        auc: &growing,
    };
    let (mut state, mut ui) = (state.state(), Ui::new(COLOURS));
    // Away from the cursor, which turns colours around.
    press(&mut ui, &mut state, "<right>");
    let buffer = screen(&state, &mut ui, (120, 30));
    let [low, middle, high] = ["0.6030", "0.6130", "0.6230"].map(|number| find(&buffer, number).expect(number));
    assert!(light(&buffer, low) < light(&buffer, middle) && light(&buffer, middle) < light(&buffer, high));
    assert!(text(&buffer).contains("★0.6230"));
    // Errors of the recorded grid: the smallest is the best of its column.
    let (mut state, mut ui) = (done(), Ui::new(COLOURS));
    press(&mut ui, &mut state, "t<right>");
    let buffer = screen(&state, &mut ui, (200, 60));
    let shown = text(&buffer);
    assert!(shown.contains("lighter and lower is better"), "{shown}");
    let mark = find(&buffer, "★").expect("there is a best");
    assert_eq!(light(&buffer, mark), 254 * 30 + 232 * 59 + 56 * 11, "the lightest of the palette");
}

#[test]
fn states_without_a_score_differ_by_their_signs() {
    let reason = || "the loss of task `click` is not finite at step 3".to_owned();
    let status = |row: usize, seed: u64| match (row, seed) {
        (0, _) | (8, 1 | 2) => RunStatus::Finished,
        (2, _) | (7, 2) => RunStatus::Running { host: "vm".into(), pid: 3 },
        (3 | 8, _) | (7, 1) => RunStatus::Failed { reason: reason() },
        (4, _) => RunStatus::Cancelled,
        (5, _) => RunStatus::Pruned,
        (6, _) => RunStatus::NotApplicable { reason: "star has no scene of its own".into() },
        (1 | 7, _) => RunStatus::Queued,
        _ => RunStatus::Paused,
    };
    let auc = |row: usize, seed: u64, scene: usize| match row {
        0 if scene == 2 => Some(Score::Undefined(Reason::SingleClass)),
        0 | 8 => growing(row, seed, scene),
        9 if scene == 0 => growing(row, seed, scene),
        _ => None,
    };
    let architectures = [
        "shared-bottom",
        "queued",
        "running",
        "failed",
        "cancelled",
        "pruned",
        "senseless",
        "mixed",
        "survivors",
        "paused",
    ];
    let scenes = ["home feed", "search", "one class only"];
    let made = Made { architectures: &architectures, seeds: 3, scenes: &scenes, status: &status, auc: &auc };
    let mut state = made.state();
    snapshots("grid_states", &mut state, "");
    let shown = |keys: &str, state: &mut mmtl_dash::State| shown(state, keys, (120, 40));
    let failed = shown("jjj", &mut state);
    assert!(flowing(&failed).contains("Seeds: 1, 2, 3 failed: the loss of task `click` is not finite"), "{failed}");
    let undefined = shown("<right><right><right>", &mut state);
    assert!(flowing(&undefined).contains("one class only: AUC undefined: one class only."), "{undefined}");
    let survivors = shown("jjjjjjjj<right>", &mut state);
    assert!(survivors.contains("2/3✗") && !survivors.contains("★0.68"), "{survivors}");
}

#[test]
fn all_failed_is_told_without_a_number() {
    let status = |_: usize, _: u64| RunStatus::Failed { reason: "no memory".into() };
    let none = |_: usize, _: u64, _: usize| None;
    let made = Made { architectures: &["ple"], seeds: 2, scenes: &["a", "b"], status: &status, auc: &none };
    let shown = shown(&mut made.state(), "", (80, 24));
    assert!(flowing(&shown).contains("Seeds: 1, 2 failed: no memory."), "{shown}");
    assert!(shown.contains("nothing is scored in rows yet"), "{shown}");
}

#[test]
fn enter_lists_the_runs_of_the_row() {
    let (mut state, mut ui) = (at(0.7), Ui::new(COLOURS));
    press(&mut ui, &mut state, "jj<enter>");
    assert_eq!(ui.tab(), Tab::Runs);
    let shown = text(&screen(&state, &mut ui, (120, 40)));
    assert!(shown.contains("2 of 18 runs listed"), "{shown}");
    assert!(shown.contains("filter: row=\"mmoe joint\""), "{shown}");
    press(&mut ui, &mut state, "<esc>");
    assert!(text(&screen(&state, &mut ui, (120, 40))).contains("18 of 18 runs listed"));
}

#[test]
fn a_click_moves_the_cursor_to_its_cell() {
    use mmtl_dash::Input;
    use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let made =
        Made { architectures: &["low", "high"], seeds: 1, scenes: &["a", "b"], status: &finished, auc: &growing };
    let (state, mut ui) = (made.state(), Ui::new(COLOURS));
    let (column, row) = find(&screen(&state, &mut ui, (100, 30)), "0.6130").expect("b of high");
    let kind = MouseEventKind::Down(MouseButton::Left);
    ui.input(&Input::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }), &state);
    let shown = text(&screen(&state, &mut ui, (100, 30)));
    assert!(shown.contains("high width=16, b: AUC 0.6130"), "{shown}");
    assert_eq!(ui.chosen().focus, Some(crate::made::key(1)));
}

#[test]
fn the_table_is_copied_as_tab_separated_values() {
    let auc = |row: usize, seed: u64, _: usize| (row == 0).then_some(Score::Value(0.5 + 0.25 * (seed - 1) as f64));
    let made = Made { architectures: &["x", "y\tz"], seeds: 2, scenes: &["a", "b"], status: &finished, auc: &auc };
    let effects = press(&mut Ui::new(COLOURS), &mut made.state(), "y");
    let sd = 0.125 * 2.0f64.sqrt();
    let head = "AUC of click, validation\trows\trows sd\trows seeds\ta\ta sd\ta seeds\tb\tb sd\tb seeds";
    let x = format!("x width=8\t0.625\t{sd}\t2\t0.625\t{sd}\t2\t0.625\t{sd}\t2");
    let y = "y z width=16\t\t\t0\t\t\t0\t\t\t0";
    assert_eq!(effects, [Effect::Copy(format!("{head}\n{x}\n{y}\n"))]);
}

#[test]
fn many_scenes_scroll_sideways_and_long_names_are_cut() {
    let names: Vec<String> = (0..30).map(|scene| format!("country {scene}")).collect();
    let scenes: Vec<&str> = names.iter().map(String::as_str).collect();
    let long = "an architecture whose name has some sixty characters or more";
    let architectures = [long, "混合专家网络与场景门控", "ple"];
    let made = Made { architectures: &architectures, seeds: 3, scenes: &scenes, status: &finished, auc: &growing };
    let mut state = made.state();
    snapshots("grid_wide", &mut state, "<right><right><right><right><right><right><right><right><right><right>");
    let shown = shown(&mut state, &"<right>".repeat(30), (80, 24));
    assert!(shown.contains("country 29"), "{shown}");
}

#[test]
fn with_one_scene_there_is_no_mean_over_scenes() {
    let made = Made { architectures: &["ple"], seeds: 2, scenes: &["only"], status: &finished, auc: &growing };
    let shown = shown(&mut made.state(), "", (80, 24));
    let heads = shown.lines().nth(2).expect("heads stand below the frame");
    assert!(heads.contains("only") && !heads.contains("rows"), "{shown}");
}

#[test]
fn before_anything_is_known_it_says_what_to_do() {
    let mut state = mmtl_dash::State::default();
    assert!(shown(&mut state, "", (80, 24)).contains("No run is planned yet: `mmtl run EXPERIMENT.toml`"));
    state.apply(Event::Reading { read: 3, of: 9 });
    assert!(shown(&mut state, "", (80, 24)).contains("Reading the files of runs: 3 of 9."));
}

#[test]
fn ten_thousand_runs_scroll_to_the_last_row() {
    let names: Vec<String> = (0..2000).map(|row| format!("row{row}")).collect();
    let architectures: Vec<&str> = names.iter().map(String::as_str).collect();
    let scenes = ["a", "b", "c", "d", "e"];
    let made = Made { architectures: &architectures, seeds: 5, scenes: &scenes, status: &finished, auc: &growing };
    let (mut state, mut ui) = (made.state(), Ui::new(COLOURS));
    press(&mut ui, &mut state, "G");
    let shown = text(&screen(&state, &mut ui, (120, 40)));
    assert!(shown.contains("row1999 ") && shown.contains("★20."), "{shown}");
}

#[test]
fn without_colours_signs_and_numbers_are_left() {
    let theme = Theme { depth: Depth::None, dark: true, ascii: true };
    let (mut state, mut ui) = (done(), Ui::new(theme));
    press(&mut ui, &mut state, "");
    let buffer = screen(&state, &mut ui, (120, 40));
    insta::assert_snapshot!("grid_ascii_120x40", text(&buffer));
    assert!(buffer.content.iter().all(|cell| cell.symbol().is_ascii() && cell.bg == Color::Reset));
}
