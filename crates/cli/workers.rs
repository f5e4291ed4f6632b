//! The hidden commands: `mmtl schedule`, which outlives the terminal, and `mmtl worker`, which it starts.

use std::ffi::c_int;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::available_parallelism;

use mmtl_grid::events::Ending;
use mmtl_grid::schedule::{Options, exit};
use mmtl_grid::store::Store;
use mmtl_grid::worker::{Tools, work as run_worker};
use mmtl_grid::{Catalogue, GridError, Stop, TrialKey};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::args::{Again, How, Schedule, Worker};
use crate::engines::engine;
use crate::failure::Failure;

/// Folder of prepared data, shared by the grids of one folder of results.
pub fn cache_of(results: &Path) -> PathBuf {
    results.join(".cache")
}

/// The folder of results that a grid's folder lies in.
pub fn results_of(dir: &Path) -> PathBuf {
    dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Jobs and threads, the cores shared out where they are not given.
pub fn options(how: How, again: Again) -> Options {
    let cores = available_parallelism().map_or(1, usize::from);
    let jobs = how.jobs.map_or(cores, usize::from);
    let threads = how.threads.map_or((cores / jobs).max(1), usize::from);
    let Again { retry_failed, retry_pruned } = again;
    Options { jobs, threads, fail_fast: how.fail_fast, retry_failed, retry_pruned }
}

/// Sets the flag at Ctrl-C, SIGTERM and SIGHUP.
fn stop_at_signals(stop: &Stop) -> Result<(), Failure> {
    set_at(&[SIGINT, SIGTERM, SIGHUP], stop)
}

/// Sets the flag at Ctrl-C only: a terminal that is closed leaves the grid running.
pub fn stop_at_ctrl_c(stop: &Stop) -> Result<(), Failure> {
    set_at(&[SIGINT], stop)
}

fn set_at(signals: &[c_int], stop: &Stop) -> Result<(), Failure> {
    for signal in signals {
        flag::register(*signal, stop.flag())
            .map_err(|error| Failure::failed(format!("signals cannot be caught: {error}")))?;
    }
    Ok(())
}

/// `mmtl schedule`: runs the grid until nothing is left or it is told to stop.
pub fn schedule(args: &Schedule) -> Result<(), Failure> {
    // A process of its own session hears neither the terminal's Ctrl-C nor its hang-up.
    let _ = rustix::process::setsid();
    let stop = Stop::default();
    stop_at_signals(&stop)?;
    let store = Store::open(&args.dir).map_err(Failure::input)?;
    let program =
        std::env::current_exe().map_err(|error| Failure::failed(format!("the program cannot be found: {error}")))?;
    let (catalogue, options) = (Catalogue::standard(), options(args.how, args.again));
    let ending = mmtl_grid::schedule::schedule(&store, &catalogue, &program, options, &stop);
    match ending.map_err(Failure::failed)? {
        Some(Ending::Done | Ending::Stopped) => Ok(()),
        Some(Ending::FailedFast) => Err(Failure::failed("a run failed")),
        None => Err(Failure::failed("another scheduler has this grid")),
    }
}

/// `mmtl worker`: its exit code says how the run ended.
pub fn work(args: &Worker) -> ExitCode {
    let stop = Stop::default();
    stop.at_end_of(io::stdin());
    match try_to_work(args, &stop) {
        // Everything is written. A device that hangs would hang its libraries' farewells too.
        Ok(code) if code == exit::FAILED => signal_hook::low_level::exit(code.into()),
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.report();
            ExitCode::from(exit::FAILED)
        }
    }
}

fn try_to_work(args: &Worker, stop: &Stop) -> Result<u8, Failure> {
    stop_at_signals(stop)?;
    let key: TrialKey = args.key.parse().map_err(|error: GridError| Failure::input(error))?;
    let store = Store::open(&args.dir).map_err(Failure::input)?;
    let threads = usize::from(args.threads);
    // What is shared among cores outside the engine, as preparing data is, takes no more of them than the run may.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(|error| Failure::failed(format!("cannot start threads: {error}")))?;
    let cache = cache_of(&results_of(&args.dir));
    let catalogue = Catalogue::standard();
    let tools =
        Tools { catalogue: &catalogue, engine: &|execution| engine(execution, threads), cache: &cache, threads };
    run_worker(&store.run(&key), tools, stop).map(|ended| ended.code()).map_err(Failure::failed)
}
