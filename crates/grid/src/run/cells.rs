//! The scores of a trial: every task × slice × scene and overall, by every metric of the task's kind.

use mmtl_data::{Dataset, Slice};
use mmtl_metrics::{Kind, Metric, Overall, Sample, Scored};
use mmtl_plan::TaskKind;
use mmtl_train::Prediction;

use crate::run::gather::PartPredictions;
use crate::store::{Cell, Rows};

/// The slice of all rows.
pub const ALL: &str = "all";

/// All cells of one part, in the order task, slice, metric, overall kinds, scenes.
///
/// # Errors
/// When predictions and labels do not belong together.
pub fn cells(dataset: &Dataset, predicted: &PartPredictions) -> Result<Vec<Cell>, mmtl_metrics::Error> {
    let mut cells = vec![];
    for (task, prediction) in predicted.tasks.iter().enumerate() {
        let Some(prediction) = prediction else { continue };
        let scorer = Scorer { dataset, predicted, task, prediction };
        scorer.slice(None, &mut cells)?;
        for slice in dataset.slices() {
            scorer.slice(Some(slice), &mut cells)?;
        }
    }
    Ok(cells)
}

struct Scorer<'a> {
    dataset: &'a Dataset,
    predicted: &'a PartPredictions,
    task: usize,
    prediction: &'a Prediction,
}

impl Scorer<'_> {
    fn slice(&self, slice: Option<&Slice>, cells: &mut Vec<Cell>) -> Result<(), mmtl_metrics::Error> {
        let schema = self.dataset.schema();
        let of_slice = |row: u32| slice.is_none_or(|slice| slice.contains(row));
        let pooled = self.rows(of_slice);
        let scenes: Vec<Known> = (0..schema.scenes.len())
            .map(|scene| self.rows(|row| of_slice(row) && self.dataset.scene(row) == scene))
            .collect();
        for metric in Metric::of(self.kind()) {
            let pooled = pooled.score(metric)?;
            let by_scene = scenes.iter().map(|known| known.score(metric)).collect::<Result<Vec<_>, _>>()?;
            let cell = |rows: Rows, scored: Scored| Cell {
                task: schema.tasks[self.task].name.clone(),
                slice: slice.map_or(ALL, Slice::name).to_owned(),
                space: schema.tasks[self.task].space.clone(),
                part: self.predicted.part.name().to_owned(),
                metric,
                rows,
                scored,
            };
            for overall in Overall::ALL {
                let mean = overall.of(&pooled, &by_scene);
                cells.push(cell(Rows::Overall(overall), Scored { score: mean.score, ..pooled }));
            }
            cells.extend(
                schema.scenes.iter().zip(by_scene).map(|(name, scored)| cell(Rows::Scene(name.clone()), scored)),
            );
        }
        Ok(())
    }

    fn kind(&self) -> Kind {
        match self.dataset.schema().tasks[self.task].kind {
            TaskKind::Binary => Kind::Binary,
            TaskKind::Regression { .. } => Kind::Regression,
            TaskKind::Multiclass { classes } => Kind::Multiclass { classes },
        }
    }

    /// The predictions, labels and weights of the known rows that `wanted` holds for.
    fn rows(&self, wanted: impl Fn(u32) -> bool) -> Known {
        let (mut places, mut labels, mut weights) = (vec![], vec![], vec![]);
        for (place, &row) in (0..).zip(&self.predicted.rows) {
            if let Some(label) = self.dataset.label(self.task, row).filter(|_| wanted(row)) {
                places.push(place);
                labels.push(label);
                weights.push(self.dataset.weight(row));
            }
        }
        let kind = self.kind();
        Known { kind, prediction: self.prediction.gather(&places, kind.width()), labels, weights }
    }
}

/// The known rows of one cell.
struct Known {
    kind: Kind,
    prediction: Prediction,
    labels: Vec<f64>,
    weights: Vec<f32>,
}

impl Known {
    fn score(&self, metric: Metric) -> Result<Scored, mmtl_metrics::Error> {
        let sample = Sample::new(self.kind, self.prediction.column(), &self.labels)?.with_weights(&self.weights)?;
        metric.score(&sample)
    }
}
