//! What a grid will cost, known before anything is trained.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use mmtl_data::{Dataset, Part};
use mmtl_plan::{Engine, Footprint};
use mmtl_train::{FitMemory, prediction_bytes};

use crate::catalogue::Catalogue;
use crate::configuration::Execution;
use crate::error::GridError;
use crate::experiment::Experiment;
use crate::planned::{Opened, Planned, Preparing, prepare_each};
use crate::round::Round;
use crate::run::{RunError, TrialFit};
use crate::trial::Row;

/// What a grid costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// The experiment's name.
    pub experiment: String,
    /// Runs at once.
    pub jobs: usize,
    /// Threads of each.
    pub threads: usize,
    /// What is tuned first, if anything.
    pub tuning: Option<TuningCost>,
    /// Its configurations, in the order in which their first runs start.
    pub configurations: Vec<ConfigurationCost>,
    /// Configurations that make no sense and are not run, with the reason.
    pub not_applicable: Vec<(Row, String)>,
    /// Floating-point operations of all runs.
    pub flops: u128,
    /// Bytes of the `jobs` largest runs together; `None` where the engine cannot tell.
    pub memory: Option<u64>,
    /// Bytes of the largest mapped data sets that so many runs can have open, which runs on the same data share.
    pub mapped: u64,
}

/// What tuning costs. Of the runs that follow, nobody knows their settings before: the costliest is told.
#[derive(Clone, Debug, PartialEq)]
pub struct TuningCost {
    /// Runs that try settings.
    pub runs: usize,
    /// Runs that show what was chosen.
    pub fresh: usize,
    /// Settings that each row of the tables may try.
    pub settings: usize,
    /// Rows that try fewer, since they have no more, with how many.
    pub fewer: Vec<(Row, usize)>,
}

/// Runs that cost the same: those that differ by their seeds, or by what changes neither shapes nor steps.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigurationCost {
    /// What they have in common.
    pub row: Row,
    /// How many there are.
    pub runs: usize,
    /// What one costs; where seeds draw different data, the one that takes most memory.
    pub cost: TrialCost,
}

/// What one run costs. Its fits follow each other: operations add up, and memory is that of the largest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialCost {
    /// Dense parameters of all fits.
    pub dense_parameters: u64,
    /// Parameters of all fits' embedding tables.
    pub table_parameters: u64,
    /// Floating-point operations of a row's forward pass through all fits that train on it.
    pub forward_flops_per_row: u64,
    /// Those of a row's training step: forward and backward.
    pub training_flops_per_row: u64,
    /// Steps when patience ends no fit early.
    pub steps: u64,
    /// Floating-point operations of an epoch's steps.
    pub epoch_flops: u128,
    /// Those of the run: all epochs, evaluations, and the predictions at the end.
    pub flops: u128,
    /// Bytes of the engine's session; `None` where the engine cannot tell.
    pub session: Option<Footprint>,
    /// Bytes of copied weights: the best so far, and a checkpoint while it is written.
    pub snapshots: u64,
    /// Bytes of batches prepared ahead.
    pub batches: u64,
    /// Bytes of lists of rows, labels and predictions, and of rows that are not mapped from a file.
    pub rows: u64,
    /// Bytes of the rows that are mapped.
    pub mapped: u64,
}

impl TrialCost {
    /// Bytes that the run alone takes.
    pub fn memory(&self) -> Option<u64> {
        Some(self.session?.total() + self.snapshots + self.batches + self.rows)
    }

