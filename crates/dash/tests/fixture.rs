//! A grid that was recorded, and looks at it.

use std::path::{Path, PathBuf};

use mmtl_dash::{Depth, Effect, Event, Input, Scheduler, State, Subject, Subjects, Theme, Ui, draw};
use mmtl_grid::events::Happened;
use mmtl_grid::store::{Line, Store};
use mmtl_grid::{Catalogue, Experiment, TrialKey, read_grid};
use mmtl_metrics::{Kind, Metric};
use mmtl_plan::TaskKind;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

/// The sizes that every view is held to.
pub const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// Sixteen runs of four architectures under two protocols on seven departments of a shop: thirteen finished, two failed, one
/// cancelled; it was paused in between.
pub fn store() -> Store {
    Store::open(&folder()).expect("it lies beside the tests")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/departments")
}

/// Every line that was recorded, by time.
pub fn recorded() -> Vec<(u64, Happened)> {
    let store = store();
    let mut lines = vec![];
    let each = store.grid_lines().poll_each(|line| match line {
        Line::Value(line) => lines.push((line.at, Happened::Grid(line))),
        Line::Newer { .. } | Line::Corrupt { .. } => panic!("a line of grid.jsonl cannot be read"),
    });
    each.expect("grid.jsonl is there");
    for run in store.runs().expect("the folder can be read") {
        let each = run.events().poll_each(|line| match line {
            Line::Value(line) => lines.push((line.at, Happened::Run(run.key().clone(), line))),
            Line::Newer { .. } | Line::Corrupt { .. } => panic!("a line of {} cannot be read", run.key()),
        });
        each.expect("events.jsonl is there");
    }
    lines.sort_by_key(|(at, _)| *at);
    lines
}

/// What the tables of the recorded grid are about.
pub fn subjects() -> Subjects {
    let grid = read_grid(&store()).expect("planned.json is there");
    let task = |task: &mmtl_plan::Task| {
        let (kind, compared_by) = match task.kind {
            TaskKind::Binary => (Kind::Binary, Metric::Auc),
            TaskKind::Regression { .. } => (Kind::Regression, Metric::Mse),
            TaskKind::Multiclass { classes } => (Kind::Multiclass { classes }, Metric::LogLoss),
        };
        Subject { name: task.name.clone(), kind, compared_by, asked: vec![], at_looks: false }
    };
    Subjects { tasks: grid.tasks.iter().map(task).collect(), scenes: grid.scenes, ..Subjects::default() }
}

/// The grid as it stood when this share of its lines had been written, with its scheduler alive.
pub fn at(share: f64) -> State {
    let lines = recorded();
    let count = (lines.len() as f64 * share) as usize;
    let mut state = State::default();
    state.apply(Event::Subjects(subjects()));
    for (at, happened) in lines.into_iter().take(count) {
        state.apply(Event::Clock(at));
        state.apply(Event::Happened(happened));
    }
    state.apply(Event::Scheduler(Scheduler::Alive { host: "vm".into(), pid: 4242 }));
    state
}

/// The grid after its end, with its tables.
pub fn done() -> State {
    let mut state = at(1.0);
    state.apply(Event::Clock(state.now() + 60_000));
    state.apply(Event::Scheduler(Scheduler::Gone));
    let experiment = Experiment::read(&store().experiment_file(), &Catalogue::standard()).expect("it was run");
    let scores = mmtl_report::from_grid(&store(), &experiment).expect("records lie beside the events");
    state.apply(Event::Scores(Ok(Box::new(scores))));
    state
}

/// Does what a dashboard does with [`Effect::Follow`]: the lines of those runs, up to the state's time.
pub fn follow(state: &mut State, keys: impl IntoIterator<Item = TrialKey>) {
    for key in keys {
        let lines = recorded().into_iter().filter_map(|(at, happened)| match happened {
            Happened::Run(of, line) if of == key && at <= state.now() => Some(line),
            Happened::Run(..) | Happened::Grid(_) => None,
        });
        state.apply(Event::Lines(key.clone(), lines.collect()));
        // One that makes no sense has none.
        if let Ok(text) = std::fs::read_to_string(folder().join(key.as_str()).join("trial.toml")) {
            state.apply(Event::Configuration(key, mmtl_dash::flat(&text)));
        }
    }
}

/// All colours, on a dark ground.
pub const COLOURS: Theme = Theme { depth: Depth::True, dark: true, ascii: false };

/// Presses keys, as in `"2jj<enter>/arch:ple<enter>"`, and follows what is asked for.
pub fn press(ui: &mut Ui, state: &mut State, keys: &str) -> Vec<Effect> {
    let mut effects = vec![];
    let mut rest = keys;
    while let Some(first) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let code = if let Some((name, after)) = named {
            rest = after;
            match name {
                "enter" => KeyCode::Enter,
                "esc" => KeyCode::Esc,
                "tab" => KeyCode::Tab,
                "up" => KeyCode::Up,
                "down" => KeyCode::Down,
                "left" => KeyCode::Left,
                "right" => KeyCode::Right,
                "space" => KeyCode::Char(' '),
                other => panic!("no key is called {other}"),
            }
        } else {
            rest = &rest[first.len_utf8()..];
            KeyCode::Char(first)
        };
        // A screen is drawn between any two keys.
        screen(state, ui, (80, 24));
        for effect in ui.input(&Input::Key(KeyEvent::new(code, KeyModifiers::NONE)), state) {
            match effect {
                Effect::Follow(keys) => follow(state, keys),
                other => effects.push(other),
            }
        }
    }
    effects
}

/// A screen of this size.
pub fn screen(state: &State, ui: &mut Ui, (width, height): (u16, u16)) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw(&mut buffer, state, ui);
    buffer
}

/// What stands on a screen, line by line.
pub fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let line = |y| {
        let cells = (0..area.width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    };
    (0..area.height).map(line).collect::<Vec<_>>().join("\n")
}

/// Where a text stands on a screen, if it does.
pub fn find(buffer: &Buffer, wanted: &str) -> Option<(u16, u16)> {
    (0..buffer.area.height).find_map(|y| {
        let symbols: Vec<&str> = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        let starts = |x: &usize| symbols[*x..].concat().starts_with(wanted);
        (0..symbols.len()).find(starts).map(|x| (x as u16, y))
    })
}

/// The view `keys` leads to at every size, as snapshots named after `name`.
pub fn snapshots(name: &str, state: &mut State, keys: &str) {
    for (width, height) in SIZES {
        let mut ui = Ui::new(COLOURS);
        press(&mut ui, state, keys);
        let buffer = screen(state, &mut ui, (width, height));
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), text(&buffer));
    }
}
