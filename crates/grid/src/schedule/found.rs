//! The states in which a scheduler finds the runs of a grid.

use super::Options;
use super::queue::Phase;
use crate::error::GridError;
use crate::events::{GridState, Happened, RunEvent, RunStatus};
use crate::key::TrialKey;
use crate::planned::{Grid, Planned};
use crate::rescore::lacks;
use crate::store::{Line, Store};

/// How a run is found.
#[derive(Debug)]
pub(super) struct Found {
    /// In the queue; `None` for a run that makes no sense and is not in it.
    pub(super) phase: Option<Phase>,
    /// What is told of it.
    pub(super) status: RunStatus,
}

impl Found {
    /// `before` is what the last scheduler told of the run.
    pub(super) fn of(
        store: &Store,
        grid: &Grid,
        run: &Planned,
        before: Option<&RunStatus>,
        options: Options,
    ) -> Result<Self, GridError> {
        if let Some(reason) = &run.not_applicable {
            return Ok(Self { phase: None, status: RunStatus::NotApplicable { reason: reason.clone() } });
        }
        if store.run(&run.key).is_finished() {
            return match store.run(&run.key).record() {
                // Its worker scores what is asked for by now, and trains nothing.
                Ok(record) if lacks(&record, grid) => Ok(Self::queued()),
                Ok(_) => Ok(Self { phase: Some(Phase::Finished), status: RunStatus::Finished }),
                Err(GridError::Damaged { path, reason }) => {
                    Ok(Self::failed(GridError::Damaged { path, reason }.to_string()))
                }
                Err(error) => Err(error),
            };
        }
        match before {
            Some(RunStatus::Cancelled) if !options.retry_failed => {
                return Ok(Self { phase: Some(Phase::Cancelled), status: RunStatus::Cancelled });
            }
            Some(RunStatus::Pruned) if !options.retry_pruned => {
                return Ok(Self { phase: Some(Phase::Pruned), status: RunStatus::Pruned });
            }
            Some(RunStatus::Cancelled | RunStatus::Pruned) => return Ok(Self::queued()),
            _ => {}
        }
        Ok(match failure(store, &run.key)?.filter(|_| !options.retry_failed) {
            Some(reason) => Self::failed(reason),
            None => Self::queued(),
        })
    }

    fn queued() -> Self {
        Self { phase: Some(Phase::Queued), status: RunStatus::Queued }
    }

    fn failed(reason: String) -> Self {
        Self { phase: Some(Phase::Failed(reason.clone())), status: RunStatus::Failed { reason } }
    }
}

/// What schedulers have told so far.
pub(super) fn told(store: &Store) -> Result<GridState, GridError> {
    let mut state = GridState::default();
    store.grid_lines().poll_each(|line| {
        if let Line::Value(line) = line {
            state.apply(Happened::Grid(line));
        }
    })?;
    Ok(state)
}

/// Why a run failed, if that is the last that its worker told. A worker that was killed tells nothing, so its run goes
/// on from its checkpoint.
pub(super) fn failure(store: &Store, key: &TrialKey) -> Result<Option<String>, GridError> {
    let mut last = None;
    store.run(key).events().poll_each(|line| {
        if let Line::Value(line) = line {
            last = match line.event {
                RunEvent::Failed { reason } => Some(reason),
                _ => None,
            };
        }
    })?;
    Ok(last)
}