    fn of(opened: &Opened<'_>, engine: &dyn Engine) -> Result<Self, RunError> {
        let Opened { round, settings, fits, dataset, .. } = *opened;
        let cached = settings.data.bool("cache");
        let mut memories = vec![];
        let (mut dense, mut tables, mut steps, mut forward) = (0, 0, 0, 0);
        let (mut epoch_flops, mut flops) = (0, 0);
        for TrialFit { spec, .. } in fits {
            memories.push(spec.memory(engine, dataset)?);
            let cost = spec.plan.cost();
            dense += cost.dense_parameters as u64;
            tables += cost.table_parameters as u64;
            steps += spec.training.timetable(spec.rows.train().len()).steps();
            forward += cost.forward_flops_per_row as u128 * spec.rows.train().len() as u128;
            epoch_flops += spec.epoch_flops();
            let predicted = scored_rows(dataset, round, spec.rows.scene());
            flops += spec.training_flops() + cost.forward_flops_per_row as u128 * predicted as u128;
        }
        let most = |memory: &&FitMemory| memory.session.map_or(0, |session| session.total()) + memory.around_session();
        let largest = memories.iter().max_by_key(most);
        let forward = (forward / dataset.rows(Part::Train).len().max(1) as u128) as u64;
        let (own, mapped) = if cached { (0, dataset.bytes()) } else { (dataset.bytes(), 0) };
        Ok(Self {
            dense_parameters: dense,
            table_parameters: tables,
            forward_flops_per_row: forward,
            training_flops_per_row: 3 * forward,
            steps,
            epoch_flops,
            flops,
            session: largest.and_then(|memory| memory.session),
            snapshots: largest.map_or(0, |memory| memory.snapshots),
            batches: largest.map_or(0, |memory| memory.batches),
            rows: largest.map_or(0, |memory| memory.rows) + rows_of_run(fits, dataset, round) + own,
            mapped,
        })
    }
}

/// Rows that a fit predicts when it is trained: those of its round.
fn scored_rows(dataset: &Dataset, round: Round, scene: Option<usize>) -> usize {
    let rows = round.parts().iter().flat_map(|part| dataset.rows(*part));
    rows.filter(|row| scene.is_none_or(|scene| dataset.scene(**row) == scene)).count()
}

/// Bytes of the parts' rows, of each fit's, and of what is kept of every predicted row until the run ends.
fn rows_of_run(fits: &[TrialFit], dataset: &Dataset, round: Round) -> u64 {
    let of_fits: usize = fits.iter().map(|fit| fit.spec.rows.train().len() + fit.spec.rows.valid().len()).sum();
    let mut predicted: BTreeMap<usize, usize> = BTreeMap::new();
    for plan in fits.iter().map(|fit| &fit.spec.plan) {
        predicted.extend(plan.outputs.iter().map(|output| (output.task, prediction_bytes(plan, output.task))));
    }
    let of_scored = size_of::<u32>() + predicted.values().sum::<usize>();
    (size_of::<u32>() * (dataset.len() + of_fits) + of_scored * scored_rows(dataset, round, None)) as u64
}

/// Opens the data of every trial, as a run does, and says what the grid would cost on `engine` with `jobs` runs of
/// `threads` threads at once. Data that is prepared on the way stays for the run.
///
/// # Errors
/// As [`crate::prepare`].
pub fn forecast(
    experiment: &Experiment,
    catalogue: &Catalogue,
    (execution, engine): (&Execution, &dyn Engine),
    (jobs, threads): (usize, usize),
    cache: &Path,
    progress: &mut dyn FnMut(Preparing),
) -> Result<Forecast, GridError> {
    let mut costs = BTreeMap::new();
    let prepared = prepare_each(experiment, catalogue, execution, cache, progress, &mut |opened| {
        costs.insert(opened.at, TrialCost::of(opened, engine)?);
        Ok(())
    })?;
    let known = prepared.trials();
    let runs: Vec<(&Planned, &str)> = known
        .chain(prepared.later.iter().map(|(run, trial)| (run, trial)))
        .map(|(run, trial)| (run, trial.fingerprint.as_str()))
        .collect();
    costliest(&mut costs, &runs, prepared.grid.runs.len());
    let mut memory: Vec<Option<u64>> = costs.values().map(TrialCost::memory).collect();
    memory.sort_by_key(|bytes| Reverse(*bytes));
    let mut mapped: Vec<(u64, &str)> = costs.iter().map(|(at, cost)| (cost.mapped, runs[*at].1)).collect();
    mapped.sort_by_key(|data_set| Reverse(*data_set));
    mapped.dedup();
    let planned: Vec<&Planned> = runs.iter().map(|(run, _)| *run).collect();
    let tried = prepared.grid.runs.len();
    // One setting of a row may make no sense where tuning can come to another.
    let tuned = planned.iter().filter(|run| prepared.grid.tuning.is_some() && !run.is_tuning());
    let applies: HashSet<String> = tuned.filter(|run| run.not_applicable.is_none()).map(|run| row_of(run)).collect();
    Ok(Forecast {
        experiment: experiment.name.clone(),
        jobs,
        threads,
        tuning: prepared.grid.tuning.as_ref().map(|tuning| TuningCost {
            runs: costs.range(..tried).count(),
            fresh: costs.range(tried..).count(),
            settings: tuning.budget,
            fewer: tuning.fewer().map(|group| (group.row.clone(), group.settings.len())).collect(),
        }),
        flops: costs.values().map(|cost| cost.flops).sum(),
        memory: memory.into_iter().take(jobs).sum(),
        mapped: mapped.iter().take(jobs).map(|(bytes, _)| bytes).sum(),
        configurations: configurations(costs.iter().map(|(at, cost)| (seedless(planned[*at]), cost))),
        not_applicable: not_applicable(
            planned.iter().copied().filter(|run| !run.is_tuning() && !applies.contains(&row_of(run))),
        ),
    })
}

