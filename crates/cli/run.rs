//! `mmtl run`: checks everything, makes the store, starts the scheduler, follows it and prints the tables.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mmtl_dash::{Leave, Looks};
use mmtl_grid::events::{Ending, GridEvent};
use mmtl_grid::store::{Command as Order, Grant, Store};
use mmtl_grid::{Catalogue, Experiment, GridError, Prepared, Stop, prepare, read_grid};

use crate::args::Run;
use crate::cost::print_costs;
use crate::failure::Failure;
use crate::follow::{Followed, follow};
use crate::preparing::DataProgress;
use crate::say::say;
use crate::table::print_tables;
use crate::watch::{is_terminal, show, theme};
use crate::workers::{cache_of, options, stop_at_ctrl_c};

/// Runs the grid of an experiment file, or goes on with it.
pub fn run(args: &Run) -> Result<(), Failure> {
    let catalogue = Catalogue::standard();
    let experiment = Experiment::read(&args.experiment, &catalogue).map_err(Failure::input)?;
    if args.costs.plan {
        return print_costs(args, &experiment, &catalogue);
    }
    let root = args.results.join(&experiment.name);
    Store::check(&root).map_err(Failure::input)?;
    let mut bar = DataProgress::new(args.plain);
    let cache = cache_of(&args.results);
    let execution = crate::engines::execution(&args.executed);
    crate::engines::engine(&execution, 1).map_err(Failure::input)?;
    let prepared = prepare(&experiment, &catalogue, &execution, &cache, &mut |progress| bar.show(progress));
    bar.end();
    let prepared = prepared.map_err(Failure::input)?;
    let fresh = !root.exists();
    let store = write(&root, &prepared, &experiment, &catalogue).map_err(|error| {
        // A folder that no scheduler has had yet holds nothing but what was just written.
        if fresh && !root.join("grid.jsonl").exists() {
            let _ = std::fs::remove_dir_all(&root);
        }
        prepared.take_back();
        Failure::input(error)
    })?;
    let stop = Stop::default();
    if !args.detach {
        // From before there is a scheduler, which would otherwise outlive an early Ctrl-C unnoticed.
        stop_at_ctrl_c(&stop)?;
    }
    let attempt = if let Some(running) = store.scheduler().map_err(Failure::failed)? {
        refuse_another(&store, &experiment, &prepared).map_err(Failure::input)?;
        eprintln!("this grid is running already; following it");
        attempt_of(&store, &running)?
    } else {
        let attempt = start_scheduler(&store, args, &stop)?;
        // Another `mmtl run` may have written its grid before the scheduler read ours.
        refuse_another(&store, &experiment, &prepared).map_err(Failure::failed)?;
        attempt
    };
    if args.detach {
        say(format_args!(
            "{} runs in the background; `mmtl table {}` shows how far it is",
            experiment.name,
            root.display()
        ))?;
        return Ok(());
    }
    if !args.plain && is_terminal() && !stop.is_set() {
        let left = show(&store, Looks { theme: theme(args.looks), replay: None, bench: None, frames: None })?;
        if left != Leave::Stopped && store.scheduler().map_err(Failure::failed)?.is_some() {
            return Ok(());
        }
    }
    finish(&store, attempt, &experiment.name, &stop, args.plain)
}

/// A grid that runs cannot become another one: of another file, or of the same on another engine or other data.
fn refuse_another(store: &Store, experiment: &Experiment, prepared: &Prepared) -> Result<(), String> {
    let path = store.experiment_file();
    let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    let running = read_grid(store).map_err(|error| error.to_string())?;
    // Those that tuning has come to stand behind those that were planned.
    let (theirs, ours) = (running.runs.iter(), prepared.grid.runs.iter());
    if text == experiment.text() && theirs.take(ours.len()).map(|run| &run.key).eq(ours.map(|run| &run.key)) {
        return Ok(());
    }
    let dir = store.root().display();
    Err(format!(
        "{dir} runs another version of this experiment; wait, or `mmtl ctl {dir} stop` first, or give this one another `name`"
    ))
}

/// The store with the grid in it; one that runs already stays as it is.
fn write(root: &Path, prepared: &Prepared, experiment: &Experiment, catalogue: &Catalogue) -> Result<Store, GridError> {
    let store = Store::create(root)?;
    if store.scheduler()?.is_none() {
        prepared.write(&store, experiment, catalogue)?;
    }
    Ok(store)
}

