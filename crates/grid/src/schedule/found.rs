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
                Ok(_) => {
                    // Left behind by a worker that was killed right after its record.
                    store.run(&run.key).forget_checkpoints();
                    Ok(Self { phase: Some(Phase::Finished), status: RunStatus::Finished })
                }
                Err(GridError::Damaged { .. }) if options.retry_failed => {
                    store.run(&run.key).set_record_aside()?;
                    Ok(Self::queued())
                }
                Err(GridError::Damaged { path, reason }) => {
                    Ok(Self::failed(GridError::Damaged { path, reason }.to_string()))
                }
                Err(error) => Err(error),
            };
        }
        match before {
            Some(RunStatus::Cancelled) if !options.retry_failed => {
                return Ok(Self::cancelled());
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

    pub(super) fn cancelled() -> Self {
        Self { phase: Some(Phase::Cancelled), status: RunStatus::Cancelled }
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

#[cfg(test)]
mod tests {
    use mmtl_metrics::{Kind, Metric, Overall, Score, Scored};
    use mmtl_plan::{Space, Task, TaskKind};

    use super::*;
    use crate::experiment::Eval;
    use crate::store::{Cell, Record, Rows, Times};

    const OPTIONS: Options =
        Options { jobs: 1, threads: 1, fail_fast: false, retry_failed: false, retry_pruned: false };

    #[test]
    fn a_finished_run_that_lacks_a_score_is_queued() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        let key: TrialKey = "0123456789abcdef".parse().unwrap();
        std::fs::create_dir_all(store.run(&key).root()).unwrap();
        let cell = |metric| Cell {
            task: "click".into(),
            slice: "all".into(),
            space: Space::All,
            part: "test".into(),
            metric,
            rows: Rows::Overall(Overall::Pooled),
            scored: Scored::over(Score::Value(0.5), 9),
        };
        let cells = Metric::usual(Kind::Binary).map(cell).collect();
        let record = Record { numerics: "cpu".into(), fits: vec![], cells, selected: None };
        store.run(&key).finish(&record, &Times::default()).unwrap();
        let run = Planned {
            key,
            architecture: "mmoe".into(),
            protocol: "joint".into(),
            seed: 1,
            rows: vec![],
            not_applicable: None,
        };
        let task = |name: &str, kind| Task { name: name.into(), kind, space: Space::All, product_of: vec![] };
        let mut tasks = vec![task("click", TaskKind::Binary), task("stars", TaskKind::Multiclass { classes: 5 })];
        let checkpoint = store.run(&run.key).checkpoint_file(0);
        std::fs::write(&checkpoint, "left by a worker that was killed").unwrap();
        let status = |tasks: &[Task], metrics: &[Metric]| {
            let eval = Eval { metrics: metrics.to_vec(), at_looks: false };
            let grid = Grid { tasks: tasks.to_vec(), eval, ..Grid::default() };
            Found::of(&store, &grid, &run, Some(&RunStatus::Finished), OPTIONS).unwrap().status
        };
        assert_eq!(status(&tasks, &[]), RunStatus::Finished);
        assert!(!checkpoint.exists());
        assert_eq!(status(&tasks, &[Metric::LogLoss]), RunStatus::Finished);
        assert_eq!(status(&tasks, &[Metric::LogLoss, Metric::Ne]), RunStatus::Queued);
        // It predicts no task that these are defined for: of a task of two kinds, the other one's.
        assert_eq!(status(&tasks, &[Metric::R2, Metric::MacroF1]), RunStatus::Finished);
        tasks.insert(0, task("click", TaskKind::Multiclass { classes: 3 }));
        assert_eq!(status(&tasks, &[Metric::MacroF1]), RunStatus::Finished);
        assert_eq!(status(&tasks, &[Metric::Ne]), RunStatus::Queued);
    }
}