/// Leaves one of the runs that tuning may choose for a seed of a row: the costliest.
fn costliest(costs: &mut BTreeMap<usize, TrialCost>, runs: &[(&Planned, &str)], known: usize) {
    let mut kept: HashMap<String, usize> = HashMap::new();
    let later: Vec<usize> = costs.range(known..).map(|(at, _)| *at).collect();
    for at in later {
        let name = row_of(runs[at].0);
        let by_cost = |at: &usize| costs.get(at).map(|cost| (cost.flops, cost.memory()));
        match kept.get(&name).copied() {
            Some(before) if by_cost(&before) >= by_cost(&at) => drop(costs.remove(&at)),
            before => {
                kept.insert(name, at);
                before.map(|before| costs.remove(&before));
            }
        }
    }
}

/// A run's first row and its seed, which runs of all settings that a row may come to have in common.
fn row_of(run: &Planned) -> String {
    format!("{:?} {}", run.rows[0], run.seed)
}

/// Combinations that make no sense, each reason of an architecture once.
fn not_applicable<'a>(runs: impl Iterator<Item = &'a Planned>) -> Vec<(Row, String)> {
    let mut found: Vec<(Row, String)> = vec![];
    for run in runs {
        let Some(reason) = &run.not_applicable else { continue };
        let row = seedless(run);
        match found.iter_mut().find(|(known, why)| known.architecture == row.architecture && why == reason) {
            Some((known, _)) => in_common(known, &row),
            None => found.push((row, reason.clone())),
        }
    }
    found
}

/// A run's first row without the values of seeds.
fn seedless(run: &Planned) -> Row {
    let mut row = run.rows[0].clone();
    row.values.retain(|(key, _)| !key.starts_with("seeds."));
    row
}

/// Runs of a row, and what they cost from seed to seed.
struct Alike {
    row: Row,
    runs: usize,
    costs: Vec<TrialCost>,
}

fn configurations<'a>(runs: impl Iterator<Item = (Row, &'a TrialCost)>) -> Vec<ConfigurationCost> {
    // Found by their text: a grid may have tens of thousands of each.
    let (mut rows, mut row_of) = (Vec::<Alike>::new(), HashMap::new());
    for (row, cost) in runs {
        let at = *row_of.entry(format!("{row:?}")).or_insert(rows.len());
        if at == rows.len() {
            rows.push(Alike { row, runs: 0, costs: vec![] });
        }
        rows[at].runs += 1;
        rows[at].costs.push(cost.clone());
    }
    let (mut merged, mut merged_of) = (Vec::<Alike>::new(), HashMap::new());
    for next in rows {
        let at = *merged_of
            .entry(format!("{} {} {:?}", next.row.architecture, next.row.tuning, next.costs))
            .or_insert(merged.len());
        if at == merged.len() {
            merged.push(next);
        } else {
            merged[at].runs += next.runs;
            in_common(&mut merged[at].row, &next.row);
        }
    }
    let configuration = |Alike { row, runs, costs }: Alike| {
        // The first of equals, so that the order of seeds decides.
        let cost = costs.into_iter().rev().max_by_key(|cost| (cost.memory(), cost.flops));
        cost.map(|cost| ConfigurationCost { row, runs, cost })
    };
    merged.into_iter().filter_map(configuration).collect()
}

/// Leaves what `other` has too.
fn in_common(row: &mut Row, other: &Row) {
    row.values.retain(|value| other.values.contains(value));
    row.ablation.take_if(|ablation| other.ablation.as_ref() != Some(ablation));
    row.baseline &= other.baseline;
}
