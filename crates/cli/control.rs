//! `mmtl ctl`: leaves a command in a grid's inbox, or a note in its store.

use std::collections::BTreeSet;

use mmtl_grid::schedule::reveal;
use mmtl_grid::store::{Command, Store, Target};
use mmtl_grid::{TrialKey, read_grid};

use crate::args::{Ctl, Order};
use crate::failure::Failure;

/// Sends an order to the scheduler of a grid.
pub fn control(args: &Ctl) -> Result<(), Failure> {
    let store = Store::open(&args.dir).map_err(Failure::input)?;
    let command = match &args.order {
        // The store remembers it, whether or not a scheduler lives.
        Order::RevealTest => return reveal(&store).map_err(Failure::failed),
        Order::Pause { keys } => Command::Pause(target(&store, keys)?),
        Order::Resume { keys } => Command::Resume(target(&store, keys)?),
        Order::Cancel { keys } => Command::Cancel(target(&store, keys)?),
        Order::Retry { keys } => Command::Retry(target(&store, keys)?),
        Order::Prune { keys } => Command::Prune(runs(&store, keys)?),
        Order::Priority { keys_and_number } => priority(&store, keys_and_number)?,
        Order::Jobs { jobs } => Command::Jobs(usize::from(*jobs)),
        Order::Drain => Command::Drain,
        Order::Stop => Command::Stop,
    };
    if store.scheduler().map_err(Failure::failed)?.is_none() {
        let again = match args.order {
            Order::Retry { .. } => "`mmtl run --retry-failed` (or `--retry-pruned`) runs again what ended so",
            _ => "`mmtl run` starts or goes on with a grid",
        };
        let message = format!("nothing runs in {}; {again}", args.dir.display());
        return Err(Failure::input(message));
    }
    store.inbox().send(&command).map_err(Failure::failed)
}

/// The runs that were typed; all of the grid when none was.
fn target(store: &Store, keys: &[String]) -> Result<Target, Failure> {
    if keys.is_empty() {
        return Ok(Target::Grid);
    }
    runs(store, keys).map(Target::Runs)
}

/// What `priority KEYS... N` asks for.
fn priority(store: &Store, keys_and_number: &[String]) -> Result<Command, Failure> {
    let Some((number, keys)) = keys_and_number.split_last() else {
        return Err(Failure::input("expected runs' keys and a whole number after `priority`"));
    };
    let Ok(priority) = number.parse() else {
        let message =
            format!("`{number}` is no priority, expected runs' keys and then a whole number, such as 1 or -1");
        return Err(Failure::input(message));
    };
    if keys.is_empty() {
        let message = "a priority of all runs would change nothing, expected some runs' keys before the number";
        return Err(Failure::input(message));
    }
    Ok(Command::Priority { runs: runs(store, keys)?, priority })
}

/// The runs whose keys begin with what was typed.
fn runs(store: &Store, keys: &[String]) -> Result<BTreeSet<TrialKey>, Failure> {
    let known: Vec<TrialKey> = read_grid(store).map_err(Failure::input)?.runs.into_iter().map(|run| run.key).collect();
    let mut runs = BTreeSet::new();
    for key in keys {
        let found: Vec<&TrialKey> = known.iter().filter(|known| known.as_str().starts_with(key.as_str())).collect();
        match found.as_slice() {
            [one] => runs.insert((*one).clone()),
            [] => {
                return Err(Failure::input(format!(
                    "no run's key begins with `{key}`; `mmtl table DIR --format json` and grid.jsonl name them"
                )));
            }
            [first, second, ..] => {
                return Err(Failure::input(format!(
                    "`{key}` begins several runs' keys ({first}, {second}), expected one"
                )));
            }
        };
    }
    Ok(runs)
}
