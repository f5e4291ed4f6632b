//! `tuned.json`: what the scheduler chose, and the runs that show it. It belongs to one `planned.json`, whose hash it has;
//! beside another it says nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::GridError;
use crate::planned::{Grid, Planned};
use crate::store::{FormatVersion, Store, atomic, read_json, to_json};
use crate::tuning::{Outcome, Tuning};

const VERSION: FormatVersion = FormatVersion(1);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TunedFile {
    version: FormatVersion,
    /// BLAKE3 of `planned.json`.
    plan: String,
    /// Of each group.
    outcomes: Vec<Option<Outcome>>,
    runs: Vec<Planned>,
}

/// Adds to a grid, whose `planned.json` has these bytes, what was chosen so far.
pub(crate) fn read_tuned(store: &Store, plan: &[u8], grid: &mut Grid) -> Result<(), GridError> {
    let path = file(store);
    let Some(tuning) = grid.tuning.as_mut().filter(|_| path.exists()) else { return Ok(()) };
    let tuned: TunedFile = read_json(&path, VERSION)?;
    if tuned.plan != hash(plan) {
        return Ok(());
    }
    if tuned.outcomes.len() != tuning.groups.len() {
        return Err(GridError::damaged(&path, "it has other groups than planned.json"));
    }
    for (group, outcome) in tuning.groups.iter_mut().zip(tuned.outcomes) {
        group.outcome = outcome;
    }
    let known: BTreeSet<_> = grid.runs.iter().map(|run| run.key.clone()).collect();
    grid.runs.extend(tuned.runs.into_iter().filter(|run| !known.contains(&run.key)));
    Ok(())
}

/// Writes what was chosen for the grid whose `planned.json` has these bytes.
pub(crate) fn write_tuned(store: &Store, plan: &[u8], tuning: &Tuning, runs: &[Planned]) -> Result<(), GridError> {
    let path = file(store);
    let outcomes = tuning.groups.iter().map(|group| group.outcome.clone()).collect();
    let tuned = TunedFile { version: VERSION, plan: hash(plan), outcomes, runs: runs.to_vec() };
    atomic::replace(&path, &to_json(&tuned, &path)?)
}

fn hash(plan: &[u8]) -> String {
    blake3::hash(plan).to_hex().to_string()
}

fn file(store: &Store) -> PathBuf {
    store.root().join("tuned.json")
}
