//! Scoring validation rows.

use mmtl_data::Dataset;
use mmtl_metrics::skill::{Baseline, skill};
use mmtl_metrics::{Kind, Metric, Sample};
use mmtl_plan::{Output, Plan};

use crate::criterion::kind;
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
}

impl Validation {
    /// Of `rows`, for the outputs of `plan`.
    pub(crate) fn new(dataset: &Dataset, plan: &Plan, rows: &[u32]) -> Self {
        let outputs = plan.outputs.iter().map(|output| Labelled::new(dataset, output, rows)).collect();
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
    fn new(dataset: &Dataset, output: &Output, rows: &[u32]) -> Self {
        let schema = dataset.schema();
        let (task, task_kind) = (output.task, schema.tasks[output.task].kind);
        let mut all = Cell::default();
        let mut scenes: Vec<Cell> = schema.scenes.iter().map(|_| Cell::default()).collect();
        for (place, &row) in (0..).zip(rows) {
            let Some(label) = dataset.label(task, row) else { continue };
            let weight = dataset.weight(row);
            for cell in [&mut all, &mut scenes[dataset.scene(row)]] {
                cell.places.push(place);
                cell.labels.push(label);
                cell.weights.push(weight);
            }
        }
        Self { task, kind: kind(task_kind), baseline: dataset.base(task).baseline(task_kind), all, scenes }
    }

    fn score(&self, prediction: &Prediction) -> Result<OutputScores, TrainError> {
        let score = |cell: &Cell| cell.score(self.kind, &self.baseline, prediction);
        let scenes = self.scenes.iter().map(score).collect::<Result<_, _>>()?;
        Ok(OutputScores { task: self.task, all: score(&self.all)?, scenes })
    }
}

impl Cell {
    fn score(&self, kind: Kind, baseline: &Baseline, prediction: &Prediction) -> Result<CellScores, TrainError> {
        let predicted = prediction.gather(&self.places, kind.width());
        let mut sample = Sample::new(kind, predicted.column(), &self.labels)?;
        if self.weights.iter().any(|weight| *weight != 1.0) {
            sample = sample.with_weights(&self.weights)?;
        }
        let metrics = Metric::of(kind).map(|metric| Ok((metric, metric.score(&sample)?)));
        Ok(CellScores { skill: skill(&sample, baseline)?, metrics: metrics.collect::<Result<_, TrainError>>()? })
    }
}
