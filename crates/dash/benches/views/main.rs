//! How long a screen takes to draw: every view, the list of runs with a filter and an order, help and palette, of a
//! recorded grid of sixteen runs and of a made-up one of ten thousand, in a small terminal and in a large one.
//!
//! `cargo bench -p mmtl-dash` runs them all, `cargo bench -p mmtl-dash -- large/runs` some. `first` is a view that was never
//! drawn before, `again` one that was, and `event` takes in a report of progress and draws. Each draws into a buffer that
//! was just emptied, as a terminal's is.

#[expect(dead_code, reason = "tests look at more of it")]
#[path = "../../tests/fixture.rs"]
mod fixture;
mod large;

use std::collections::BTreeSet;
use std::time::Duration;

use criterion::{BatchSize, Bencher, Criterion};
use mmtl_dash::{Action, Effect, Event, State, Tab, Ui, draw};
use mmtl_grid::TrialKey;
use mmtl_grid::events::{Happened, RunEvent, RunLine, RunStatus};
use mmtl_grid::store::FormatVersion;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const SIZES: [(u16, u16); 2] = [(80, 24), (200, 60)];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut recorded = fixture::done();
    of_grid(&mut criterion, "recorded", &mut recorded, &fixture::follow);
    of_grid(&mut criterion, "large", &mut large::state(10_000), &large::follow);
    criterion.final_summary();
}

/// What is looked at, and how one gets there.
fn looks() -> [(&'static str, Vec<Action>); 9] {
    let show = |tab| vec![Action::Show(tab)];
    [
        ("grid", show(Tab::Grid)),
        ("runs", show(Tab::Runs)),
        (
            "runs-filtered",
            vec![Action::FilterBy("arch:mmoe score:0.4..".into()), Action::NextSort, Action::Show(Tab::Runs)],
        ),
        ("curves", show(Tab::Curves)),
        ("run", show(Tab::Run)),
        ("table", show(Tab::Table)),
        ("machine", show(Tab::Machine)),
        ("help", vec![Action::Show(Tab::Runs), Action::Help]),
        ("palette", vec![Action::Show(Tab::Runs), Action::Palette]),
    ]
}

/// Gives a state the lines of runs.
type Follow<'a> = dyn Fn(&mut State, BTreeSet<TrialKey>) + 'a;

fn of_grid(criterion: &mut Criterion, name: &str, state: &mut State, follow: &Follow) {
    let mut group = criterion.benchmark_group(name);
    for (look, actions) in looks() {
        for (width, height) in SIZES {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            // Whatever is looked at has its curves by then.
            if let Some(keys) = followed(&mut looking(state, &actions), state) {
                follow(state, keys);
            }
            group.bench_function(format!("{look}/{width}x{height}/first"), |bencher| {
                let fresh = || looking(state, &actions);
                bencher.iter_batched_ref(fresh, |ui| screen(&mut buffer, state, ui), BatchSize::PerIteration);
            });
            group.bench_function(format!("{look}/{width}x{height}/again"), |bencher| {
                let mut ui = looking(state, &actions);
                screen(&mut buffer, state, &mut ui);
                bencher.iter(|| screen(&mut buffer, state, &mut ui));
            });
            group.bench_function(format!("{look}/{width}x{height}/event"), |bencher| {
                after_events(bencher, &mut buffer, state, &mut looking(state, &actions));
            });
        }
    }
    group.finish();
}

/// Somebody who did this, and saw nothing yet.
fn looking(state: &State, actions: &[Action]) -> Ui {
    let mut ui = Ui::new(fixture::COLOURS);
    for action in actions {
        ui.act(action, state);
    }
    ui.follow(state);
    ui
}

/// The runs whose lines somebody needs who looks at curves.
fn followed(ui: &mut Ui, state: &State) -> Option<BTreeSet<TrialKey>> {
    ui.act(&Action::Show(Tab::Curves), state);
    match ui.follow(state) {
        Some(Effect::Follow(keys)) => Some(keys),
        _ => None,
    }
}

fn screen(buffer: &mut Buffer, state: &State, ui: &mut Ui) {
    buffer.reset();
    draw(buffer, state, ui);
}

/// A report of progress of one run after the other, each followed by a screen.
fn after_events(bencher: &mut Bencher, buffer: &mut Buffer, state: &mut State, ui: &mut Ui) {
    let is_running = |run: &&mmtl_grid::events::RunState| matches!(run.status, RunStatus::Running { .. });
    let mut keys: Vec<TrialKey> = state.grid().runs().filter(is_running).map(|run| run.key.clone()).collect();
    if keys.is_empty() {
        keys = state.grid().runs().take(8).map(|run| run.key.clone()).collect();
    }
    screen(buffer, state, ui);
    let mut step = 0;
    bencher.iter(|| {
        step += 1;
        let key = &keys[step as usize % keys.len()];
        state.apply(Event::Happened(Happened::Run(key.clone(), progress(step, state.now()))));
        screen(buffer, state, ui);
    });
}

/// A line of an attempt later than any that is told of.
fn progress(step: u64, at: u64) -> RunLine {
    static SEQ: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let seq = SEQ.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let losses = vec![Some(0.5), Some(0.7)];
    let event = RunEvent::Progress { fit: 0, step, steps: 1 << 40, epochs: 1.0, rows_per_second: 9e4, losses };
    RunLine { v: FormatVersion(2), attempt: 1_000, seq, at, event }
}
