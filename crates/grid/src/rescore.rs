//! Scores that were asked for when a run had finished: its predictions are kept, so that nothing is trained again.

use std::collections::BTreeSet;

use mmtl_data::Dataset;
use mmtl_metrics::{Kind, Metric};
use mmtl_plan::Task;
use mmtl_zoo::Protocol;

use crate::configuration::Configuration;
use crate::error::GridError;
use crate::planned::Grid;
use crate::round::Round;
use crate::run::{RunError, cells, restored};
use crate::store::{Record, RunFolder, predictions};

/// Whether a record lacks a score that its grid asks for. Of a run that tries a setting, none is asked for.
pub(crate) fn lacks(record: &Record, grid: &Grid) -> bool {
    if grid.eval.is_usual() || record.selected.is_some() {
        return false;
    }
    let scored: BTreeSet<(&str, Metric)> = record.cells.iter().map(|cell| (cell.task.as_str(), cell.metric)).collect();
    // Of a task that is of one kind here and of another there, the kind whose scores these are.
    let is_of = |task: &&Task| {
        let (name, kind) = (task.name.as_str(), Kind::from(task.kind));
        let mut of_task = scored.iter().filter(|(task, _)| *task == name);
        of_task.all(|(_, metric)| metric.applies_to(kind)) && Metric::usual(kind).all(|m| scored.contains(&(name, m)))
    };
    grid.subjects().filter(is_of).any(|task| {
        let mut defined = grid.eval.metrics.iter().filter(|metric| metric.applies_to(task.kind.into()));
        defined.any(|metric| !scored.contains(&(task.name.as_str(), *metric)))
    })
}

/// Writes the record of a finished run again, with the scores `asked` for beside those that it has: what it would be had
/// they been asked for before it ran.
///
/// # Errors
/// When the predictions cannot be read, are not of this data, or the record cannot be written.
pub(crate) fn rescore(
    run: &RunFolder,
    configuration: &Configuration,
    dataset: &Dataset,
    (round, asked): (Round, &[Metric]),
) -> Result<(), RunError> {
    let record = run.record()?;
    let path = run.predictions_file();
    let parts = restored(dataset, round.parts(), &predictions::read(&path)?)
        .map_err(|reason| GridError::damaged(&path, reason))?;
    let mut metrics: Vec<Metric> = record.cells.iter().map(|cell| cell.metric).chain(asked.iter().copied()).collect();
    metrics.sort_unstable();
    metrics.dedup();
    let cells = cells(dataset, &parts, &metrics, configuration.protocol == Protocol::PerScene)?;
    Ok(run.replace_record(&Record { cells, ..record })?)
}
