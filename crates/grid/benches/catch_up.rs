//! How long it takes to attach to a large grid: `cargo bench -p mmtl-grid --bench catch_up -- [RUNS] [EVENTS] [THREADS]`.
//!
//! Makes the store in a process of its own, so that the peak of memory is that of reading alone, and reads it several
//! times: files are in the system's cache, as those of a grid that runs are.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use mmtl_grid::TrialKey;
use mmtl_grid::events::{CaughtUp, GridState, Happened, catch_up_all};
use mmtl_grid::large_store::large_store;
use mmtl_grid::store::{Line, Store};

const ROUNDS: usize = 5;
const RUNNING: usize = 8;
const MAKE: &str = "make";

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Done {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [make, dir, runs, events] = words.as_slice()
        && make == MAKE
    {
        large_store(Path::new(dir), runs.parse()?, events.parse()?, RUNNING)?;
        return Ok(());
    }
    let number = |place: usize, default: usize| words.get(place).map_or(Ok(default), |word| word.parse());
    let (runs, events, threads) = (number(0, 10_000)?, number(1, 200)?, number(2, 2)?);
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("large");
    let made = Command::new(env::current_exe()?)
        .args([MAKE, &dir.to_string_lossy(), &runs.to_string(), &events.to_string()])
        .status()?;
    if !made.success() {
        return Err("the store could not be made".into());
    }
    let store = Store::open(&dir)?;
    let keys: Vec<TrialKey> = grid(&store)?.runs().map(|run| run.key.clone()).collect();
    for _ in 0..ROUNDS {
        let (read, bytes) = timed(|| bytes(&store, &keys))?;
        let (grid, mut state) = timed(|| grid(&store))?;
        let (caught, readers) = timed(|| attach(&store, &keys, threads, &mut state))?;
        println!(
            "{runs} runs x {events} events, {:.0} MB: opened and read by one thread in {read:.3} s; grid.jsonl folded in \
             {grid:.3} s, events caught up by {threads} threads in {caught:.3} s; {readers} readers follow",
            bytes as f64 / 1e6
        );
    }
    println!("peak memory {} kB", peak());
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> Done<T>) -> Done<(f64, T)> {
    let began = Instant::now();
    let done = work()?;
    Ok((began.elapsed().as_secs_f64(), done))
}

fn grid(store: &Store) -> Done<GridState> {
    let mut state = GridState::default();
    store.grid_lines().poll_each(|line| {
        if let Line::Value(line) = line {
            state.apply(Happened::Grid(line));
        }
    })?;
    Ok(state)
}

/// What a view does: every run is adopted, and its reader kept.
fn attach(store: &Store, keys: &[TrialKey], threads: usize, state: &mut GridState) -> Done<usize> {
    let all = Mutex::new((state, vec![]));
    catch_up_all(store, keys, threads, |_, caught| {
        if let (Ok(CaughtUp { told, lines }), Ok(mut all)) = (caught, all.lock()) {
            all.0.adopt(told);
            all.1.push(lines);
        }
        ControlFlow::Continue(())
    });
    let (state, readers) = all.into_inner().map_err(|error| error.to_string())?;
    let told = state.runs().filter(|run| run.attempt > 0).count();
    if told == keys.len() { Ok(readers.len()) } else { Err(format!("{told} of {} runs", keys.len()).into()) }
}

/// The least that reading takes.
fn bytes(store: &Store, keys: &[TrialKey]) -> Done<usize> {
    let (mut sum, mut held) = (0, vec![0; 1 << 20]);
    for key in keys {
        let mut file = File::open(store.run(key).events_file())?;
        loop {
            match file.read(&mut held)? {
                0 => break,
                read => sum += read,
            }
        }
    }
    Ok(sum)
}

/// Most memory that this process had, in kB; `?` where the system does not say.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|rest| rest.trim().replace(" kB", ""));
    peak.unwrap_or_else(|| "?".to_owned())
}
