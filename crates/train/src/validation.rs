//! Scoring validation rows.

use mmtl_data::Dataset;
use mmtl_metrics::skill::{Baseline, skill};
use mmtl_metrics::{Kind, Metric, Sample, Score, best_threshold};
use mmtl_plan::{Output, Plan};

use crate::criterion::Criterion;
use crate::error::TrainError;
use crate::evaluation::{CellScores, OutputScores};
use crate::predict::Prediction;

/// The labels of a fit's validation rows, gathered once.
#[derive(Debug)]
pub(crate) struct Validation {
    rows: Vec<u32>,
    outputs: Vec<Labelled>,
}

/// The known rows of one output's task.
#[derive(Debug)]
struct Labelled {
    task: usize,
    kind: Kind,
    baseline: Baseline,
    metrics: Vec<Metric>,
    all: Cell,
    scenes: Vec<Cell>,
}

#[derive(Debug, Default)]
struct Cell {
    /// Places among the validation rows.
    places: Vec<u32>,
    /// Labels in original units.
    labels: Vec<f64>,
    /// Row weights.
    weights: Vec<f32>,
    /// Group of each row; none where the data has no groups, or no metric asks for them.
    groups: Vec<u64>,
}

impl Validation {
    /// Of `rows`, for the outputs of `plan`: by the usual metrics, that of `criterion`, and those of `more` that are
    /// defined for an output's task.
    pub(crate) fn new(dataset: &Dataset, plan: &Plan, rows: &[u32], criterion: Criterion, more: &[Metric]) -> Self {
        let labelled = |output: &Output| {
            let kind = Kind::from(dataset.schema().tasks[output.task].kind);
            let mut metrics: Vec<Metric> = more.iter().copied().filter(|metric| metric.applies_to(kind)).collect();
            metrics.extend(Metric::usual(kind).chain(criterion.metric_of(output.task)));
            metrics.sort_unstable();
            metrics.dedup();
            Labelled::new(dataset, output, rows, metrics)
        };
        let outputs = plan.outputs.iter().map(labelled).collect();
        Self { rows: rows.to_vec(), outputs }
    }

    /// The rows, in the order in which they are to be predicted.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Scores of every output.
    pub(crate) fn score(&self, predictions: &[Prediction]) -> Result<Vec<OutputScores>, TrainError> {
        self.outputs.iter().zip(predictions).map(|(labelled, prediction)| labelled.score(prediction)).collect()
    }
}

impl Labelled {
    fn new(dataset: &Dataset, output: &Output, rows: &[u32], metrics: Vec<Metric>) -> Self {
        let schema = dataset.schema();
        let (task, task_kind) = (output.task, schema.tasks[output.task].kind);
        let is_grouped = metrics.iter().any(|metric| metric.is_within_groups());
        let mut all = Cell::default();
        let mut scenes: Vec<Cell> = schema.scenes.iter().map(|_| Cell::default()).collect();
        for (place, &row) in (0..).zip(rows) {
            let Some(label) = dataset.label(task, row) else { continue };
            let weight = dataset.weight(row);
            let group = dataset.group(row).filter(|_| is_grouped);
            for cell in [&mut all, &mut scenes[dataset.scene(row)]] {
                cell.places.push(place);
                cell.labels.push(label);
                cell.weights.push(weight);
                cell.groups.extend(group);
            }
        }
        Self { task, kind: task_kind.into(), baseline: dataset.base(task).baseline(task_kind), metrics, all, scenes }
    }

    fn score(&self, prediction: &Prediction) -> Result<OutputScores, TrainError> {
        let threshold = if self.metrics.iter().any(|metric| metric.needs_threshold()) {
            Some(self.all.threshold(self.kind, prediction)?)
        } else {
            None
        };
        let score = |cell: &Cell| cell.score(self, prediction, threshold);
        let scenes = self.scenes.iter().map(score).collect::<Result<_, _>>()?;
        Ok(OutputScores { task: self.task, all: score(&self.all)?, scenes })
    }
}

impl Cell {
    /// The threshold that these rows would have decided by.
    fn threshold(&self, kind: Kind, prediction: &Prediction) -> Result<Score, TrainError> {
        let predicted = prediction.gather(&self.places, kind.width());
        Ok(best_threshold(&self.sample(kind, &predicted)?)?)
    }

    fn score(
        &self,
        of: &Labelled,
        prediction: &Prediction,
        threshold: Option<Score>,
    ) -> Result<CellScores, TrainError> {
        let predicted = prediction.gather(&self.places, of.kind.width());
        let mut sample = self.sample(of.kind, &predicted)?;
        if let Some(threshold) = threshold {
            sample = sample.with_threshold(threshold)?;
        }
        let metrics = of.metrics.iter().map(|metric| Ok((*metric, metric.score(&sample)?)));
        Ok(CellScores { skill: skill(&sample, &of.baseline)?, metrics: metrics.collect::<Result<_, TrainError>>()? })
    }

    fn sample<'a>(&'a self, kind: Kind, predicted: &'a Prediction) -> Result<Sample<'a>, TrainError> {
        let mut sample = Sample::new(kind, predicted.column(), &self.labels)?;
        if self.weights.iter().any(|weight| *weight != 1.0) {
            sample = sample.with_weights(&self.weights)?;
        }
        if self.groups.len() == self.labels.len() && !self.groups.is_empty() {
            sample = sample.with_groups(&self.groups)?;
        }
        Ok(sample)
    }
}
