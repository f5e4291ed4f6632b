//! The scores of a trial: every task × slice × scene and overall, by the usual metrics of the task's kind and those that
//! were asked for.

use mmtl_data::{Dataset, Part, Slice};
use mmtl_metrics::{Error, Kind, Metric, Overall, Reason, Sample, Score, Scored, Threshold};
use mmtl_train::Prediction;

use crate::run::gather::PartPredictions;
use crate::run::thresholds::Thresholds;
use crate::store::{Cell, Rows};

/// The slice of all rows.
pub const ALL: &str = "all";

/// All cells of the parts, in the order part, task, slice, metric, overall kinds, scenes. `asked`: metrics beside the
/// usual ones. `apart`: whether each scene has a fit, and so a threshold, of its own.
///
/// # Errors
/// When predictions and labels do not belong together.
pub fn cells(dataset: &Dataset, parts: &[PartPredictions], asked: &[Metric], apart: bool) -> Result<Vec<Cell>, Error> {
    let valid = parts.iter().find(|part| part.part == Part::Valid);
    let thresholds = match valid.filter(|_| asked.iter().any(|metric| metric.needs_threshold())) {
        Some(valid) => Thresholds::choose(dataset, valid, apart)?,
        None => Thresholds::none(dataset),
    };
    let mut cells = vec![];
    for predicted in parts {
        for (task, prediction) in predicted.tasks.iter().enumerate() {
            let Some(prediction) = prediction else { continue };
            let scorer = Scorer { dataset, predicted, task, prediction };
            scorer.slice(None, asked, thresholds.of(task), &mut cells)?;
            for slice in dataset.slices() {
                scorer.slice(Some(slice), asked, thresholds.of(task), &mut cells)?;
            }
        }
    }
    Ok(cells)
}

/// The usual metrics of a kind and those asked for that are defined for it, in their order.
pub(crate) fn metrics_of(kind: Kind, asked: &[Metric]) -> Vec<Metric> {
    let asked = asked.iter().copied().filter(|metric| metric.applies_to(kind));
    let mut metrics: Vec<Metric> = Metric::usual(kind).chain(asked).collect();
    metrics.sort_unstable();
    metrics.dedup();
    metrics
}

pub(super) struct Scorer<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) predicted: &'a PartPredictions,
    pub(super) task: usize,
    pub(super) prediction: &'a Prediction,
}

impl Scorer<'_> {
    fn slice(
        &self,
        slice: Option<&Slice>,
        asked: &[Metric],
        thresholds: &[Score],
        cells: &mut Vec<Cell>,
    ) -> Result<(), Error> {
        let schema = self.dataset.schema();
        let of_slice = |row: u32| slice.is_none_or(|slice| slice.contains(row));
        let pooled = self.rows(of_slice);
        let scenes: Vec<Known> = (0..schema.scenes.len())
            .map(|scene| self.rows(|row| of_slice(row) && self.dataset.scene(row) == scene))
            .collect();
        for metric in metrics_of(self.kind(), asked) {
            let pooled = pooled.score(metric, thresholds)?;
            let by_scene = scenes.iter().map(|known| known.score(metric, thresholds)).collect::<Result<Vec<_>, _>>()?;
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
        self.dataset.schema().tasks[self.task].kind.into()
    }

    /// The predictions, labels and weights of the known rows that `wanted` holds for.
    pub(super) fn rows(&self, wanted: impl Fn(u32) -> bool) -> Known {
        let mut known = Known::default();
        let mut places = vec![];
        for (place, &row) in (0..).zip(&self.predicted.rows) {
            if let Some(label) = self.dataset.label(self.task, row).filter(|_| wanted(row)) {
                places.push(place);
                known.labels.push(label);
                known.weights.push(self.dataset.weight(row));
                known.scenes.push(self.dataset.scene(row));
                known.groups.extend(self.dataset.group(row));
            }
        }
        let kind = self.kind();
        Known { kind, prediction: self.prediction.gather(&places, kind.width()), ..known }
    }
}

/// The known rows of one cell.
pub(super) struct Known {
    kind: Kind,
    prediction: Prediction,
    labels: Vec<f64>,
    weights: Vec<f32>,
    scenes: Vec<usize>,
    /// Of each row, or none where the data has no groups.
    groups: Vec<u64>,
}

impl Default for Known {
    fn default() -> Self {
        let (labels, weights, scenes, groups) = (vec![], vec![], vec![], vec![]);
        Self { kind: Kind::Binary, prediction: Prediction::Values(vec![]), labels, weights, scenes, groups }
    }
}

impl Known {
    pub(super) fn score(&self, metric: Metric, thresholds: &[Score]) -> Result<Scored, Error> {
        let mut each = vec![];
        let sample = self.sample()?;
        if metric.needs_threshold() {
            return metric.score(&sample.with_threshold(self.threshold(thresholds, &mut each))?);
        }
        metric.score(&sample)
    }

    /// That of all rows, if the scenes that they are from share one; else each scene's for its own rows, if all have one.
    fn threshold<'a>(&self, of_scenes: &[Score], each: &'a mut Vec<f64>) -> Threshold<'a> {
        let of_row = |scene: &usize| of_scenes[*scene];
        let Some(first) = self.scenes.first().map(of_row) else { return Threshold::Missing(Reason::Empty) };
        if self.scenes.iter().map(of_row).all(|threshold| threshold == first) {
            return first.into();
        }
        for threshold in self.scenes.iter().map(of_row) {
            match threshold {
                Score::Value(threshold) => each.push(threshold),
                Score::Undefined(reason) => return Threshold::Missing(reason),
            }
        }
        Threshold::Each(each)
    }

    pub(super) fn sample(&self) -> Result<Sample<'_>, Error> {
        let sample = Sample::new(self.kind, self.prediction.column(), &self.labels)?.with_weights(&self.weights)?;
        // No row has no group to miss: it is the rows that the score lacks.
        if self.groups.len() == self.labels.len() { sample.with_groups(&self.groups) } else { Ok(sample) }
    }
}
