//! A grid that tunes: its list of runs grows when settings are chosen.

use mmtl_dash::{Event, State, Subject, Subjects, Ui};
use mmtl_grid::Row;
use mmtl_grid::events::{Ending, GridEvent, GridLine, Happened, RunStatus};
use mmtl_grid::store::FormatVersion;
use mmtl_metrics::{Kind, Metric};
use mmtl_plan::Value;

use crate::fixture::{COLOURS, press, screen, text};
use crate::made::key;

fn planned(number: usize, seed: u64, tuning: Option<f64>, status: RunStatus) -> GridEvent {
    let values = tuning.map(|lr| ("train.lr".to_owned(), Value::Float(lr))).into_iter().collect();
    let row = Row { architecture: "mmoe".into(), values, ablation: None, baseline: false, tuning: tuning.is_some() };
    let (architecture, protocol) = ("mmoe".to_owned(), "joint".to_owned());
    GridEvent::Planned { key: key(number), architecture, protocol, seed, rows: vec![row], status }
}

fn finished(number: usize) -> GridEvent {
    GridEvent::Moved { key: key(number), status: RunStatus::Finished }
}

/// Two settings are tried, then one runs on two seeds.
fn told() -> Vec<GridEvent> {
    let (host, trials) = ("vm".to_owned(), 2);
    let opened = GridEvent::Opened { experiment: "tuned".into(), host, pid: 1, jobs: 1, trials };
    vec![
        opened,
        planned(0, 101, Some(0.1), RunStatus::Queued),
        planned(1, 101, Some(0.01), RunStatus::Queued),
        finished(0),
        // Before the last of the first round is told to have ended.
        planned(2, 1, None, RunStatus::Queued),
        planned(3, 2, None, RunStatus::Queued),
        finished(1),
        finished(2),
        finished(3),
        GridEvent::Closed { ending: Ending::Done },
    ]
}

fn state() -> State {
    let mut state = State::default();
    let (asked, at_looks) = (vec![], false);
    let task = Subject { name: "click".into(), kind: Kind::Binary, compared_by: Metric::Auc, asked, at_looks };
    state.apply(Event::Subjects(Subjects {
        tasks: vec![task],
        scenes: vec!["home".into(), "search".into()],
        ..Subjects::default()
    }));
    state
}

fn apply(state: &mut State, events: &[GridEvent], first: u64) {
    for (seq, event) in (first..).zip(events) {
        let line = GridLine { v: FormatVersion(2), attempt: 1, seq, at: 1_000 + seq, event: event.clone() };
        state.apply(Event::Happened(Happened::Grid(line)));
    }
}

fn shown(state: &mut State, keys: &str) -> String {
    let mut ui = Ui::new(COLOURS);
    press(&mut ui, state, keys);
    text(&screen(state, &mut ui, (120, 40)))
}

#[test]
fn settings_are_listed_and_in_no_table_and_what_is_chosen_joins() {
    let (events, mut live) = (told(), state());
    let mut done = vec![];
    let mut ui = Ui::new(COLOURS);
    for (seq, event) in (1..).zip(&events) {
        apply(&mut live, std::slice::from_ref(event), seq);
        // Lists are kept between screens, and must grow with the grid.
        press(&mut ui, &mut live, "12");
        screen(&live, &mut ui, (120, 40));
        done.push(live.is_done());
    }
    assert_eq!(done.iter().position(|done| *done), Some(8), "test scores stay hidden until the last run has ended");
    let runs = text(&screen(&live, &mut ui, (120, 40)));
    assert!(runs.contains("4 of 4 runs listed") && runs.contains("lr=0.1 (tuning)"), "{runs}");
    let filtered = shown(&mut live, "2/tuning<enter>");
    assert!(filtered.contains("2 of 4 runs listed"), "{filtered}");
    let table = shown(&mut live, "1");
    assert!(table.contains("mmoe") && !table.contains("tuning") && !table.contains("lr=0.1"), "{table}");
    let mut replayed = state();
    apply(&mut replayed, &events, 1);
    for keys in ["1", "2", "4"] {
        assert_eq!(shown(&mut replayed, keys), shown(&mut live, keys));
    }
}

#[test]
fn before_a_setting_is_chosen_the_table_says_what_it_waits_for() {
    let mut state = state();
    apply(&mut state, &told()[..4], 1);
    let table = shown(&mut state, "1");
    assert!(table.contains("Settings are tried first, on validation rows"), "{table}");
}
