//! The dashboard at a large grid: `cargo bench --bench dashboard -- [RUNS] [EVENTS]`.
//!
//! Makes a store, 10,000 runs that told 200 events each unless said otherwise (about 880 MB below the system's folder of
//! temporary files, removed at the end), watches it with the release program in a pseudo-terminal of 200×60, and prints a
//! report: how long from `exec` to the complete first screen, the peak of memory, how long after a key the screen that
//! answers it is complete while eight workers report, how long frames take, and what it uses when nothing happens.

mod keys;
mod reporters;
#[expect(dead_code, reason = "tests do more with it")]
#[path = "../../tests/terminal.rs"]
mod terminal;
mod visit;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mmtl_bench::Machine;
use mmtl_grid::TrialKey;
use mmtl_grid::events::{GridState, Happened, catch_up};
use mmtl_grid::large_store::large_store;
use mmtl_grid::store::{Acquired, Line, Store};
use thousands::Separable;

use crate::reporters::Reporters;
use crate::visit::Visit;

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// Runs that run.
const RUNNING: usize = 8;
/// Times that the dashboard is attached.
const ATTACHED: usize = 5;
/// Times that every key is pressed.
const ROUNDS: usize = 12;
/// How long it is left alone.
const IDLE: Duration = Duration::from_secs(10);

fn main() -> Done {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |place: usize, default: usize| words.get(place).map_or(Ok(default), |word| word.parse());
    let (runs, events) = (number(0, 10_000)?, number(1, 200)?);
    let folder = tempfile::tempdir()?;
    let store = large_store(&folder.path().join("large"), runs, events, RUNNING)?;
    // As long as this process lives, the grid has a scheduler.
    let Acquired::Ours(lease) = store.lease_scheduler()? else { return Err("the store is new".into()) };
    let known = known(&store)?;

    let mut attached = vec![];
    for _ in 0..ATTACHED {
        let visit = Visit::begin(&store, None)?;
        attached.push(visit.attached(&known));
        visit.leave()?;
    }
    let frames_file = folder.path().join("frames");
    let mut visit = Visit::begin(&store, Some(&frames_file))?;
    visit.attached(&known);
    let still = ["1", "2"].map(|view| {
        visit.press(view);
        std::thread::sleep(Duration::from_secs(2));
        visit.cores(IDLE)
    });
    let keys: Vec<TrialKey> = known.running().map(|run| run.key.clone()).collect();
    let reporters = Reporters::start(&store, &keys)?;
    let (began, used) = (Instant::now(), visit.used());
    let answers = keys::press_all(&mut visit, ROUNDS);
    let busy = visit.used().saturating_sub(used).as_secs_f64() / began.elapsed().as_secs_f64();
    let reported = reporters.stop()?;
    let memory = visit.peak_memory()?;
    visit.leave()?;
    let frames = frames(&frames_file)?;
    lease.release()?;

    let here = Machine::here(1, String::new());
    let cpu = here.cpu.unwrap_or_else(|| "unknown processor".to_owned());
    println!(
        "# The dashboard at {} runs and {} events\n",
        runs.separate_with_commas(),
        (runs * events).separate_with_commas()
    );
    println!("| what | measured | at most | met |\n| --- | --- | --- | --- |");
    let row = |what: &str, value: f64, most: f64, words: String, unit: &str| {
        let met = if value <= most { "yes" } else { "**no**" };
        println!("| {what} | {words} | {most} {unit} | {met} |");
    };
    let (median, worst) = (quantile(&attached, 0.5), quantile(&attached, 1.0));
    row("attached and drawn", worst, 1.5, format!("{median:.2} s, the slowest of {ATTACHED} {worst:.2} s"), "s");
    let all: Vec<f64> = frames.iter().map(|(_, ms)| *ms).collect();
    row("a frame, 95th percentile", quantile(&all, 0.95), 10.0, spread(&all), "ms");
    row("peak memory", memory, 300.0, format!("{memory:.0} MB"), "MB");
    let all: Vec<f64> = answers.iter().map(|(_, ms)| *ms).collect();
    row("a key answered while 8 workers report, 95th percentile", quantile(&all, 0.95), 50.0, spread(&all), "ms");
    for (view, share) in ["Grid", "Runs"].iter().zip(still) {
        let percent = 100.0 * share;
        row(&format!("of a core when idle, {view}"), percent, 2.0, format!("{percent:.1} %"), "%");
    }
    println!("\n| frames of | count | median, 95th percentile, most |\n| --- | --- | --- |");
    by_name(&frames);
    println!("\n| answers to | count | median, 95th percentile, most |\n| --- | --- | --- |");
    by_name(&answers);
    println!(
        "\n- {cpu}, {} cores; mmtl {}, release, terminal of 200×60 in true colour",
        here.cores,
        env!("CARGO_PKG_VERSION")
    );
    println!("- files are in the system's cache, as those of a grid that runs are");
    println!("- while keys were pressed, {reported} lines were reported and {:.0} % of a core were used", 100.0 * busy);
    println!(
        "- an answer is complete when nothing more is drawn for {} ms; a frame includes writing it to the terminal",
        visit::QUIET.as_millis()
    );
    println!(
        "- runs have no records, so that the Table view says so; `cargo bench -p mmtl-dash` draws one of as many runs"
    );
    Ok(())
}

/// What the dashboard will know of the runs that run, once it has read everything.
fn known(store: &Store) -> Done<GridState> {
    let mut state = GridState::default();
    store.grid_lines().poll_each(|line| {
        if let Line::Value(line) = line {
            state.apply(Happened::Grid(line));
        }
    })?;
    let keys: Vec<TrialKey> = state.running().map(|run| run.key.clone()).collect();
    for key in keys {
        state.adopt(catch_up(&store.run(&key))?.told);
    }
    Ok(state)
}

/// View and milliseconds of every screen.
fn frames(file: &Path) -> Done<Vec<(String, f64)>> {
    let text = fs::read_to_string(file)?;
    let frame = |line: &str| {
        let (view, micros) = line.rsplit_once(' ')?;
        Some((view.to_owned(), micros.parse::<f64>().ok()? / 1000.0))
    };
    text.lines().map(|line| frame(line).ok_or_else(|| format!("`{line}` is no frame").into())).collect()
}

fn by_name(timed: &[(String, f64)]) {
    let mut names: Vec<&str> = vec![];
    for (name, _) in timed {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    for name in names {
        let times: Vec<f64> = timed.iter().filter(|(other, _)| other == name).map(|(_, ms)| *ms).collect();
        println!("| {name} | {} | {} |", times.len(), spread(&times));
    }
}

fn spread(milliseconds: &[f64]) -> String {
    let of = |share| quantile(milliseconds, share);
    format!("{:.1}, {:.1}, {:.1} ms", of(0.5), of(0.95), of(1.0))
}

/// The smallest of the values that at least this share of them do not exceed; 0 of none.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The program, as it is released.
fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mmtl"))
}
