//! `mmtl ctl`: leaves a command in a grid's inbox.

use std::collections::BTreeSet;

use mmtl_grid::store::{Command, Store, Target};
use mmtl_grid::{TrialKey, read_grid};

use crate::args::{Ctl, Order};
use crate::failure::Failure;

/// Sends an order to the scheduler of a grid.
pub fn control(args: &Ctl) -> Result<(), Failure> {
    let store = Store::open(&args.dir).map_err(Failure::input)?;
    let command = match &args.order {
        Order::Pause { keys } => Command::Pause(target(&store, keys)?),
        Order::Resume { keys } => Command::Resume(target(&store, keys)?),
        Order::Cancel { keys } => Command::Cancel(target(&store, keys)?),
        Order::Retry { keys } => Command::Retry(target(&store, keys)?),
        Order::Jobs { jobs } => Command::Jobs(usize::from(*jobs)),
        Order::Stop => Command::Stop,
    };
    if store.scheduler().map_err(Failure::failed)?.is_none() {
        let message = format!("nothing runs in {}; `mmtl run` starts or goes on with a grid", args.dir.display());
        return Err(Failure::input(message));
    }
    store.inbox().send(&command).map_err(Failure::failed)
}

/// The runs whose keys begin with what was typed; all of the grid when nothing was.
fn target(store: &Store, keys: &[String]) -> Result<Target, Failure> {
    if keys.is_empty() {
        return Ok(Target::Grid);
    }
    let known: Vec<TrialKey> = read_grid(store).map_err(Failure::input)?.runs.into_iter().map(|run| run.key).collect();
    let mut runs = BTreeSet::new();
    for key in keys {
        let found: Vec<&TrialKey> = known.iter().filter(|known| known.as_str().starts_with(key.as_str())).collect();
        match found.as_slice() {
            [one] => runs.insert((*one).clone()),
            [] => {
                return Err(Failure::input(format!(
                    "no run's key begins with `{key}`; `mmtl table` and grid.jsonl name them"
                )));
            }
            [first, second, ..] => {
                return Err(Failure::input(format!(
                    "`{key}` begins several runs' keys ({first}, {second}), expected one"
                )));
            }
        };
    }
    Ok(Target::Runs(runs))
}