/// Follows the grid's scheduler, the `attempt`-th or a later one, to its end; `stop`, which Ctrl-C sets, lets the workers
/// checkpoint and stop.
fn finish(store: &Store, attempt: u32, name: &str, stop: &Stop, plain: bool) -> Result<(), Failure> {
    let Followed { ending, failed, unfinished, interrupted } = follow(store, attempt, stop, plain)?;
    print_tables(store)?;
    if interrupted {
        eprintln!("stopped; the next `mmtl run` of {name} goes on from here");
        return Err(Failure::interrupted());
    }
    let unchosen = unchosen(store)?;
    match (ending, failed) {
        (Some(Ending::Done), 0) if !unchosen.is_empty() => Err(Failure::failed(format!(
            "tuning had nothing to choose by for {}: no run that tried a setting has a score",
            unchosen.join(", ")
        ))),
        (None, _) => Err(Failure::failed("the scheduler died; the next `mmtl run` goes on")),
        (Some(Ending::Stopped), 0) if unfinished > 0 => {
            Err(Failure::failed(format!("stopped with {unfinished} unfinished; the next `mmtl run` of {name} goes on")))
        }
        (_, 0) => Ok(()),
        (_, 1) => Err(Failure::failed("1 run failed; `mmtl run --retry-failed` runs it again")),
        (_, failed) => Err(Failure::failed(format!("{failed} runs failed; `mmtl run --retry-failed` runs them again"))),
    }
}

/// Rows of the tables that tuning came to no choice for.
fn unchosen(store: &Store) -> Result<Vec<String>, Failure> {
    let grid = read_grid(store).map_err(Failure::failed)?;
    let groups = grid.tuning.into_iter().flat_map(|tuning| tuning.groups);
    let without = groups.filter(|group| group.outcome.as_ref().is_some_and(|outcome| outcome.choice.is_none()));
    Ok(without.map(|group| group.row.to_string()).collect())
}

/// Asks the scheduler to let its workers checkpoint and stop.
pub fn ask_to_stop(store: &Store) -> Result<(), Failure> {
    store.inbox().send(&Order::Stop).map_err(Failure::failed)
}

/// Starts `mmtl schedule` apart from this process and waits until it has the grid and says so: what earlier schedulers
/// told is then known to be old. Returns the attempt to follow.
fn start_scheduler(store: &Store, args: &Run, stop: &Stop) -> Result<u32, Failure> {
    let failed = |error: io::Error| Failure::failed(format!("the scheduler could not be started: {error}"));
    let before = last_told(store)?.0;
    let log_path = store.scheduler_log();
    let log = OpenOptions::new().create(true).append(true).open(&log_path).map_err(failed)?;
    let mut child = scheduler(store.root(), args, log).map_err(failed)?.spawn().map_err(failed)?;
    let asked = Instant::now();
    while last_told(store)?.0 == before {
        if let Some(early) = early_end(&mut child, &log_path).map_err(failed)? {
            // One that was started at the same moment may have been faster.
            let other = store.scheduler().map_err(Failure::failed)?;
            return other.map_or_else(|| early.map(|()| before), |other| attempt_of(store, &other));
        }
        let waits_long = asked.elapsed() > Duration::from_secs(30);
        if waits_long || stop.is_set() {
            // One that has the grid may have thousands of runs to look through, and heeds orders of meanwhile.
            let has_grid = store.scheduler().map_err(Failure::failed)?;
            if let (Some(running), true) = (&has_grid, stop.is_set()) {
                return attempt_of(store, running);
            }
            if has_grid.is_none() && waits_long {
                return Err(Failure::failed(format!("the scheduler does not answer; see {}", log_path.display())));
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(before + 1)
}

/// The attempt of the scheduler that has the grid, which may not have told of itself yet.
fn attempt_of(store: &Store, running: &Grant) -> Result<u32, Failure> {
    let (attempt, teller) = last_told(store)?;
    let own = teller.is_some_and(|(host, pid)| (&host, pid) == (&running.holder.host, running.holder.pid));
    Ok(if own { attempt } else { attempt + 1 })
}

/// The last attempt of which something was told, and the machine and process that said it had the grid.
fn last_told(store: &Store) -> Result<(u32, Option<(String, u32)>), Failure> {
    let mut last = (0, None);
    if store.grid_file().exists() {
        let told = store.grid_lines().poll_each(|line| {
            let Some(line) = line.into_value() else { return };
            last.0 = last.0.max(line.attempt);
            if let GridEvent::Opened { host, pid, .. } = line.event {
                last.1 = Some((host, pid));
            }
        });
        told.map_err(Failure::failed)?;
    }
    Ok(last)
}

/// A scheduler that has nothing to run ends before it is seen.
fn early_end(child: &mut Child, log: &Path) -> io::Result<Option<Result<(), Failure>>> {
    Ok(child.try_wait()?.map(|status| {
        if status.success() {
            Ok(())
        } else {
            Err(Failure::failed(format!("the scheduler ended ({status}); see {}", log.display())))
        }
    }))
}

fn scheduler(root: &Path, args: &Run, log: File) -> io::Result<Command> {
    let options = options(args.how, args.again);
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("schedule").arg(root);
    command.args(["--jobs", &options.jobs.to_string(), "--threads", &options.threads.to_string()]);
    command.args(args.how.fail_fast.then_some("--fail-fast"));
    command.args(options.retry_failed.then_some("--retry-failed"));
    command.args(options.retry_pruned.then_some("--retry-pruned"));
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(command)
}
